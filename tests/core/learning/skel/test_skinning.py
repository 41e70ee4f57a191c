"""Skin weights, found again on made-up data."""

from types import SimpleNamespace

import numpy as np
import pytest
from osteon.core.anatomy.joints import JOINT_INDEX
from osteon.core.learning.skel import skinning


def test_weights_lie_on_the_simplex_and_minimise():
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(50, 8, 4))
    gram = matrix.transpose(0, 2, 1) @ matrix
    true = generator.dirichlet(np.ones(4), 50)
    true[:, 0] = 0
    true /= true.sum(1, keepdims=True)
    right = np.einsum("nij,nj->ni", gram, true)
    start = np.full((50, 4), 0.25)
    found = skinning._on_simplex(gram, right, start, np.ones((50, 4), bool))
    assert np.allclose(found.sum(1), 1)
    assert found.min() >= 0
    assert np.abs(found - true).max() < 0.02


def test_a_joint_moves_no_skin_far_from_it():
    """Skin of the humerus in MakeHuman that would rather go with the ulna: at the elbow it may, at the chest not."""
    humerus, ulna = JOINT_INDEX["humerus_r"], JOINT_INDEX["ulna_r"]
    centres = np.tile([0.0, 5, 0], (24, 1))
    centres[[humerus, ulna]] = [[-0.2, 0.5, 0], [-0.45, 0.5, 0]]
    skin = np.array([[-0.15, 0.5, 0], [-0.42, 0.5, 0], [0, -1.0, 0], [0, 0.7, 0]])
    motions = np.tile(np.eye(3, 4), (1, 24, 1, 1))
    motions[0, ulna, 2, 3] = 0.3
    goals = np.repeat((skin + [0, 0, 0.15])[None], 1, 0)
    samples = [SimpleNamespace(skinning=motions, goals=goals, skin=skin)]
    first = np.zeros((4, 24))
    first[:, humerus] = 1
    found = skinning.learn_weights(samples, first, skin, centres, np.arange(4), list(range(24)))
    assert found[0, ulna] == 0
    assert found[1, ulna] == pytest.approx(0.5, abs=0.01)
    assert np.allclose(found.sum(1), 1)
