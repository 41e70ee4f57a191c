"""Bones against bones: how deep those that share no joint enter each other, how far those that do are from each other, and how
far the scapulae glide from the ribs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import ConvexHull, cKDTree

from ...bodies.skel import Skel
from ..inside import Skin
from .articulation import articulations

FACING = 0.6  # cosine of the angle between the costal surface and the way to the middle of the cage
TOLERANCE = 1.0  # mm that bones may enter each other: what their cartilage and coarse meshes account for
SCAPULAR_GAP = 1.0, 20.0  # mm; serratus anterior and subscapularis lie between scapula and ribs
CAGE = range(2, 9)  # the ribs over which the scapula glides
JOINT_SPACE = 10.0  # mm between bones that share a joint: cartilage has 2 to 6, discs of the spine up to 12
BESIDE_NEAREST = 0.01  # metres beyond the nearest vertices, within which two surfaces may be nearest


class Parts(NamedTuple):
    """The bone mesh cut into its parts, in the order of `names`."""

    names: tuple[str, ...]
    ids: list[np.ndarray]  # (V,) bone vertices of each part
    faces: list[np.ndarray]  # (F, 3) triangles of each part, counted within it
    apart: np.ndarray  # (P, P) whether two parts share no joint
    costal: dict[str, np.ndarray]  # side: (V,) bone vertices of the scapula that look at the ribs


class Intersection(NamedTuple):
    """Two parts, in the order of their names, and how deep a vertex of one lies within the other, mm."""

    one: str
    other: str
    depth: float


def cut(body: Skel, bones: np.ndarray) -> Parts:
    """The parts of a body; `bones` (Nk, 3) is its mean at rest."""
    names = body.bone_part_names
    part_of_face = body.bone_parts[body.bone_faces[:, 0]]
    ids, faces = [], []
    for part in range(len(names)):
        own = np.flatnonzero(body.bone_parts == part)
        ids.append(own)
        faces.append(np.searchsorted(own, body.bone_faces[part_of_face == part]))
    joined = articulations(names)
    apart = np.array([[one != other and frozenset((one, other)) not in joined for other in names] for one in names])
    parts = Parts(names, ids, faces, apart, {})
    middle = np.mean([bones[ids[k]].mean(0) for k in _cage(names)], axis=0)
    for side in "rl":
        k = names.index(f"scapula_{side}")
        inwards = middle - bones[ids[k]]
        inwards[:, 1] = 0
        inwards /= np.linalg.norm(inwards, axis=1, keepdims=True)
        looking = (Skin(bones[ids[k]], faces[k]).vertex_normals * inwards).sum(1) > FACING
        parts.costal[side] = ids[k][looking]
    return parts


def intersections(parts: Parts, bones: np.ndarray) -> list[Intersection]:
    """All pairs that share no joint and enter each other, of posed bone vertices (Nk, 3), metres."""
    low = np.array([bones[ids].min(0) for ids in parts.ids])
    high = np.array([bones[ids].max(0) for ids in parts.ids])
    touching = (low[:, None] <= high[None]).all(2) & (low[None] <= high[:, None]).all(2) & parts.apart
    deepest: dict[tuple[int, int], float] = {}
    for k in np.flatnonzero(touching.any(1)):
        others = np.flatnonzero(touching[k])
        ids = np.concatenate([parts.ids[o] for o in others])
        owner = np.repeat(others, [len(parts.ids[o]) for o in others])
        boxed = ((bones[ids] > low[k]) & (bones[ids] < high[k])).all(1)
        ids, owner = ids[boxed], owner[boxed]
        if not len(ids):
            continue
        depth = depth_within(Skin(bones[parts.ids[k]], parts.faces[k]), bones[ids])
        for o in np.unique(owner[depth > 0]):
            pair = min(k, o), max(k, o)
            deepest[pair] = max(deepest.get(pair, 0.0), float(depth[owner == o].max()))
    return [Intersection(parts.names[a], parts.names[b], 1000 * depth) for (a, b), depth in deepest.items()]


def joint_spaces(parts: Parts, bones: np.ndarray) -> dict[tuple[str, str], float]:
    """How far bones that share a joint are from each other, mm, of the right side and the midline at rest.

    A rib's head lies between two vertebrae: of these the nearer one counts.
    """
    found: dict[tuple[str, str], float] = {}
    for joined in sorted(map(sorted, articulations(parts.names))):
        if any(name.endswith("_l") for name in joined):
            continue
        points = [bones[parts.ids[parts.names.index(name)]] for name in joined]
        distance = min(_distance(parts, joined, points), _distance(parts, joined[::-1], points[::-1]))
        one, other = joined
        if one.startswith("rib") and other.startswith("vertebra"):
            other = "vertebra"
        found[one, other] = min(1000 * distance, found.get((one, other), np.inf))
    return found


def _distance(parts: Parts, names: Sequence[str], points: Sequence[np.ndarray]) -> float:
    """Metres from the second bone's vertices to the first one's surface."""
    apart = cKDTree(points[0]).query(points[1])[0]
    near = points[1][apart <= apart.min() + BESIDE_NEAREST]
    return float(np.abs(Skin(points[0], parts.faces[parts.names.index(names[0])]).depth(near)).min())


def depth_within(solid: Skin, points: np.ndarray) -> np.ndarray:
    """(P,) how deep points lie within a closed bone, negative outside.

    The side is told by the winding number: on sharp edges of coarse bones the nearest surface may look the wrong way.
    """
    distance = np.abs(solid.depth(points))
    return np.where(solid.inside(points, distance), distance, -distance)


def scapular_gaps(parts: Parts, bones: np.ndarray) -> dict[str, tuple[float, float]]:
    """For each side, how near the scapula's costal surface comes to a rib, and how deep it enters the cage, mm.

    The first is the least distance, negative within a rib. The second is against the convex hull of ribs 2 to 8 of both
    sides, and 0 when no point is in it.
    """
    cage = _cage(parts.names)
    vertices = np.concatenate([bones[parts.ids[k]] for k in cage])
    starts = np.cumsum([0, *(len(parts.ids[k]) for k in cage)])
    ribs = Skin(vertices, np.concatenate([parts.faces[k] + start for k, start in zip(cage, starts, strict=False)]))
    hull = ConvexHull(vertices).equations
    found = {}
    for side, ids in parts.costal.items():
        gap = -float(depth_within(ribs, bones[ids]).max())
        within = -(bones[ids] @ hull[:, :3].T + hull[:, 3]).max(1)
        found[side] = 1000 * gap, 1000 * max(0.0, float(within.max()))
    return found


def _cage(names: tuple[str, ...]) -> list[int]:
    return [names.index(f"rib_{n:02d}_{side}") for side in "rl" for n in CAGE]
