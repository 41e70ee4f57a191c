"""The models that the preferences lead to, and what is said of them."""

import shutil

import bpy
import pytest
from osteon import preferences
from osteon.core.bodies import licensed
from osteon.core.errors import InputError
from osteon.operators.bodies import body_file, candidates


def test_check_lists_what_is_found_and_what_is_missing(settings, models):
    assert bpy.ops.osteon.check_models() == {"FINISHED"}
    assert {kind for kind, _, _ in preferences.missing()} == {"SKEL", "SMPL", "STAR", "SMPL-H", "SMPL-X"}
    settings.models = str(models)
    settings.skel_female = str(models / "SMPL_MALE.pkl")
    assert preferences._examined is None, "what was found elsewhere is forgotten"
    bpy.ops.osteon.check_models()
    found = {model.path.name: (model.kind, model.gender) for model in preferences._examined}
    assert found == {"skel_male.pkl": ("SKEL", "male"), "SMPL_MALE.pkl": ("SMPL", "male"), "notes.pkl": ("", "")}
    assert len(preferences._examined) == 3
    assert "no body model that Osteon knows" in next(m.what for m in preferences._examined if not m.kind)
    assert ("STAR", "STAR 1.0 or 1.1, model.npz of each gender", "star.is.tue.mpg.de") in preferences.missing()
    assert "SKEL" not in {kind for kind, _, _ in preferences.missing()}


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
    settings.skel_female = "/elsewhere/skel_female.pkl"
    assert body_file(context, "skel-female") == "/elsewhere/skel_female.pkl"
    male = str(models / "skel_male.pkl")
    assert candidates(context, "auto", "male") == [male, "open-male"]
    assert candidates(context, "auto", "neutral") == [male, "open-neutral"]
    assert candidates(context, "auto", "child") == [male, "open-child"]
    assert candidates(context, "open-child", "male") == ["open-child"]
    settings.models = ""
    assert candidates(context, "auto", "male") == ["open-male"]


def test_a_smpl_mesh_is_converted_with_the_users_model(context, settings, models):
    settings.models = str(models)
    bpy.ops.osteon.add_body(body="skel-male", joints="SMPL")
    context.object.name = "m_avg"
    settings.models = ""
    for obj in (context.object, context.object.parent):
        obj.name, obj.data.name = f"m_{obj.type}", "m"
    with pytest.raises(RuntimeError, match="No file is set for SKEL Male: choose it in Preferences"):
        bpy.ops.osteon.convert_to_skel(frame_start=1, frame_end=1)
    settings.models = str(models)
    assert bpy.ops.osteon.convert_to_skel(frame_start=1, frame_end=1) == {"FINISHED"}
    assert context.object.data["osteon_fit"].startswith("mean 0.")
