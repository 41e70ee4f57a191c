"""Joint regressors: each joint is a mean, with non-negative weights, of some skin vertices around it.

Skin and joints are both linear in the betas. A regressor that gives the mean body's joint and its change with every beta
gives it in every shape: 33 equations, of whose many answers non-negative least squares takes an even one, tens of vertices
for an ankle, 250 for the pelvis. Fewer and heavier ones would carry what is odd about each of them into new people.
"""

import numpy as np
import scipy.optimize
import scipy.sparse
from scipy.spatial import cKDTree

from ...anatomy.joints import JOINT_INDEX, JOINT_NAMES

REACH = 0.22  # metres from the joint within which its vertices lie
REACHES = {
    "pelvis": 0.35,
    "femur": 0.3,
    "tibia": 0.28,
    "lumbar_body": 0.35,
    "thorax": 0.35,
    "scapula": 0.26,
    "hand": 0.14,
    "radius": 0.16,
    "ulna": 0.18,
    "toes": 0.14,
}
CANDIDATES = 500  # vertices, evenly chosen of those within reach
EVENNESS = 2e-4  # metres; what a perfectly even mean is worth against a miss of the joint
STRICT_MEAN = 10.0  # how much more the mean body counts than a change by two standard deviations


def regress(
    template: np.ndarray, shapedirs: np.ndarray, joints: np.ndarray, mirror: np.ndarray
) -> scipy.sparse.csr_matrix:
    """(24, N) regressor of joints that are linear in the betas.

    Parameters
    ----------
    template, shapedirs: (N, 3), (N, 3, 10) the skin
    joints: (24, 3, 11) the joints of the mean body and their change per beta; of the left side nothing is read
    mirror: (N,) skin vertex on the other side

    Rows sum to 1; the left side mirrors the right, rows of the midline are symmetric.
    """
    matrix = np.zeros((len(JOINT_NAMES), len(template)))
    every = np.concatenate([template[..., None] * STRICT_MEAN, 2 * shapedirs], 2)
    targets = np.concatenate([joints[..., :1] * STRICT_MEAN, 2 * joints[..., 1:]], 2)
    for name, j in JOINT_INDEX.items():
        if name.endswith("_l"):
            continue
        ids = _candidates(template, joints[j, :, 0], REACHES.get(name.removesuffix("_r"), REACH))
        row = np.zeros(len(template))
        if name.endswith("_r"):
            row[ids] = _weights(every[ids], targets[j])
            matrix[JOINT_INDEX[name[:-1] + "l"]] = row[mirror]
        else:
            row[ids] = _weights(every[ids] / 2 + every[mirror[ids]] * [[-1], [1], [1]] / 2, targets[j])
            row = (row + row[mirror]) / 2
        matrix[j] = row
    return scipy.sparse.csr_matrix(matrix)


def _candidates(template: np.ndarray, joint: np.ndarray, reach: float) -> np.ndarray:
    """Vertices within reach, thinned evenly over the skin."""
    ids = np.flatnonzero(np.linalg.norm(template - joint, axis=1) < reach)
    spacing = 0.004
    while len(ids) > CANDIDATES:
        tree = cKDTree(template[ids])
        kept, free = [], np.ones(len(ids), bool)
        for k, near in enumerate(tree.query_ball_point(template[ids], spacing)):
            if free[k]:
                kept.append(k)
                free[near] = False
        ids, spacing = ids[kept], spacing * 1.15
    return ids


def _weights(vertices: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Non-negative weights (n,) summing to 1 that make `target` (3, 11) of vertices (n, 3, 11)."""
    n = len(vertices)
    rows = [vertices.reshape(n, -1).T, np.full((1, n), 1e3), np.eye(n) * EVENNESS * np.sqrt(n)]
    goals = [target.ravel(), np.array([1e3]), np.full(n, EVENNESS / np.sqrt(n))]
    weights, _ = scipy.optimize.nnls(np.vstack(rows), np.concatenate(goals), maxiter=30 * n)
    weights[weights < 1e-5] = 0
    return weights / weights.sum()


def regressed(regressor: scipy.sparse.csr_matrix, template: np.ndarray, shapedirs: np.ndarray) -> np.ndarray:
    """(24, 3, 11) the mean body's joints and their change per beta, from its skin (N, 3) and that one's (N, 3, 10)."""
    every = np.concatenate([template[..., None], shapedirs], 2)
    return (regressor @ every.reshape(len(every), -1)).reshape(-1, 3, every.shape[-1])
