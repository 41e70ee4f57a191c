"""The people of a photo: seen by the photo's camera where core saw them, standing on the floor, keyed."""

import bpy
import numpy as np
import pytest
import torch
from bpy_extras.object_utils import world_to_camera_view
from osteon.core.anatomy.joints import JOINT_NAMES
from osteon.scene.people import add_people
from osteon.scene.rig import get_pose

FOCAL = 700.0


def result_of(body, size):
    rng = np.random.default_rng(4)
    low, high = np.nan_to_num(body.limits, posinf=0.4, neginf=-0.4).T * 0.5
    people = [
        {"pose": rng.uniform(low, high), "betas": rng.uniform(-1, 1, 10), "trans": np.array(trans)}
        for trans in ((0.3, 0.2, -4.0), (-0.9, 0.1, -5.0))
    ]
    return {"image_size": size, "focal": FOCAL, "body": body.name, "people": people}


@pytest.fixture(params=[(640, 480), (480, 852)], ids=["landscape", "portrait"])
def seen(request, context, body):
    size = request.param
    result = result_of(body, size)
    image = bpy.data.images.new("photo", *size)
    context.scene.frame_set(7)
    people = add_people(context, body, result, image)
    context.view_layer.update()
    return body, result, people, image


def test_joints_lie_on_their_pixels(context, seen):
    body, result, people, _ = seen
    width, height = result["image_size"]
    camera = context.scene.camera
    for person, made in zip(result["people"], people, strict=True):
        pose, betas, trans = (torch.tensor(person[key])[None] for key in ("pose", "betas", "trans"))
        joints = body(pose, betas, trans, skin=False).joints[0].numpy()
        x, y = (FOCAL * joints[:, i] / -joints[:, 2] for i in (0, 1))
        expected = np.stack([width / 2 + x, height / 2 - y], -1)
        shown = [
            world_to_camera_view(
                context.scene, camera, made.armature.matrix_world @ made.armature.pose.bones[name].head
            )
            for name in JOINT_NAMES
        ]
        shown = np.array([(v.x * width, (1 - v.y) * height) for v in shown])
        assert np.abs(shown - expected).max() < 0.1


def test_a_scene_in_centimetres(context, model):
    units = context.scene.unit_settings
    units.system, units.scale_length = "METRIC", 0.01
    body = model("synthetic")
    result = result_of(body, (640, 480))
    people = add_people(context, body, result, bpy.data.images.new("photo", 640, 480))
    context.view_layer.update()
    heads = [made.armature.matrix_world @ made.armature.pose.bones["pelvis"].head for made in people]
    joints = [
        body(*(torch.tensor(person[key])[None] for key in ("pose", "betas", "trans"))).joints[0, 0].numpy()
        for person in result["people"]
    ]
    assert (heads[1] - heads[0]).length == pytest.approx(100 * np.linalg.norm(joints[1] - joints[0]), rel=1e-4)
    distance = (context.scene.camera.location - heads[0]).length
    assert distance == pytest.approx(100 * np.linalg.norm(joints[0]), rel=1e-4)


def test_the_lowest_skin_stands_on_the_floor(context, seen):
    _, _, people, _ = seen
    lowest = []
    for made in people:
        mesh = made.skin.evaluated_get(context.evaluated_depsgraph_get())
        lowest.append(min((mesh.matrix_world @ v.co).z for v in mesh.data.vertices))
    assert abs(min(lowest)) < 1e-4
    assert np.hypot(*(people[0].armature.matrix_world @ people[0].armature.pose.bones["pelvis"].head).xy) < 1e-4


def test_poses_are_keyed_on_the_frame(context, seen):
    _, result, people, _ = seen
    for person, made in zip(result["people"], people, strict=True):
        action = made.armature.animation_data.action
        assert tuple(action.frame_range) == (7, 7)
        for bone in made.armature.pose.bones:
            bone.rotation_euler = (0, 0, 0)
        context.scene.frame_set(7)
        q, trans = get_pose(made.armature)
        assert np.allclose(q, person["pose"], atol=1e-6)
        assert np.allclose(trans, person["trans"], atol=1e-6)
    assert [made.armature.name for made in people] == ["Person 1 Skeleton", "Person 2 Skeleton"]


def test_the_photo_is_behind_the_scene(context, seen):
    _, result, _, image = seen
    camera = context.scene.camera.data
    assert camera.show_background_images
    (background,) = camera.background_images
    assert (background.image, background.display_depth, background.frame_method) == (image, "BACK", "FIT")
    render = context.scene.render
    assert (render.resolution_x, render.resolution_y, render.resolution_percentage) == (*result["image_size"], 100)
