"""The poses that skins are learned in."""

import numpy as np
import torch
from osteon.core.anatomy.joints import JOINT_INDEX, POSE_INDEX
from osteon.core.anatomy.limits import within
from osteon.core.bodies.load import load_body
from osteon.core.learning.skel.training_poses import usual_poses


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
