"""What the scapula turns about."""

import numpy as np
import pytest
import torch
from osteon.core.anatomy.joints import JOINT_INDEX, POSE_INDEX, pose_slice
from osteon.core.bodies.load import load_body
from osteon.core.learning.skel import glide
from osteon.core.learning.skel.bone_names import OPENSIM_TO_BODY

SCAPULA, HUMERUS = JOINT_INDEX["scapula_r"], JOINT_INDEX["humerus_r"]


def test_it_moves_scapulae_as_the_model_does():
    body = load_body("open-male")
    angles = np.random.default_rng(0).uniform(-0.5, 0.5, (5, 3))
    q = np.zeros((6, 46))
    q[1:, pose_slice(SCAPULA)] = angles
    out = body(torch.as_tensor(q), skin=False)
    rest = out.joints[0].numpy()
    axes = out.frames[0, SCAPULA].numpy() @ body.data.apose_rel_transfo[SCAPULA, :3, :3].T
    assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-5)
    half_height = np.linalg.norm(rest[JOINT_INDEX["thorax"]] - rest[JOINT_INDEX["lumbar_body"]]) / 2
    moved = rest[SCAPULA] + glide.displacements(angles, rest[SCAPULA], half_height)
    assert np.allclose(moved, out.joints[1:, SCAPULA], atol=1e-5)
    turned = axes @ glide.turned(angles) @ axes.T
    shoulders = (turned @ (rest[HUMERUS] - rest[SCAPULA])) + moved
    assert np.allclose(shoulders, out.joints[1:, HUMERUS], atol=1e-5)


def test_either_side_turns_as_the_other():
    body = load_body("open-male")
    across = np.array([-1.0, 1, 1])
    frames = body(torch.zeros(1, 46, dtype=torch.float64), skin=False).frames[0].numpy()
    right, left = (
        frames[JOINT_INDEX[f"scapula_{s}"]] @ body.data.apose_rel_transfo[JOINT_INDEX[f"scapula_{s}"], :3, :3].T
        for s in "rl"
    )
    seen = [axes @ OPENSIM_TO_BODY.T for axes in (right, left)]
    assert np.allclose(seen[0], seen[1] * across[:, None] * across, atol=1e-5)


@pytest.mark.parametrize("gender", ["male", "female", "child"])
def test_upward_rotation_carries_the_lower_angle_outwards_and_forwards(gender):
    body = load_body(f"open-{gender}")
    q = np.zeros((2, 46))
    q[1, POSE_INDEX["scapula_upward_rot_r"]] = np.radians(20)
    bones = body(torch.as_tensor(q), skin=False, bones=True).bones.numpy()
    scapula = body.bone_parts == body.bone_part_names.index("scapula_r")
    lowest = bones[0, scapula, 1].argmin()
    way = (bones[1] - bones[0])[scapula][lowest]
    assert np.hypot(way[0], way[2]) > 0.022  # 20 mm when the joint lies near the spine
    assert way[0] < -0.013  # less the more the blade is turned forwards: 50 degrees of women, 33 of men
    assert way[2] > 0.01
