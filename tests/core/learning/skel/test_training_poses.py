"""The poses that skins are learned in."""

import numpy as np
import torch
from osteon.core.anatomy.joints import JOINT_INDEX, POSE_INDEX
from osteon.core.anatomy.limits import within
from osteon.core.bodies.load import load_body
from osteon.core.learning.report.sampling import limbs_apart
from osteon.core.learning.skel.training_poses import HANGING, usual_poses


def test_usual_poses_have_arms_hanging():
    body = load_body("open-neutral")
    q = usual_poses(body, np.zeros(10), 60, np.random.default_rng(4))
    assert q.shape == (60, 46)
    assert within(q, body.limits).all()
    arms = np.degrees(q[:, [POSE_INDEX["shoulder_r_x"], POSE_INDEX["shoulder_l_x"]]]) * [1, -1]
    assert ((arms > 25) & (arms < 110)).all()
    hands = body(torch.tensor(q), skin=False).joints[:, [JOINT_INDEX["hand_r"], JOINT_INDEX["hand_l"]]].numpy()
    shoulders = (
        body(torch.tensor(q), skin=False).joints[:, [JOINT_INDEX["humerus_r"], JOINT_INDEX["humerus_l"]]].numpy()
    )
    assert (hands[..., 1] < shoulders[..., 1]).mean() > 0.97


def test_arms_that_cannot_hang_beside_the_trunk_are_lifted():
    """The stout child of four years is one of the rarest shapes; its arms pass through the trunk where others' hang."""
    body = load_body("open-child")
    beta = np.array([2.45, -1.51, 0.54, -0.31, -2.5, -2.5, 0.87, 0.5, -0.76, -0.58])
    q = usual_poses(body, beta, 10, np.random.default_rng(4))
    assert limbs_apart(body, q, beta[None]).all()
    arms = np.degrees(q[:, POSE_INDEX["shoulder_r_x"]])
    assert 0 < arms.mean() < HANGING["shoulder_r_x"][0] - 5
