"""Pose correctives: what blending by skin weights leaves of the skins that are wanted, by ridge regression.

It is taken back to the T pose and regressed on SMPL's pose features (Loper et al. 2015, section 3.3), each vertex by the
joints around it.
"""

from collections.abc import Iterator

import numpy as np

from ...bodies.skel import SMPL_SOURCE
from .posed_people import Posed, Sample
from .skinning import N_JOINTS, blended, joint_neighbours

DRIVES = 0.15  # weight with a joint and its neighbours from which on the joint drives a vertex's correctives
RIDGE = 0.025  # of the features' own mean squares; poses are many but features go together
FLOOR = 0.02  # added to these: what hardly varies would be guessed from noise
LEAST = 0.00007  # metres; correctives that usually move a vertex by less are left out


def learn_correctives(samples: list[Sample], weights: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """(N, 3, 207) pose correctives."""
    features = np.concatenate([posed.features for posed in samples])
    left = np.concatenate([_left_over(posed, weights) for posed in samples])
    right = np.einsum("bf,bna->fna", features, left, optimize=True) / len(features)
    gram = regularised(features)
    posedirs = np.zeros((weights.shape[0], 3, features.shape[1]))
    for ids, columns in feature_groups(weights, features):
        solved = np.linalg.solve(gram[np.ix_(columns, columns)], right[columns][:, ids].reshape(len(columns), -1))
        posedirs[np.ix_(ids, np.arange(3), columns)] = solved.reshape(len(columns), len(ids), 3).transpose(1, 2, 0)
    return tidied(posedirs, features, mirror)


def regularised(features: np.ndarray) -> np.ndarray:
    """(207, 207) the features' mean squares with what holds correctives small."""
    gram = features.T @ features / len(features)
    return gram + np.diag(RIDGE * (np.diag(gram) + FLOOR))


def feature_groups(weights: np.ndarray, features: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Vertices that the same features move, and these: of the joints that a vertex hangs on and of their neighbours."""
    reach = weights @ (np.eye(N_JOINTS) + joint_neighbours()) > DRIVES
    varying = (features**2).mean(0) > 0
    groups: dict[bytes, list[int]] = {}
    for vertex, row in enumerate(reach):
        groups.setdefault(row.tobytes(), []).append(vertex)
    for ids in groups.values():
        driven = np.repeat([source >= 0 and reach[ids[0], source] for source in SMPL_SOURCE], 9)
        columns = np.flatnonzero(driven & varying)
        if len(columns):
            yield np.array(ids), columns


def tidied(posedirs: np.ndarray, features: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Correctives made symmetric, without those that hardly matter."""
    posedirs = (posedirs + mirrored_correctives(posedirs, mirror)) / 2
    both = np.concatenate([features, mirrored_features(features)])  # sides vary alike, and keep the same correctives
    posedirs[np.abs(posedirs) * both.std(0) < LEAST] = 0
    return posedirs


def _left_over(posed: Sample, weights: np.ndarray) -> np.ndarray:
    """(B, N, 3) what must be added to the T-posed skin so that blending gives the goals."""
    skin, matrices = blended(posed, weights)
    return np.linalg.solve(matrices, (posed.goals - skin)[..., None])[..., 0]


def mirrored_correctives(posedirs: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """(N, 3, 207) the correctives of the mirrored body: SMPL's joints change sides, matrices and offsets reflect."""
    across = mirrored_features(posedirs[mirror].reshape(-1, posedirs.shape[2]))
    return across.reshape(posedirs.shape) * np.array([-1.0, 1, 1])[:, None]


def mirrored_features(features: np.ndarray) -> np.ndarray:
    """(B, 207) pose features of the mirrored poses."""
    sign = np.array([-1.0, 1, 1])
    blocks = features.reshape(len(features), 23, 3, 3)[:, SMPL_OTHER_SIDE]
    return (sign[:, None] * blocks * sign).reshape(features.shape)


# SMPL's joints 1 to 23 (hips, spine, knees, ...), left and right exchanged; numbers from 0.
SMPL_OTHER_SIDE = [j - 1 for j in (2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22)]


def corrected(posed: Posed, matrices: np.ndarray, posedirs: np.ndarray) -> np.ndarray:
    """(B, N, 3) what correctives (N, 3, 207) add to skins blended by matrices (B, N, 3, 3)."""
    offsets = np.einsum("naf,bf->bna", posedirs, posed.features, optimize=True)
    return (matrices @ offsets[..., None])[..., 0]


def errors(samples: list[Sample], weights: np.ndarray, posedirs: np.ndarray | None) -> np.ndarray:
    """(B, N) metres between the skins of model and anny."""
    found = []
    for posed in samples:
        skin, matrices = blended(posed, weights)
        if posedirs is not None:
            skin = skin + corrected(posed, matrices, posedirs)
        found.append(np.linalg.norm(skin - posed.targets, axis=2))
    return np.concatenate(found)
