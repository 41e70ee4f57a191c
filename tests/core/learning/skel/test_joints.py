"""Joints that are points of bones, or lie beside them."""

import numpy as np
import pytest
from osteon.core.anatomy.joints import JOINT_INDEX
from osteon.core.learning.skel.bone_space import BoneSpace
from osteon.core.learning.skel.joints import joint_directions, scapula_shares, shoulder

CENTRE, JOINT = np.array([-0.18, 0.42, 0.01]), np.array([-0.06, 0.40, -0.02])


def test_the_scapula_joint_grows_with_the_width_of_the_shoulders():
    """The first beta brings shoulders 10 mm outwards, the second raises them by 5 mm."""
    maps = np.zeros((1, 3, 4, 10))
    maps[0, 0, 3, 0], maps[0, 1, 3, 1] = -0.010, 0.005
    bones = BoneSpace(("humerus_r",), np.zeros(1, int), CENTRE[None], maps)
    points = {"humerus_r": [("humerus_r", CENTRE)]}
    shares = scapula_shares(JOINT, shoulder(points))
    found = joint_directions(bones, points, shares)
    scapula = found[JOINT_INDEX["scapula_r"]]
    assert scapula[:, 0] == pytest.approx(JOINT)
    assert scapula[:, 1] == pytest.approx([-0.010, 0, 0] - 0.010 * shares)
    assert scapula[0, 1] / scapula[0, 0] == pytest.approx(-0.010 / CENTRE[0])
    assert scapula[:, 2] == pytest.approx([0, 0.005, 0])  # what only raises the shoulder raises it as far
    assert not scapula[:, 3:].any()
    assert found[JOINT_INDEX["scapula_l"]] == pytest.approx(scapula * np.array([-1, 1, 1])[:, None])
