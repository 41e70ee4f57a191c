"""A body on SMPL's joints in the scene stands where core has it, as far as its armature goes."""

import bpy
import numpy as np
import pytest
import torch
from osteon.core.bodies.load import load_body
from osteon.scene import surfaces as scene_surfaces
from osteon.scene.smpl import add_smpl_body, set_smpl_pose
from osteon.scene.surfaces import metres, surfaces

POSE = np.random.default_rng(3).normal(0, 0.4, 72)
TRANS = np.array([0.3, 0.1, -0.5])


def whole(reading):
    """What a generator returns."""
    while True:
        try:
            next(reading)
        except StopIteration as end:
            return end.value


def test_skin_and_joints_are_cores(context):
    body = load_body("open-smpl-female")
    betas = np.random.default_rng(5).uniform(-1.5, 1.5, 10)
    armature, skin = add_smpl_body(context, body, betas)
    assert context.view_layer.objects.active == skin
    assert list(context.selected_objects) == [skin]
    set_smpl_pose(armature, POSE, TRANS, 7)
    context.scene.frame_set(7)
    pose, trans = torch.tensor(POSE)[None], torch.tensor(TRANS)[None]
    out = body(pose, torch.tensor(betas), trans, pose_correctives=False)
    found = {}

    def recognise(points, triangles):
        found.update(points=points, triangles=triangles)
        return np.arange(5)

    whole(surfaces(context, skin, [7], recognise))
    points, triangles = found.values()
    assert np.abs(points - out.skin[0].numpy()).max() < 2e-5
    assert np.array_equal(triangles, body.faces)


def test_surfaces_are_metres_in_the_world(context):
    armature, skin = add_smpl_body(context, load_body("open-smpl-male"))
    chosen = np.array([5000, 3, 77])
    armature.location, armature.scale = (1, 2, 3), (2, 2, 2)
    armature.keyframe_insert("location", frame=1)
    armature.location.x = 3
    armature.keyframe_insert("location", frame=3)
    context.scene.frame_set(2, subframe=0.5)
    found = whole(surfaces(context, skin, [1, 3], lambda points, triangles: chosen))
    assert (context.scene.frame_current, context.scene.frame_subframe) == (2, 0.5)
    co = np.array([skin.data.vertices[int(v)].co for v in chosen])
    for points, x in zip(found, (1, 3), strict=True):
        world = 2 * co + (x, 2, 3)
        assert np.abs(points - np.stack([world[:, 0], world[:, 2], -world[:, 1]], 1)).max() < 1e-5


def test_reading_may_stop_between_frames(context, monkeypatch):
    monkeypatch.setattr(scene_surfaces, "EVERY", 0.0)
    _, skin = add_smpl_body(context, load_body("open-smpl-male"))
    context.scene.frame_set(4, subframe=0.25)
    reading = surfaces(context, skin, range(1, 9), lambda points, triangles: np.arange(3))
    assert [next(reading), next(reading), next(reading)] == [0, 1 / 8, 2 / 8]
    assert context.scene.frame_current == 2
    reading.close()
    assert (context.scene.frame_current, context.scene.frame_subframe) == (4, 0.25)
    assert whole(surfaces(context, skin, [1, 2], lambda points, triangles: np.arange(3))).shape == (2, 3, 3)


@pytest.mark.parametrize(("system", "expected"), [("METRIC", 0.01), ("IMPERIAL", 0.01), ("NONE", 1.0)])
def test_units(context, system, expected):
    units = bpy.context.scene.unit_settings
    units.system, units.scale_length = system, 0.01
    assert metres(context.scene) == pytest.approx(expected)
