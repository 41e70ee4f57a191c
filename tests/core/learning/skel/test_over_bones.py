"""Skin that goes with the bones under it."""

import numpy as np
from osteon.core.learning.skel.over_bones import over_bones


def over_two_bones(way: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A flat skin 0.2 m long over two bones, the second of which goes aside; the skin's targets stay.

    Returns the skin (N, 3), its edges (E, 2) and what it is moved (N, 3).
    """
    grid = np.stack(np.meshgrid(np.linspace(0, 0.2, 41), np.linspace(0, 0.1, 21), indexing="ij"), -1).reshape(-1, 2)
    skin = np.column_stack([grid, np.zeros(len(grid))])
    corner = np.arange(len(grid)).reshape(41, 21)[:-1, :-1].ravel()
    faces = np.concatenate(
        [np.stack([corner, corner + 21, corner + 22], 1), np.stack([corner, corner + 22, corner + 1], 1)]
    )
    under = skin - [0, 0, 0.004]
    bones = {0: under[skin[:, 0] < 0.09], 1: under[skin[:, 0] > 0.11]}
    motions = np.tile(np.eye(3, 4), (1, 2, 1, 1))
    motions[0, 1, 1, 3] = way
    goals = over_bones(skin, faces, skin[None], bones, {0: 0.03, 1: 0.03}, motions)
    edges = np.concatenate([faces[:, :2], faces[:, 1:]])
    return skin, edges, goals[0] - skin


def test_skin_goes_with_the_bone_under_it():
    skin, _, moved = over_two_bones(0.010)
    own = skin[:, 0] > 0.15
    assert (moved[own, 1] > 0.8 * 0.010).all()
    assert (moved[own, 1] <= 0.010).all()
    assert np.abs(moved[skin[:, 0] < 0.05]).max() < 1e-4


def test_skin_between_bones_stretches_and_does_not_tear():
    """However far the bones part, skin stays within reach of its target, and neighbours together."""
    for way in (0.05, 0.5):
        skin, edges, moved = over_two_bones(way)
        assert np.linalg.norm(moved, axis=1).max() < 0.03
        apart, length = (np.linalg.norm(p[edges[:, 0]] - p[edges[:, 1]], axis=1) for p in (moved, skin))
        assert (apart < 1.5 * length).all()
