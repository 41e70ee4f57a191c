"""Keys of a whole motion, the limits that give way to it, and the report of a fit."""

import bpy
import numpy as np
import pytest
from osteon.core.anatomy.joints import POSE_INDEX
from osteon.core.errors import InputError
from osteon.scene.body import add_body
from osteon.scene.drivers import LIMITS
from osteon.scene.errors import REPORT, has_errors, legend
from osteon.scene.fit import add_fit
from osteon.scene.materials import ERROR_RAMP
from osteon.scene.rig import channels, curves, get_pose, set_motion, widen_limits


def test_a_motion_is_keyed_on_every_channel(context, body):
    armature = add_body(context, body).armature
    rng = np.random.default_rng(2)
    poses, trans = rng.uniform(-1, 1, (300, 46)), rng.normal(size=(300, 3))
    frames = np.arange(300) * 2 - 50
    set_motion(armature, poses, trans, frames)
    for k in (0, 1, 150, 299):
        context.scene.frame_set(int(frames[k]))
        q, t = get_pose(armature)
        assert np.abs(q - poses[k]).max() < 1e-6
        assert np.abs(t - trans[k]).max() < 1e-6
    context.scene.frame_set(int(frames[10]) + 1)
    assert np.abs(get_pose(armature)[0] - poses[10:12].mean(0)).max() < 1e-6, "straight lines in between"
    groups = {curve.group.name for curve in curves(armature)}
    assert {"pelvis", "tibia_r"} <= groups


def test_whole_turns_go_on(context, model):
    """Angles of the root as rotations give them, between -180 and 180 degrees."""
    armature = add_body(context, model("synthetic")).armature
    yaw = np.linspace(0, 2.2 * 2 * np.pi, 30)
    poses = np.zeros((30, 46))
    poses[:, 2] = (yaw + np.pi) % (2 * np.pi) - np.pi
    set_motion(armature, poses, np.zeros((30, 3)), np.arange(1, 31))
    for frame in range(1, 30):
        context.scene.frame_set(frame, subframe=0.5)
        assert get_pose(armature)[0][2] == pytest.approx(yaw[frame - 1 : frame + 1].mean(), abs=1e-4)


def test_a_rig_without_keys(context, model):
    with pytest.raises(InputError, match="A Skeleton has no keys: key its pose first"):
        curves(add_body(context, model("synthetic"), name="A").armature)


def ends(bone):
    """The least and the most that a hinge's limit allows, then the same of IK."""
    limit = bone.constraints[LIMITS]
    names = [f"{end}_{'xyz'[channel.axis]}" for channel in channels(bone) for end in ("min", "max")]
    return [*(getattr(limit, name) for name in names), *(getattr(bone, f"ik_{name}") for name in names)]


def test_limits_are_widened_only_as_far_as_needed(context, body):
    armature = add_body(context, body).armature
    name = "knee_angle_r"
    low, high = body.limits[POSE_INDEX[name]]
    poses = np.zeros((2, 46))
    poses[:, POSE_INDEX[name]] = low - 0.1, high - 0.1
    left, right = (armature.pose.bones[f"tibia_{side}"] for side in "lr")
    before, (channel,) = ends(left), channels(right)
    widen_limits(armature, poses)
    widened = sorted(channel.sign * np.array((low - 0.1, high)))
    assert ends(right) == pytest.approx([*widened, min(widened[0], 0), max(widened[1], 0)], abs=1e-6)
    assert ends(left) == before


def result(frames, failed=(), error=0.004):
    known = np.arange(frames)
    return {
        "poses": np.zeros((frames, 46)),
        "betas": np.zeros(10),
        "trans": np.zeros((frames, 3)),
        "known": known,
        "failed": np.array(failed, int),
        "vertex_error": np.full(6890, error),
        "mean_error": 0.00423,
        "worst_error": 0.0212,
    }


def test_report(context, model):
    body = model("synthetic")
    frames = np.arange(101, 221)
    made = add_fit(context, body, result(120, (16, 32)), "A", frames)
    said = "skel-male, 120 frames, mean 4.2 mm, worst 21 mm, 2 frames failed (vertex beyond 6 cm): 117, 133"
    assert made.armature.data[REPORT] == said
    assert {(m.frame, m.name) for m in context.scene.timeline_markers} == {
        (117, "A: fit failed"),
        (133, "A: fit failed"),
    }
    made = add_fit(context, body, result(120, range(12)), "B", frames)
    assert made.armature.data[REPORT].endswith("12 frames failed (vertex beyond 6 cm): " + ", ".join(
        map(str, range(101, 111))) + " ...")  # fmt: skip
    assert [m.frame for m in context.scene.timeline_markers if m.name == "B: fit failed"] == [101], "one for a run"
    add_fit(context, body, result(120, (5, 6, 9)), "A", frames)
    assert sorted(m.frame for m in context.scene.timeline_markers if m.name == "A: fit failed") == [106, 110]
    made = add_fit(context, body, result(1), "C", notes=["gender not known"])
    assert made.armature.data[REPORT] == "skel-male, mean 4.2 mm, worst 21 mm, gender not known"
    failed = add_fit(context, body, result(1, (0,)), "D").armature.data[REPORT]
    assert failed == "skel-male, mean 4.2 mm, worst 21 mm, failed (vertex beyond 6 cm)"


def test_frames_without_a_pose_have_no_keys(context, model):
    values = result(5, (2,)) | {"known": np.array([0, 1, 3, 4])}
    made = add_fit(context, model("synthetic"), values, "A", np.arange(1, 6))
    found = {tuple(k.co.x for k in curve.keyframe_points) for curve in curves(made.armature)}
    assert found == {(1, 2, 4, 5)}
    assert [m.frame for m in context.scene.timeline_markers] == [3]
    said = "skel-male, 5 frames, mean 4.2 mm, worst 21 mm, 1 frame without a surface: not keyed"
    assert made.armature.data[REPORT] == said


def test_legend_is_the_shaders_own_ramp(context, model):
    made = add_fit(context, model("synthetic"), result(1), "A")
    assert has_errors(made.skin)
    assert not has_errors(made.bones)
    assert [text for _, text in legend(made.skin)] == ["0", "5", "10", "15", "20"]
    for (element, _), (position, colour) in zip(legend(made.skin), ERROR_RAMP, strict=True):
        assert element.position == pytest.approx(position)
        assert tuple(element.color)[:3] == pytest.approx(colour)
    nodes = bpy.data.materials["Osteon Error"].node_tree.nodes
    assert {node.attribute_name for node in nodes if node.type == "ATTRIBUTE"} <= set(made.skin.data.attributes.keys())
