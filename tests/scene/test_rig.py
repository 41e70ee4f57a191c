"""The rig in Blender against core: the same angles put every joint, bone and skin point in the same place."""

import bpy
import numpy as np
import pytest
import torch
from mathutils import Vector
from osteon.core.anatomy.joints import JOINT_NAMES, JOINTS, PARENTS, POSE_NAMES, pose_slice
from osteon.core.anatomy.limits import (
    COUPLED,
    MIRROR_PERMUTATION,
    MIRROR_SIGNS,
    coupled_within,
    hold,
    mirror_pose,
    uniform,
)
from osteon.scene.axes import to_blender
from osteon.scene.body import add_body
from osteon.scene.followers import follower_names
from osteon.scene.rig import (
    LIMITS,
    MECHANISM,
    SHARED_LIMITS,
    channels,
    displayed_ranges,
    get_pose,
    is_rig,
    set_pose,
    widen_limits,
)

INSIDE, OUTSIDE = 200, 20
POSITION = 1e-4  # metres
ORIENTATION = np.radians(0.02)


def poses(body, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """q within the limits, then q up to half a radian outside them, and a trans for each."""
    rng = np.random.default_rng(seed)
    low, high = np.nan_to_num(body.limits, posinf=np.pi, neginf=-np.pi).T
    inside = rng.uniform(low, high, (INSIDE, len(POSE_NAMES)))
    outside = np.where(rng.random((OUTSIDE, len(POSE_NAMES))) < 0.5, low, high)
    outside += rng.uniform(0, 0.5, outside.shape) * np.where(outside == low, -1, 1)
    inside[2:42] = np.where(rng.random((40, len(POSE_NAMES))) < 0.5, low, high)  # where limits meet
    inside[0] = 0
    inside[1] = 1e-6  # where the arcs of the spine are straight
    inside = hold(inside, body.limits)
    q = np.concatenate([inside, outside])
    return q, rng.normal(0, 0.5, (len(q), 3))


def mute_limits(armature: bpy.types.Object, mute: bool) -> None:
    for bone in armature.pose.bones:
        if LIMITS in bone.constraints:
            bone.constraints[LIMITS].mute = mute


def shown_matrices(armature: bpy.types.Object) -> np.ndarray:
    """(24, 4, 4) pose matrices of the joints' bones."""
    return np.array([armature.pose.bones[name].matrix for name in JOINT_NAMES])


def shown_vertices(obj: bpy.types.Object) -> np.ndarray:
    """(V, 3) as the armature deforms them, in the armature's space."""
    mesh = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    vertices = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", vertices)
    return vertices.reshape(-1, 3)


def angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of rotations (..., 3, 3); from their distance, which stays exact where the cosine does not."""
    distance = np.linalg.norm(a - b, axis=(-2, -1)) / np.sqrt(8)
    return 2 * np.arcsin(np.minimum(distance, 1))


def test_rig_shows_what_core_computes(context, body, betas):
    made = add_body(context, body, betas, location=(0.4, -0.2, 0.9))
    q, trans = poses(body, 3)
    with torch.no_grad():
        out = body(
            *(torch.tensor(a, dtype=torch.float64) for a in (q, np.tile(betas, (len(q), 1)), trans)),
            bones=True,
        )
    joints, skin, bones = (to_blender(t.numpy()) for t in (out.joints, out.skin, out.bones))
    turns = out.transforms[..., :3, :3].numpy()
    turns = to_blender(to_blender(turns).swapaxes(-1, -2)).swapaxes(-1, -2)  # C R C', C from core's axes to Blender's
    rest = np.array([made.armature.data.bones[name].matrix_local for name in JOINT_NAMES])[:, :3, :3]

    worst = dict.fromkeys(("joint", "orientation", "skin", "bones"), 0.0)
    for i in range(len(q)):
        mute_limits(made.armature, i >= INSIDE)
        set_pose(made.armature, q[i], trans[i])
        context.view_layer.update()
        shown = shown_matrices(made.armature)
        worst["joint"] = max(worst["joint"], np.abs(shown[:, :3, 3] - joints[i]).max())
        worst["orientation"] = max(worst["orientation"], angle_between(shown[:, :3, :3], turns[i] @ rest).max())
        worst["skin"] = max(worst["skin"], np.abs(shown_vertices(made.skin) - skin[i]).max())
        worst["bones"] = max(worst["bones"], np.abs(shown_vertices(made.bones) - bones[i]).max())
    assert worst["joint"] < POSITION
    assert worst["orientation"] < ORIENTATION
    assert worst["skin"] < POSITION
    assert worst["bones"] < POSITION


def test_each_limited_channel_stops_at_its_limit(context, body):
    armature = add_body(context, body).armature
    rest = {bone.name: bone.matrix_local.copy() for bone in armature.data.bones}
    for bone in (armature.pose.bones[name] for name in JOINT_NAMES):
        for channel in channels(bone):
            for limit, way in zip(body.limits[channel.parameter], (-1, 1), strict=True):
                if np.isinf(limit):
                    continue
                q = np.zeros(len(POSE_NAMES))
                q[channel.parameter] = limit + way * np.radians(30)
                set_pose(armature, q, frame=1)
                context.view_layer.update()
                parent = bone.parent
                local = (parent.matrix @ rest[parent.name].inverted() @ rest[bone.name]).inverted() @ bone.matrix
                shown = channel.sign * local.to_euler(bone.rotation_mode)[channel.axis]
                assert np.degrees(abs(shown - limit)) < 0.01, POSE_NAMES[channel.parameter]
                assert np.isclose(get_pose(armature)[0][channel.parameter], q[channel.parameter])


def test_displacement_follows_the_displayed_angle(context, body):
    """A spine or scapula beyond its limit lies where core puts it at the limit."""
    armature = add_body(context, body).armature
    beyond = np.where(np.isinf(body.limits[:, 1]), 0, body.limits[:, 1] + 0.4)
    beyond[: pose_slice(JOINT_NAMES.index("lumbar_body")).start] = 0
    for name in ("humerus_r", "humerus_l"):
        beyond[pose_slice(JOINT_NAMES.index(name))] = 0
    held = hold(beyond, body.limits)
    for q, muted in ((held, False), (beyond, True)):
        mute_limits(armature, muted)
        set_pose(armature, beyond)
        context.view_layer.update()
        joints = body(torch.tensor(q)[None], skin=False).joints[0].numpy()
        assert np.abs(shown_matrices(armature)[:, :3, 3] - to_blender(joints)).max() < POSITION
    armature.pose.bones["thorax"].constraints.remove(armature.pose.bones["thorax"].constraints[LIMITS])
    set_pose(armature, beyond)
    context.view_layer.update()
    assert np.abs(shown_matrices(armature)[:, :3, 3] - to_blender(joints)).max() < POSITION


def test_angles_share_their_limits(context, body):
    """Coupled joints go no farther than core lets them, and exactly as far; all else is as it was."""
    armature = add_body(context, body).armature
    generator = np.random.default_rng(8)
    poses = uniform(body.limits, 8, generator)
    for joint in COUPLED:  # beyond
        poses[2:, pose_slice(JOINT_NAMES.index(joint))] *= 1.3
    assert not coupled_within(poses[2:], body.limits).all(1).any()
    for q in poses:
        found = []
        for angles, muted in ((q, False), (hold(q, body.limits), True)):
            mute_limits(armature, muted)
            set_pose(armature, angles)
            context.view_layer.update()
            found.append(shown_matrices(armature))
            assert np.allclose(get_pose(armature)[0], angles)  # the channels stay as the user left them
            for bone in armature.pose.bones:
                for channel, ends in zip(channels(bone), displayed_ranges(bone), strict=True):
                    k = channel.parameter
                    assert ends is None or muted or abs(np.clip(q[k], *ends) - hold(q, body.limits)[k]) < 1e-3
        assert np.abs(found[0] - found[1]).max() < 1e-3  # the root of what is hardly left is not exact


@pytest.mark.parametrize(
    ("joint", "degrees"),
    [
        ("head", (45, 54, 73)),
        ("thorax", (65, -20, 5)),
        ("scapula_r", (-36, -12, 5)),
        ("scapula_l", (3, -23, 12)),
        ("humerus_r", (114, -58, 94)),
        ("humerus_l", (-117, 60, 92)),
    ],
)
def test_poses_beyond_what_angles_share_are_shown_as_they_are(context, body, joint, degrees):
    """Head and right shoulder only beyond what they share, the others beyond their own limits, too."""
    armature = add_body(context, body).armature
    q = np.zeros(len(POSE_NAMES))
    q[pose_slice(JOINT_NAMES.index(joint))] = np.radians(degrees)
    widen_limits(armature, q[None])
    set_pose(armature, q)
    context.view_layer.update()
    joints = body(torch.tensor(q)[None], skin=False).joints[0].numpy()
    assert np.abs(shown_matrices(armature)[:, :3, 3] - to_blender(joints)).max() < POSITION
    sharing = {
        bone.name
        for bone in armature.pose.bones
        if SHARED_LIMITS in bone.constraints and bone.constraints[SHARED_LIMITS].enabled
    }
    assert sharing == {*COUPLED} - {joint}  # joints that stay within go on


@pytest.mark.parametrize("change", ["none", "smaller", "zero", "away", "free", "muted"])
def test_the_ranges_of_the_panel_are_those_of_the_rig(context, body, change):
    """Also where the user has changed a limit: what is shared is shared in parts of the limits that a rig is made with."""
    armature = add_body(context, body).armature
    head = armature.pose.bones["head"]
    limit, (_, extension, _) = head.constraints[LIMITS], channels(head)
    letter = "xyz"[extension.axis]
    if change == "free":
        setattr(limit, f"use_limit_{letter}", False)
    if change == "muted":
        head.constraints[SHARED_LIMITS].mute = True
    low, high = {"smaller": (-30, 30), "zero": (-59, 0), "away": (10, 59)}.get(change, (-59, 59))
    for end, angle in zip(
        ("min", "max"), np.radians(sorted((extension.sign * low, extension.sign * high))), strict=True
    ):
        setattr(limit, f"{end}_{letter}", angle)
    q = np.zeros(len(POSE_NAMES))
    q[pose_slice(JOINT_NAMES.index("head"))] = np.radians((20, -50, 79))
    set_pose(armature, q)
    context.view_layer.update()
    hidden = armature.pose.bones[MECHANISM + "head"]
    for channel, ends in zip(channels(head), displayed_ranges(head), strict=True):
        angle = q[channel.parameter]
        assert (ends is None) == (change == "free" and channel == extension)
        shown = angle if ends is None else np.clip(angle, *ends)
        assert abs(hidden[POSE_NAMES[channel.parameter]] - shown) < 1e-4


def test_bones_are_the_joints(context, body):
    armature = add_body(context, body).armature
    assert is_rig(armature)
    bones = armature.pose.bones
    shown = {bone.name for bone in bones if not bone.name.startswith(MECHANISM)}
    assert shown == {*JOINT_NAMES, *follower_names(body)}
    found = []
    for name, joint, parent in zip(JOINT_NAMES, JOINTS, PARENTS, strict=True):
        bone = bones[name]
        ancestors = [b.name for b in bone.parent_recursive if not b.name.startswith(MECHANISM)]
        assert (ancestors[0] if ancestors else None) == (JOINT_NAMES[parent] if parent >= 0 else None)
        joint_channels = channels(bone)
        assert [POSE_NAMES[c.parameter] for c in joint_channels] == list(joint.parameters)
        # The order of the angles is the order in which Blender applies them.
        letters = ["XYZ"[c.axis] for c in joint_channels]
        assert sorted(letters, key=bone.rotation_mode.index) == letters
        found += joint_channels
        used = [axis in {c.axis for c in joint_channels} for axis in range(3)]
        assert list(bone.lock_rotation) == [not u for u in used]
        assert [bone.lock_ik_x, bone.lock_ik_y, bone.lock_ik_z] == [not u for u in used]
        assert list(bone.lock_location) == [parent >= 0] * 3
        assert all(bone.lock_scale)
    assert [c.parameter for c in found] == list(range(len(POSE_NAMES)))


def test_bones_point_at_their_child(context, body):
    """Within 46 degrees where a joint's three axes leave no choice, along the limb for hinges."""
    armature = add_body(context, body).armature
    bones = armature.data.bones
    for name, child in (
        ("pelvis", "lumbar_body"), ("femur_r", "tibia_r"), ("tibia_l", "talus_l"), ("lumbar_body", "thorax"),
        ("thorax", "head"), ("humerus_r", "ulna_r"), ("ulna_l", "radius_l"), ("radius_r", "hand_r"),
    ):  # fmt: skip
        direction = (bones[child].head_local - bones[name].head_local).normalized()
        along = (bones[name].tail_local - bones[name].head_local).normalized() @ direction
        assert along > np.cos(np.radians(55)), name


def test_ik_limits_are_the_constraints(context, body):
    armature = add_body(context, body).armature
    for bone in armature.pose.bones:
        constraint = bone.constraints.get(LIMITS)
        for channel in channels(bone):
            letter = "xyz"[channel.axis]
            low, high = sorted(channel.sign * body.limits[channel.parameter])
            if np.isinf(low):
                assert constraint is None
                continue
            assert getattr(constraint, f"use_limit_{letter}")
            assert getattr(bone, f"use_ik_limit_{letter}")
            for end, value in (("min", low), ("max", high)):
                assert np.isclose(getattr(constraint, f"{end}_{letter}"), value)
                assert np.isclose(getattr(bone, f"ik_{end}_{letter}"), value)
        if constraint is not None:
            assert constraint.owner_space == "LOCAL"
            assert constraint.euler_order == bone.rotation_mode
            assert constraint.use_transform_limit


def test_drivers_need_no_python(context, body):
    armature = add_body(context, body).armature
    curves = [curve for curve in armature.animation_data.drivers if curve.driver.type == "SCRIPTED"]
    patellae = 2 if "patella_r" in follower_names(body) else 0
    assert len(curves) == 7 * (3 + 3) + 5 * 3 + patellae  # what angles may, how held bones turn; how joints move
    for curve in curves:
        assert curve.driver.is_simple_expression, curve.driver.expression
        assert curve.driver.is_valid
        assert len(curve.driver.expression) < 256
    others = [curve for curve in armature.animation_data.drivers if curve not in curves]
    assert len(others) == 3 * patellae
    assert all(curve.driver.type == "SUM" and curve.driver.is_valid for curve in others)


def test_blender_mirrors_a_pose_as_q_is_mirrored(context, body):
    armature = add_body(context, body).armature
    frames = {bone.name: np.array(bone.matrix_local.to_3x3()) for bone in armature.data.bones}
    for bone in armature.pose.bones:
        if not bone.name.endswith("_r") or not channels(bone):
            continue
        other = armature.pose.bones[bone.name[:-2] + "_l"]
        assert other.rotation_mode == bone.rotation_mode
        for right, left in zip(channels(bone), channels(other), strict=True):
            assert left.parameter == MIRROR_PERMUTATION[right.parameter]
            assert left.axis == right.axis
            blender = 1 if right.axis == 0 else -1
            assert left.sign == right.sign * blender * MIRROR_SIGNS[right.parameter], POSE_NAMES[right.parameter]
        # The rest frames too are mirror images, as far as the body itself is symmetric. SKEL's ankle axes are not.
        mirrored = np.diag([-1, 1, 1]) @ frames[bone.name] @ np.diag([-1, 1, 1])
        assert angle_between(mirrored, frames[other.name]) < np.radians(45), bone.name


def test_paste_flipped_is_the_mirrored_pose(context, body):
    armature = add_body(context, body).armature
    q = np.random.default_rng(1).uniform(-0.2, 0.2, len(POSE_NAMES))
    q[:3] = 0
    set_pose(armature, q)
    bpy.ops.object.mode_set(mode="POSE")
    bpy.ops.pose.select_all(action="SELECT")
    bpy.ops.pose.copy()
    bpy.ops.pose.paste(flipped=True)
    assert np.allclose(get_pose(armature)[0], mirror_pose(q), atol=1e-5)


def test_keys_give_back_the_pose(context, body):
    armature = add_body(context, body).armature
    rng = np.random.default_rng(2)
    q, trans = rng.uniform(-1, 1, (2, len(POSE_NAMES))), rng.normal(size=(2, 3))
    for i, frame in enumerate((3, 8)):
        set_pose(armature, q[i], trans[i], frame)
    for i, frame in enumerate((3, 8)):
        context.scene.frame_set(frame)
        shown_q, shown_trans = get_pose(armature)
        assert np.allclose(shown_q, q[i], atol=1e-6)
        assert np.allclose(shown_trans, trans[i], atol=1e-6)


def test_other_objects_are_no_rig(context):
    assert not is_rig(None)
    armature = bpy.data.objects.new("Armature", bpy.data.armatures.new("Armature"))
    assert not is_rig(armature)
    assert not is_rig(bpy.data.objects.new("Empty", None))


@pytest.mark.parametrize("length", [3, 0])
def test_ik_through_joints_that_share_limits_is_no_cycle(context, body, capfd, length):
    armature = add_body(context, body).armature
    target = bpy.data.objects.new("Target", None)
    context.scene.collection.objects.link(target)
    ik = armature.pose.bones["ulna_r"].constraints.new("IK")
    ik.target, ik.chain_count = target, length
    context.view_layer.update()
    assert "cycle" not in "".join(capfd.readouterr()).lower()


def test_ik_bends_the_knee_forward_only(context, body):
    """An ankle pulled up is reached by hip and knee flexion, within limits; Blender's IK wants a slightly bent knee."""
    armature = add_body(context, body).armature
    q = np.zeros(len(POSE_NAMES))
    q[POSE_NAMES.index("hip_flexion_r")], q[POSE_NAMES.index("knee_angle_r")] = 0.15, 0.3
    set_pose(armature, q)
    ankle = armature.data.bones["talus_r"].head_local
    target = bpy.data.objects.new("Target", None)
    context.scene.collection.objects.link(target)
    target.location = ankle + Vector((0.0, -0.15, 0.3))
    ik = armature.pose.bones["tibia_r"].constraints.new("IK")
    ik.target, ik.chain_count, ik.iterations = target, 2, 500
    context.view_layer.update()
    bones = armature.pose.bones
    rest = {bone.name: bone.matrix_local for bone in armature.data.bones}
    shown = {}
    for name in ("femur_r", "tibia_r"):
        bone, parent = bones[name], bones[name].parent
        local = (parent.matrix @ rest[parent.name].inverted() @ rest[name]).inverted() @ bone.matrix
        for channel in channels(bone):
            shown[POSE_NAMES[channel.parameter]] = channel.sign * local.to_euler(bone.rotation_mode)[channel.axis]
    assert shown["knee_angle_r"] > 0.5
    for name, angle in shown.items():
        low, high = body.limits[POSE_NAMES.index(name)] + np.radians([-1, 1])
        assert low < angle < high, name
    assert (bones["tibia_r"].tail - target.location).length < 0.01
