"""How much of the bones lies inside the skin, and which bone lies furthest outside."""

from typing import NamedTuple

import numpy as np

from ...bodies.skel import Skel
from ..inside import Skin


class Breach(NamedTuple):
    """The bones of one body against its skin."""

    inside: float  # share of the bone vertices
    furthest: float  # mm outside the skin, 0 when none is
    bone: str  # the part that lies furthest outside, "" when none does


def breach(body: Skel, skin: Skin, bones: np.ndarray) -> Breach:
    """Measures bone vertices (Nk, 3), metres, against the skin of the same body.

    Depth is the distance to the nearest skin; what seems outside is believed only when the skin does not wind around it.
    """
    near = skin.shallow(bones, 0.0)
    depth = true_depth(skin, bones[near])
    outside = depth < 0
    if not outside.any():
        return Breach(1.0, 0.0, "")
    worst = int(np.argmin(depth))
    bone = body.bone_part_names[body.bone_parts[near[worst]]]
    return Breach(1 - float(outside.sum()) / len(bones), -1000 * float(depth[worst]), bone)


def true_depth(skin: Skin, points: np.ndarray) -> np.ndarray:
    """(P,) what `Skin.true_depth` gives, for many points outside.

    No skin passes through the ball around a point that reaches to the nearest skin, so that the skin winds as often around
    all points in it, and one of them need be asked.
    """
    depth = skin.depth(points)
    outside = np.flatnonzero(depth < 0)
    outside = outside[np.argsort(depth[outside])]
    places, reach = points[outside], -depth[outside]
    asked: list[int] = []
    answered_by = np.full(len(outside), -1)
    for k in range(len(outside)):
        if answered_by[k] < 0:
            within = (np.linalg.norm(places - places[k], axis=1) < reach[k]) & (answered_by < 0)
            answered_by[within] = len(asked)
            answered_by[k] = len(asked)
            asked.append(k)
    if asked:
        misread = skin.winding(places[asked]) > 0.5
        depth[outside[misread[answered_by]]] *= -1
    return depth
