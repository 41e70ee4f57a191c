"""Adding a body: where it stands, undo, and what every error leaves: nothing."""

import bpy
import numpy as np
import pytest
from osteon.scene import body as scene_body


def vertices(obj):
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(evaluated.data.vertices), np.float32)
    evaluated.data.vertices.foreach_get("co", points)
    return points.reshape(-1, 3) @ np.array(evaluated.matrix_world.to_3x3()).T + evaluated.matrix_world.translation


def test_body_stands_at_the_cursor(context):
    context.scene.cursor.location = (1.0, 2.0, 0.5)
    assert bpy.ops.osteon.add_body(body="open-male") == {"FINISHED"}
    rig = context.object
    assert rig.type == "ARMATURE"
    assert rig.data["osteon_body"] == "open-male"
    skin = vertices(next(child for child in rig.children if child.name.endswith("Skin")))
    assert skin[:, 2].min() == pytest.approx(0.5, abs=2e-3)
    assert (skin.min(0) + skin.max(0))[:2] / 2 == pytest.approx([1.0, 2.0], abs=0.15)
    assert np.ptp(skin[:, 2]) == pytest.approx(1.75, abs=0.15)
    assert [obj.name for obj in context.selected_objects] == [rig.name]


def test_betas_and_location_are_properties(context):
    bpy.ops.osteon.add_body(betas=(2.0, *[0.0] * 9), location=(0, 0, 3))
    assert list(context.object.data["osteon_betas"]) == [2.0] + [0.0] * 9
    assert vertices(context.object.children[0])[:, 2].min() > 2.9


def test_height_and_weight(context):
    bpy.ops.osteon.add_body(body="open-female", measured=True, stature=1.75, mass=70)
    skin = next(child for child in context.object.children if child.name.endswith("Skin"))
    assert np.ptp(vertices(skin)[:, 2]) == pytest.approx(1.75, abs=1e-3)


def test_smpls_joints(context):
    """A body as it comes from elsewhere: it stands as the other does, and its skin is ready to be converted."""
    context.scene.cursor.location = (1.0, 2.0, 0.5)
    bpy.ops.osteon.add_body(body="open-female", joints="SMPL", measured=True, stature=1.75, mass=70)
    skin = context.object
    assert (skin.type, len(skin.parent.data.bones)) == ("MESH", 24)
    points = vertices(skin)
    assert points[:, 2].min() == pytest.approx(0.5, abs=2e-3)
    assert np.ptp(points[:, 2]) == pytest.approx(1.75, abs=1e-3)
    assert bpy.ops.osteon.convert_to_skel.poll()


def test_no_such_height(unchanged):
    with unchanged("no shape of 2.5 m"):
        bpy.ops.osteon.add_body(measured=True, stature=2.5, mass=30)


def test_pose_mode_of_another_body_is_left(context):
    bpy.ops.osteon.add_body()
    bpy.ops.object.mode_set(mode="POSE")
    assert bpy.ops.osteon.add_body(body="open-female") == {"FINISHED"}
    assert context.mode == "OBJECT"


@pytest.mark.parametrize("mode", ["OBJECT", "EDIT", "SCULPT"])
def test_failure_half_way(mode, unchanged, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(scene_body, "add_parts", fail)
    bpy.ops.object.mode_set(mode=mode)
    with unchanged("Add Body failed: ZeroDivisionError: by nought"):
        bpy.ops.osteon.add_body()


def test_missing_asset(unchanged, monkeypatch, tmp_path):
    monkeypatch.setenv("OSTEON_ASSETS", str(tmp_path))
    with unchanged(r"open asset open-neutral\.npz is missing"):
        bpy.ops.osteon.add_body()


def test_licensed_model_that_is_not_set(unchanged):
    with unchanged("No file is set for SKEL Male: choose it in Preferences"):
        bpy.ops.osteon.add_body(body="skel-male")


def test_light_detail_has_fewer_bone_vertices(context):
    counts = []
    for detail in ("MEDIUM", "LIGHT"):
        bpy.ops.osteon.add_body(detail=detail)
        bones = next(child for child in context.object.children if "Bones" in child.name)
        counts.append(len(bones.data.vertices))
    assert counts[1] < 0.5 * counts[0]
