"""Joint regressors on a skin that is linear in the betas."""

import numpy as np
from osteon.core.anatomy.joints import JOINT_INDEX, JOINT_NAMES
from osteon.core.learning.skel import regressors


def test_regressors_follow_joints_through_every_beta():
    """A cloud of skin around joints that are themselves means of it: the means are found again, sparse and symmetric."""
    generator = np.random.default_rng(0)
    right = generator.uniform([-0.3, -0.3, -0.3], [0.0, 0.3, 0.3], (600, 3))
    template = np.concatenate([right, right * [-1, 1, 1]])
    mirror = np.concatenate([np.arange(600, 1200), np.arange(600)])
    change = generator.normal(size=(600, 3, 10)) * 0.01
    shapedirs = np.concatenate([change, change * np.array([-1, 1, 1])[:, None]])
    every = np.concatenate([template[..., None], shapedirs], 2)
    joints = np.zeros((24, 3, 11))
    for name, j in JOINT_INDEX.items():
        near = np.argsort(np.linalg.norm(template - template[j * 11], axis=1))[:40]
        joints[j] = every[near].mean(0)
        if name[-2:] not in ("_r", "_l"):
            joints[j] = (joints[j] + every[mirror[near]].mean(0)) / 2
    matrix = regressors.regress(template, shapedirs, joints, mirror)
    assert matrix.data.min() > 0
    assert np.allclose(matrix.sum(1), 1)
    found = (matrix @ every.reshape(1200, -1)).reshape(24, 3, 11)
    midline_and_right = [j for j, name in enumerate(JOINT_NAMES) if not name.endswith("_l")]
    assert np.abs(found - joints)[midline_and_right, :, 0].max() < 5e-4
    assert np.linalg.norm((found - joints)[midline_and_right, :, 1:], axis=1).mean() < 2e-3
    left, other = JOINT_INDEX["tibia_l"], JOINT_INDEX["tibia_r"]
    assert np.allclose(found[left] * np.array([-1, 1, 1])[:, None], found[other])
    assert (matrix != 0).sum(1).max() < 600
