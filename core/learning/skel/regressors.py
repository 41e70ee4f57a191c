"""Joint regressors: each joint is a mean, with non-negative weights, of the skin vertices around it."""

import numpy as np
import scipy.optimize
import scipy.sparse

from ...anatomy.joints import JOINT_INDEX, JOINT_NAMES

# Per joint: the axis along the limb (the ring lies across it), half the ring's width, and its reach from the joint, in metres.
RINGS = {
    "pelvis": (1, 0.035, 0.3),
    "femur": (1, 0.035, 0.16),
    "tibia": (1, 0.03, 0.12),
    "talus": (1, 0.02, 0.09),
    "calcn": (1, 0.03, 0.09),
    "toes": (2, 0.02, 0.08),
    "lumbar_body": (1, 0.035, 0.3),
    "thorax": (1, 0.035, 0.3),
    "head": (1, 0.035, 0.16),
    "scapula": (0, 0.07, 0.18),
    "humerus": (0, 0.06, 0.18),
    "ulna": (0, 0.025, 0.09),
    "radius": (0, 0.025, 0.09),
    "hand": (0, 0.015, 0.06),
}
# The scapula is aimed along the short way from its joint to the shoulder: where one misses, the other shall miss alike.
FOLLOWERS = {"scapula_r": "humerus_r"}
EVENNESS = 0.0005  # metres; what a perfectly even ring is worth against a miss of the joint


def regress(samples: np.ndarray, targets: np.ndarray, mirror: np.ndarray) -> scipy.sparse.csr_matrix:
    """(24, N) regressor from skins (S, N, 3) and their joints (S, 24, 3); the first sample is met exactly.

    Rows sum to 1; the left side mirrors the right, rows of the midline are symmetric.
    """
    matrix = np.zeros((len(JOINT_NAMES), samples.shape[1]))
    mean = samples[0]
    targets = targets.copy()
    names = [name for name in JOINT_INDEX if not name.endswith("_l")]
    for name in sorted(names, key=lambda name: name in FOLLOWERS):
        j = JOINT_INDEX[name]
        if name in FOLLOWERS:
            leader = JOINT_INDEX[FOLLOWERS[name]]
            targets[:, j] += samples.transpose(0, 2, 1) @ matrix[leader] - targets[:, leader]
        axis, width, reach = RINGS[name.removesuffix("_r")]
        offset = mean - targets[0, j]
        ring = np.flatnonzero((np.abs(offset[:, axis]) < width) & (np.linalg.norm(offset, axis=1) < reach))
        if name.endswith("_r"):
            ring = ring[mean[ring, 0] < 0.002]
        else:
            ring = np.union1d(ring, mirror[ring])
        row = np.zeros(samples.shape[1])
        row[ring] = _weights(samples[:, ring], targets[:, j])
        if not name.endswith("_r"):
            row = (row + row[mirror]) / 2
        matrix[j] = row
        if name.endswith("_r"):
            matrix[JOINT_INDEX[name[:-1] + "l"]] = row[mirror]
    return scipy.sparse.csr_matrix(matrix)


def _weights(rings: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Non-negative weights (n,) summing to 1 for rings (S, n, 3) and their centres (S, 3)."""
    count, n = rings.shape[:2]
    points = rings.transpose(0, 2, 1).reshape(-1, n)
    strictness = np.repeat(np.where(np.arange(count) == 0, 1e3, 1 / np.sqrt(count)), 3)
    rows = [points * strictness[:, None], np.full((1, n), 1e4), np.eye(n) * EVENNESS * np.sqrt(n)]
    goals = [targets.ravel() * strictness, [1e4], np.full(n, EVENNESS / np.sqrt(n))]
    weights, _ = scipy.optimize.nnls(np.vstack(rows), np.concatenate(goals))
    weights[weights < 1e-6] = 0
    return weights / weights.sum()
