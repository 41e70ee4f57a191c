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
    depth = skin.true_depth(bones[near])
    outside = depth < 0
    if not outside.any():
        return Breach(1.0, 0.0, "")
    worst = int(np.argmin(depth))
    bone = body.bone_part_names[body.bone_parts[near[worst]]]
    return Breach(1 - float(outside.sum()) / len(bones), -1000 * float(depth[worst]), bone)
