"""The models that the preferences lead to, and what is said of them."""

import shutil

import bpy
import pytest
from osteon import preferences
from osteon.core.bodies import licensed
from osteon.core.errors import InputError
from osteon.operators.bodies import body_file, licensed_for


def test_check_lists_what_is_found_and_what_is_missing(settings, models):
    assert bpy.ops.osteon.check_models() == {"FINISHED"}
    assert {gap.kind for gap in licensed.missing(preferences._examined)} == {"SKEL", "SMPL", "STAR", "SMPL-H", "SMPL-X"}
    settings.models = str(models)
    settings.skel_female = str(models / "SMPL_MALE.pkl")
    assert preferences._examined is None, "what was found elsewhere is forgotten"
    bpy.ops.osteon.check_models()
    found = {model.path.name: (model.kind, model.gender) for model in preferences._examined}
    assert found == {"skel_male.pkl": ("SKEL", "male"), "SMPL_MALE.pkl": ("SMPL", "male"), "notes.pkl": ("", "")}
    assert len(preferences._examined) == 3
    assert "no body model that Osteon knows" in next(m.what for m in preferences._examined if not m.kind)
    missing = licensed.missing(preferences._examined)
    assert ("STAR", "STAR 1.0 or 1.1, model.npz of each gender", "star.is.tue.mpg.de") in missing
    gaps = {gap.kind for gap in missing}
    assert "SKEL female" in gaps
    assert not gaps & {"SKEL", "SKEL male"}


def test_files_are_read_once(models, monkeypatch):
    read = []
    load = licensed.load_body
    monkeypatch.setattr(licensed, "load_body", lambda path: read.append(path.name) or load(path))
    copy = models / "other.pkl"
    shutil.copy(models / "skel_male.pkl", copy)
    for _ in range(2):
        assert licensed.examine(copy).kind == "SKEL"
    assert read == ["other.pkl"]
    shutil.copy(models / "notes.pkl", copy)
    assert licensed.examine(copy).kind == ""
    assert read == ["other.pkl"] * 2


def test_models_are_taken_from_the_folder_or_as_named(context, settings, models):
    with pytest.raises(InputError, match="No file is set for SKEL Male"):
        body_file(context, "skel-male")
    settings.models = str(models)
    assert body_file(context, "skel-male") == str(models / "skel_male.pkl")
    with pytest.raises(InputError, match="No file is set for SKEL Female"):
        body_file(context, "skel-female")
    male = str(models / "skel_male.pkl")
    assert licensed_for(context, "male") == licensed_for(context, "neutral") == male
    assert licensed_for(context, "female") is None
    settings.models = ""
    assert licensed_for(context, "male") is None
    settings.skel_female = str(models / "notes.pkl")
    assert body_file(context, "skel-female") == str(models / "notes.pkl")


def test_what_is_set_but_not_there(context, settings, models):
    settings.models = str(models)
    settings.skel_male = "/nowhere/skel_male.pkl"
    with pytest.raises(InputError, match=r"/nowhere/skel_male\.pkl is not there: choose SKEL Male anew in Preferences"):
        licensed_for(context, "male")
    bpy.ops.osteon.check_models()
    assert next(m.what for m in preferences._examined if not m.kind) == "/nowhere/skel_male.pkl is not there"
    settings.skel_male, settings.models = "", "/nowhere"
    with pytest.raises(InputError, match="/nowhere is not there: choose Models anew in Preferences"):
        body_file(context, "skel-male")
    bpy.ops.osteon.check_models()
    assert [m.what for m in preferences._examined] == ["/nowhere is not there"]
    bpy.ops.osteon.add_body(body="open-male", joints="SMPL")
    assert bpy.ops.osteon.convert_to_skel(frame_start=1, frame_end=1) == {"FINISHED"}, "it needs none of them"


def test_a_smpl_mesh_is_converted_with_the_users_model(context, settings, models):
    settings.models = str(models)
    bpy.ops.osteon.add_body(body="skel-male", joints="SMPL")
    settings.models = ""
    for obj in (context.object, context.object.parent):
        obj.name, obj.data.name = f"m_{obj.type}", "m"
    with pytest.raises(RuntimeError, match=r"which needs a SKEL body instead of open-male: set skel_male\.pkl, from"):
        bpy.ops.osteon.convert_to_skel(frame_start=1, frame_end=1)
    settings.models = str(models)
    subdivided = context.object.modifiers.new("Smoother", "SUBSURF")
    with pytest.raises(
        RuntimeError, match=r"not the skin of skel_male, with .* instead of 6,890 .*: turn off Smoother"
    ):
        bpy.ops.osteon.convert_to_skel(frame_start=1, frame_end=1)
    context.object.modifiers.remove(subdivided)
    assert bpy.ops.osteon.convert_to_skel(frame_start=1, frame_end=1) == {"FINISHED"}
    assert context.object.data["osteon_fit"].startswith("skel_male, mean 0.")
