"""Joints that are points of bones, or lie beside them."""

import numpy as np
import pytest
from osteon.core.anatomy.joints import JOINT_INDEX
from osteon.core.learning.skel.bone_space import BoneSpace
from osteon.core.learning.skel.joints import follow_regressor, joint_directions, scapula_shares, shoulder

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


def test_bones_go_along_with_regressed_joints():
    """Where regressors have hip and knee elsewhere, the femur goes there, and what lies between goes in between."""
    generator = np.random.default_rng(0)
    hip, knee = np.array([-0.09, 0.90, 0.0]), np.array([-0.10, 0.50, 0.02])
    template = np.array([hip, knee, (hip + knee) / 2, [-0.10, 0.12, 0.0], [-0.10, 0.09, 0.1]])
    names = ("femur_r", "tibia_r", "calcaneus_r")
    bones = BoneSpace(names, np.array([0, 0, 0, 1, 2]), template, generator.normal(size=(3, 3, 4, 10)) * 0.01)
    wanted = generator.normal(size=(24, 3, 11)) * 0.01
    for name, place in (("femur_r", hip), ("tibia_r", knee), ("talus_r", template[3])):
        wanted[JOINT_INDEX[name], :, 0] = place
    given = wanted + generator.normal(size=wanted.shape) * 0.003
    missing = {name: (given - wanted)[j, :, 1:] for name, j in JOINT_INDEX.items()}
    betas = np.eye(10)
    way = (follow_regressor(bones, wanted, given).at(betas) - bones.at(betas)).transpose(1, 2, 0)  # (V, 3, 10)
    assert way[0] == pytest.approx(missing["femur_r"])
    assert way[1] == pytest.approx(missing["tibia_r"])
    assert way[2] == pytest.approx((missing["femur_r"] + missing["tibia_r"]) / 2)
    assert way[3] == pytest.approx(missing["talus_r"])
    assert way[4] == pytest.approx(missing["talus_r"])
