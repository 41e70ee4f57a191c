"""Limits that angles have alone, and those that they share."""

import numpy as np
from osteon.core.anatomy.joints import JOINT_INDEX, POSE_INDEX, pose_slice
from osteon.core.anatomy.limits import COUPLED, farther, hold, limits, mirror_pose, uniform, within

RANGES = limits()


def pose(**degrees: float) -> np.ndarray:
    q = np.zeros(len(POSE_INDEX))
    for name, angle in degrees.items():
        q[POSE_INDEX[name]] = np.radians(angle)
    return q


def test_a_bent_neck_turns_half_as_far():
    assert within(pose(head_twist=80), RANGES)
    assert within(pose(head_extension=-59), RANGES)
    assert within(pose(head_extension=-59, head_twist=-43.9), RANGES)
    assert not within(pose(head_extension=-59, head_twist=45), RANGES)
    held = np.degrees(hold(pose(head_extension=-59, head_twist=80), RANGES))
    assert abs(held[POSE_INDEX["head_twist"]] - 44) < 1e-9


def test_an_arm_does_not_turn_all_ways_at_once():
    assert within(pose(shoulder_r_x=-85), RANGES)
    assert within(pose(shoulder_r_x=-60, shoulder_r_y=30, shoulder_r_z=60), RANGES)
    assert not within(pose(shoulder_r_x=114, shoulder_r_y=-58, shoulder_r_z=94), RANGES)
    assert not within(pose(shoulder_l_x=-114, shoulder_l_y=58, shoulder_l_z=94), RANGES)


def test_other_joints_do_not_share():
    q = np.where(np.isfinite(RANGES[:, 1]), RANGES[:, 1], 0)
    for joint in COUPLED:
        q[pose_slice(JOINT_INDEX[joint])] = 0
    assert within(q, RANGES)
    assert (hold(q, RANGES) == q).all()


def test_random_poses_keep_limits_and_reach_them():
    q = uniform(RANGES, 4000, np.random.default_rng(1))
    assert within(q, RANGES).all()
    assert within(mirror_pose(q), RANGES).all()
    assert (q[:, :3] == 0).all()
    low, high = RANGES[3:].T
    assert (q[:, 3:].max(0) > 0.95 * high).all()
    assert (q[:, 3:].min(0) < 0.95 * low).all()


def test_chosen_joints_alone_go_farther():
    one, other = (uniform(RANGES, 300, np.random.default_rng(seed)) for seed in (4, 5))
    q = farther(one, other, RANGES, ("humerus_r",))
    own = pose_slice(JOINT_INDEX["humerus_r"])
    assert np.array_equal(
        np.delete(q, range(own.start, own.stop), axis=1), np.delete(one, range(own.start, own.stop), axis=1)
    )
    taken = (q[:, own] == other[:, own]).all(1)
    assert ((q[:, own] == one[:, own]).all(1) | taken).all()
    assert 0.4 < taken.mean() < 0.6


def test_poses_that_go_farther_keep_limits():
    one, other = (uniform(RANGES, 300, np.random.default_rng(seed)) for seed in (4, 5))
    q = farther(one, other, RANGES)
    assert within(q, RANGES).all()
    for joint in COUPLED:
        own = pose_slice(JOINT_INDEX[joint])
        low, high = RANGES[own].T
        shares = [np.linalg.norm(np.maximum(p[:, own] / low, p[:, own] / high), axis=1) for p in (q, one, other)]
        assert np.allclose(shares[0], np.maximum(*shares[1:]))
    free = np.ones(46, bool)
    free[np.concatenate([np.r_[pose_slice(JOINT_INDEX[joint])] for joint in COUPLED])] = False
    assert (q[:, free] == one[:, free]).all()


def test_held_poses_are_within_and_stay():
    q = 2 * uniform(RANGES, 500, np.random.default_rng(2))
    held = hold(q, RANGES)
    assert within(held, RANGES).all()
    assert within(held.astype(np.float32), RANGES).all()
    assert not within(q, RANGES).any()
    assert np.abs(hold(held, RANGES) - held).max() < 1e-9
    inside = uniform(RANGES, 500, np.random.default_rng(3))
    assert np.abs(hold(inside, RANGES) - inside).max() == 0
