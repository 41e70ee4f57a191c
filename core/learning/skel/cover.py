"""Keeps bones under the skin in poses: where a posed bone comes out, the skin that lies over it gives way.

Correctives are learned to come near to skins on average. That a bone is covered is an inequality: here they are changed as
little as will do in all poses in which it holds, and much more firmly in those in which it does not.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import scipy.sparse
from scipy.spatial import cKDTree

from ..inside import Skin
from .correctives import corrected, feature_groups, mirrored_features, regularised, tidied
from .over_bones import neighbours_means
from .posed_people import Posed
from .skinning import blended

log = logging.getLogger(__name__)

# Metres of skin that a posed bone should have over it, but no more than a share of what it has at rest.
MARGIN, SHARE = 0.0015, 0.5
SEEMING = 0.002  # metres outside beyond which it is asked whether a fold of the skin only makes it seem so
MOST = 0.03  # metres that are asked for at once
COARSE = 0.005  # metres below which the skin's triangles are asked, not only its vertices
TRIANGLES = 8  # at a vertex, that are asked
FARTHEST = 0.04  # metres from the skin beyond which no bone comes out
SPREAD = 0.015  # metres, how far around it the skin gives way
NEAR = 0.08  # metres at rest; skin farther away only touches, and what is inside needs no margin to it
ROUNDS = 6
AGAIN = 150  # poses, those in which most skin is lacking, that the next round looks at again
FIRMNESS = 100.0  # how much more a pose counts in which a bone is not covered
# Metres of lack at which a pose counts twice that, and beyond which it counts no more.
LOUD, LOUDEST = 0.002, 0.015
STIFFNESS = 0.003  # keeps changes small that hang on features which vary little: poses yet unseen would blow them up
HELD = 8.0  # how much more than in others the skin stays as it is in usual poses
GAIN = 1.2
LONGEST = 2.0  # times as far as the posed skin should move may the T-posed one, where blending has flattened it


def covered(
    posed: Callable[[int], list[Posed]], features: np.ndarray, usual: np.ndarray, weights: np.ndarray,
    posedirs: np.ndarray, faces: np.ndarray, mirror: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Correctives (N, 3, 207) with which posed skins cover their bones, from those that do not yet.

    posed: people in poses, new ones for each round from 0: what correctives learn from one they must keep in the next,
        which looks again at the hardest poses of before
    features: (S, 207) of the poses that the correctives were learned from; usual: (U, 207) of poses in which
        they shall change little
    weights: (N, 24); faces: (F, 3); mirror: (N,) the other side's vertex of each
    """
    groups = list(feature_groups(weights, features))
    gram = regularised(features) + HELD * usual.T @ usual / len(usual) + STIFFNESS * np.eye(features.shape[1])
    around = None
    hardest: list[Posed] = []
    for k in range(ROUNDS):
        people = posed(k) + hardest
        around = around or Neighbourhood(people[0].skin, faces)
        asked = np.concatenate([_asked(person, weights, posedirs, faces, around) for person in people])  # (S, N, 3)
        there = np.concatenate([person.features for person in people])
        worst = np.linalg.norm(asked, axis=2).max(1)
        log.info(
            "cover, round %d: %.1f mm of skin lacking at worst, %.1f in the middle pose",
            k, worst.max() * 1e3, np.median(worst) * 1e3,
        )  # fmt: skip
        # What one side is asked in a pose, the other is asked in the mirrored one.
        there = np.concatenate([there, mirrored_features(there)])
        change = np.zeros_like(posedirs)
        for ids, columns in groups:
            block = gram[np.ix_(columns, columns)]
            for vertex in ids:
                goals = np.concatenate([asked[:, vertex], asked[:, mirror[vertex]] * [-1, 1, 1]])
                lack = np.linalg.norm(goals, axis=1)
                poses = np.flatnonzero(lack)
                if not len(poses):
                    continue
                firmness = FIRMNESS * (1 + (np.minimum(lack[poses], LOUDEST) / LOUD) ** 2)
                share = np.sqrt(firmness / len(there))[:, None]
                own = share * there[np.ix_(poses, columns)]
                goal = share * goals[poses] * GAIN
                change[vertex][:, columns] = np.linalg.solve(block + own.T @ own, own.T @ goal).T
        # What only one vertex was asked for would be seen as a spike.
        change = (around.smoothing @ change.reshape(len(change), -1)).reshape(change.shape)
        posedirs = tidied(posedirs + change, features, mirror)
        hardest = list(_hardest(people, worst))
    return posedirs


def _hardest(people: list[Posed], lack: np.ndarray) -> Iterator[Posed]:
    """The people in those `AGAIN` poses in which they lack most, from lack (S,) in all of their poses."""
    least = np.partition(lack, -AGAIN)[-AGAIN] if len(lack) > AGAIN else 0.0
    ends = np.cumsum([len(person.bones) for person in people])
    for person, own in zip(people, np.split(lack, ends[:-1]), strict=True):
        k = np.flatnonzero((own >= least) & (own > 0))
        if len(k):
            yield replace(person, bones=person.bones[k], skinning=person.skinning[k], features=person.features[k])


class Neighbourhood:
    """Which vertices of a skin (N, 3) are near to each other, and how near; which triangles (F, 3) each has.

    `nearness` (N, N) is 1 on the diagonal and falls with the distance. `smoothing` (N, N) takes of what vertices have half
    of their own and half of their neighbours'.
    """

    def __init__(self, skin: np.ndarray, faces: np.ndarray) -> None:
        pairs = cKDTree(skin).query_pairs(2.5 * SPREAD, output_type="ndarray")
        weight = np.exp(-0.5 * (np.linalg.norm(skin[pairs[:, 0]] - skin[pairs[:, 1]], axis=1) / SPREAD) ** 2)
        own = np.arange(len(skin))
        one, other = (np.concatenate([*both, own]) for both in (pairs.T, pairs.T[::-1]))
        weight = np.concatenate([weight, weight, np.ones(len(own))])
        self.nearness = scipy.sparse.csr_matrix((weight, (one, other)), (len(skin), len(skin)))
        self.smoothing = neighbours_means(faces, len(skin))
        order = np.argsort(faces.ravel(), kind="stable")
        count = np.bincount(faces.ravel(), minlength=len(skin))
        place = np.minimum(np.arange(TRIANGLES), count[:, None] - 1) + (np.cumsum(count) - count)[:, None]
        self.triangles = order[place] // 3  # (N, 8), the last one again where there are fewer


def _asked(
    posed: Posed, weights: np.ndarray, posedirs: np.ndarray, faces: np.ndarray, around: Neighbourhood
) -> np.ndarray:
    """(B, N, 3) how the T-posed skin should be changed in each pose, float32."""
    skin, matrices = blended(posed, weights)
    skin += corrected(posed, matrices, posedirs)
    found = np.zeros(skin.shape, np.float32)
    kept, rest = resting(posed, faces, around)
    for k, points in enumerate(posed.bones):
        move = push(skin[k], faces, points[kept], rest, around)
        ids = np.flatnonzero(move.any(1))
        back = np.linalg.solve(matrices[k, ids], move[ids][..., None])[..., 0]
        longer = np.linalg.norm(back, axis=1) / np.linalg.norm(move[ids], axis=1)
        found[k, ids] = back / np.maximum(longer / LONGEST, 1)[:, None]
    return found


class Resting(NamedTuple):
    """A skin (N, 3) in the T pose, the points (V, 3) of bones that it shall cover, and their depths there (V,), metres."""

    skin: np.ndarray
    bones: np.ndarray
    depth: np.ndarray  # 0 outside


def resting(posed: Posed, faces: np.ndarray, around: Neighbourhood) -> tuple[np.ndarray, Resting]:
    """Which points of a person's bones are looked at, as indices, and these in the T pose.

    The skin vertex nearest to a toe's bone may be the next toe's, which has nothing to cover there: no such point is.
    """
    surface = Skin(posed.skin, faces)
    nearest = cKDTree(posed.skin).query(posed.resting_bones)[1]
    depth = surface.closest(posed.resting_bones, around.triangles[nearest])[0]
    outside = np.flatnonzero(depth <= 0)
    kept = np.delete(np.arange(len(depth)), outside[surface.winding(posed.resting_bones[outside]) > 0.5])
    return kept, Resting(posed.skin, posed.resting_bones[kept], np.maximum(depth[kept], 0))


def push(skin: np.ndarray, faces: np.ndarray, bones: np.ndarray, rest: Resting, around: Neighbourhood) -> np.ndarray:
    """(N, 3) metres by which each vertex of a posed skin should move outwards so that it covers the bones (V, 3)."""
    surface = Skin(skin, faces)
    distance, nearest = cKDTree(skin).query(bones, distance_upper_bound=FARTHEST)
    found = np.flatnonzero(np.isfinite(distance))
    nearest = nearest[found]
    depth = ((skin[nearest] - bones[found]) * surface.vertex_normals[nearest]).sum(1)
    shallow = depth < COARSE
    found, nearest = found[shallow], nearest[shallow]
    depth = surface.closest(bones[found], around.triangles[nearest])[0]
    own = np.linalg.norm(rest.skin[nearest] - rest.bones[found], axis=1) < NEAR
    margin = np.where(own, np.minimum(SHARE * rest.depth[found], MARGIN), 0.0)
    lacking = depth < np.where(own, margin, -SEEMING)
    found, nearest, depth, margin = found[lacking], nearest[lacking], depth[lacking], margin[lacking]
    lack = np.minimum(margin - depth, MOST)
    # One point for each skin vertex, the one that lacks most; what a fold only makes seem outside is left out.
    most = np.zeros(len(skin))
    np.maximum.at(most, nearest, lack)
    order = np.argsort(lack, kind="stable")
    worst_of = np.full(len(skin), -1)
    worst_of[nearest[order]] = order
    asked = np.flatnonzero(worst_of >= 0)
    asked = asked[depth[worst_of[asked]] < -SEEMING]
    most[asked[surface.winding(bones[found[worst_of[asked]]]) > 0.5]] = 0
    spread = np.zeros(len(skin))
    asked = np.flatnonzero(most)
    near = around.nearness[asked]
    np.maximum.at(spread, near.indices, near.data * np.repeat(most[asked], np.diff(near.indptr)))
    return spread[:, None] * surface.vertex_normals
