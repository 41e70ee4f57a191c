"""Clavicles and patellae in the scene; that they are where core has them is tested with the whole rig."""

import bpy
import numpy as np
import pytest
import torch
from osteon.core.anatomy.joints import POSE_INDEX
from osteon.core.anatomy.limits import hold
from osteon.scene.axes import to_blender
from osteon.scene.body import add_body
from osteon.scene.followers import follower_names
from osteon.scene.rig import MECHANISM, get_pose, set_pose

NAMES = ["clavicle_r", "clavicle_l", "patella_r", "patella_l"]


@pytest.fixture
def body(model):
    return model("parts")


def shown(obj: bpy.types.Object, group: str) -> np.ndarray:
    """(V, 3) the vertices of a group as evaluated, in the armature's space."""
    mesh = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    index = obj.vertex_groups[group].index
    return np.array([v.co for v in mesh.vertices if any(g.group == index for g in v.groups)])


def part(body, name: str, q: np.ndarray, betas: np.ndarray) -> np.ndarray:
    bones = body(torch.tensor(q)[None], torch.tensor(betas)[None], bones=True).bones[0].numpy()
    return to_blender(bones[body.bone_parts == body.bone_part_names.index(name)])


def test_bodies_without_followers_have_no_bones_for_them(context, model):
    body = model("synthetic")
    assert follower_names(body) == []
    armature = add_body(context, body).armature
    assert "Followers" not in armature.data.collections
    assert not set(NAMES) & set(armature.data.bones.keys())


def test_bones_are_locked_and_out_of_the_way(context, body, betas):
    assert follower_names(body) == NAMES
    armature = add_body(context, body, betas).armature
    collection = armature.data.collections["Followers"]
    assert sorted(bone.name for bone in collection.bones) == sorted(NAMES)
    assert not collection.is_visible
    for name in NAMES:
        bone = armature.pose.bones[name]
        assert bone.bone.use_deform
        assert bone.parent.name == ("thorax" if name.startswith("clavicle") else f"femur_{name[-1]}")
        assert all((*bone.lock_location, *bone.lock_rotation, *bone.lock_scale))
        assert all((bone.lock_ik_x, bone.lock_ik_y, bone.lock_ik_z))
    for side in "rl":
        target = armature.data.bones[f"{MECHANISM}acromion_{side}"]
        assert not target.use_deform
        assert target.parent.name == f"scapula_{side}"
        assert (target.head_local - armature.data.bones[f"clavicle_{side}"].tail_local).length < 1e-6
    assert set(armature.data.collections["Mechanism"].bones.keys()).isdisjoint(NAMES)


def test_a_scaled_and_turned_armature_takes_them_along(context, body, betas):
    made = add_body(context, body, betas)
    made.armature.scale = (1.7, 1.7, 1.7)
    made.armature.rotation_euler = (0.3, -0.4, 2.0)
    q = hold(np.random.default_rng(4).uniform(-0.3, 0.6, 46), body.limits)
    set_pose(made.armature, q)
    context.view_layer.update()
    for name in NAMES:
        assert np.abs(shown(made.bones, name) - part(body, name, q, betas)).max() < 1e-4, name


def test_a_patella_follows_the_displayed_angle(context, body, betas):
    made = add_body(context, body, betas)
    high = body.limits[POSE_INDEX["knee_angle_r"], 1]
    q = np.zeros(46)
    q[POSE_INDEX["knee_angle_r"]] = high + 0.5
    set_pose(made.armature, q)
    context.view_layer.update()
    q[POSE_INDEX["knee_angle_r"]] = high
    assert np.abs(shown(made.bones, "patella_r") - part(body, "patella_r", q, betas)).max() < 1e-4


def test_followers_have_no_angles(context, body):
    armature = add_body(context, body).armature
    for name in NAMES:
        armature.pose.bones[name].rotation_euler = (1.0, 2.0, 3.0)
    assert not get_pose(armature)[0].any()
