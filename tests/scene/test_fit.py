"""Keys of a whole motion, the limits that give way to it, and the report of a fit."""

import bpy
import numpy as np
import pytest
from osteon.core.anatomy.joints import POSE_INDEX
from osteon.scene.body import add_body
from osteon.scene.drivers import LIMITS
from osteon.scene.fit import REPORT, add_fit, has_errors, legend
from osteon.scene.materials import ERROR_RAMP
from osteon.scene.rig import curves, get_pose, set_motion, widen_limits


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


def test_limits_are_widened_only_as_far_as_needed(context, body):
    armature = add_body(context, body).armature
    name = "knee_angle_r"
    low, high = body.limits[POSE_INDEX[name]]
    poses = np.zeros((2, 46))
    poses[:, POSE_INDEX[name]] = low - 0.1, high - 0.1
    before = {c.name: (c.min_x, c.max_x) for c in [armature.pose.bones["tibia_l"].constraints[LIMITS]]}
    widen_limits(armature, poses)
    limit = armature.pose.bones["tibia_r"].constraints[LIMITS]
    ends = sorted(abs(getattr(limit, f"{end}_{axis}")) for end in ("min", "max") for axis in "xyz")
    assert abs(low - 0.1) == pytest.approx(min(ends, key=lambda e: abs(e - abs(low - 0.1))), abs=1e-6)
    assert high == pytest.approx(min(ends, key=lambda e: abs(e - high)), abs=1e-6)
    left = armature.pose.bones["tibia_l"].constraints[LIMITS]
    assert (left.min_x, left.max_x) == before[LIMITS]


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
    said = "120 frames, mean 4.2 mm, worst 21 mm, 2 frames failed (vertex beyond 6 cm): 117, 133"
    assert made.armature.data[REPORT] == said
    assert sorted(m.frame for m in context.scene.timeline_markers) == [117, 133]
    made = add_fit(context, body, result(120, range(12)), "B", frames)
    assert made.armature.data[REPORT].endswith("12 frames failed (vertex beyond 6 cm): " + ", ".join(
        map(str, range(101, 111))) + " ...")  # fmt: skip
    assert add_fit(context, body, result(1), "C").armature.data[REPORT] == "mean 4.2 mm, worst 21 mm"
    failed = add_fit(context, body, result(1, (0,)), "D").armature.data[REPORT]
    assert failed == "mean 4.2 mm, worst 21 mm, failed (vertex beyond 6 cm)"


def test_frames_without_a_pose_have_no_keys(context, model):
    values = result(5, (2,)) | {"known": np.array([0, 1, 3, 4])}
    made = add_fit(context, model("synthetic"), values, "A", np.arange(1, 6))
    found = {tuple(k.co.x for k in curve.keyframe_points) for curve in curves(made.armature)}
    assert found == {(1, 2, 4, 5)}
    assert [m.frame for m in context.scene.timeline_markers] == [3]


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
