"""Pose correctives of either side mirror each other, also the learned ones."""

import numpy as np
import pytest
from osteon.core.learning.skel import correctives, learned
from osteon.core.learning.skel.people import BODIES, People, sources
from scipy.spatial.transform import Rotation


def test_a_mirrored_pose_has_mirrored_correctives():
    """Correctives of one side, mirrored, give in the mirrored pose the mirror image of what they gave."""
    generator = np.random.default_rng(1)
    posedirs = generator.normal(size=(6, 3, 207))
    mirror = np.array([1, 0, 3, 2, 5, 4])
    rotations = Rotation.random(23, random_state=2).as_matrix()
    features = (rotations - np.eye(3)).reshape(-1)
    flip = np.diag([-1.0, 1, 1])
    mirrored = (flip @ rotations[correctives.SMPL_OTHER_SIDE] @ flip - np.eye(3)).reshape(-1)
    there = posedirs @ features
    back = correctives.mirrored_correctives(posedirs, mirror) @ mirrored
    assert np.allclose(back, there[mirror] * [-1, 1, 1])
    assert np.allclose(correctives.mirrored_features(features[None]), mirrored)


@pytest.mark.parametrize("gender", BODIES)
def test_learned_correctives_are_symmetric(gender):
    """Up to what rounding leaves in the file."""
    posedirs = learned.read(learned.FOLDER / f"open-{gender}.npz").posedirs
    mirror = People(sources()).surface.mirror
    assert np.abs(correctives.mirrored_correctives(posedirs, mirror) - posedirs).max() < 1e-5
