"""Sites on the bones, found by construction: the vertex of a bone that lies farthest in a direction.

Directions are those of the T pose, right side: x to the body's left, y up, z forward; the arm points to -x, the thumb to
+z, the back of the hand up, the olecranon back. The left side is searched mirrored. Slabs are shares of the bone's own
extent, so that a small body has the same sites as a large one.
"""

from typing import NamedTuple

import numpy as np
import torch

from ...anatomy.joints import POSE_NAMES
from ...bodies.skel import Skel
from ...errors import InputError

_MEDIAL, _LATERAL = (1, 0, 0), (-1, 0, 0)
_DISTAL, _PROXIMAL = (-1, 0, 0), (1, 0, 0)  # along the arm
_UP, _DOWN, _FRONT, _BACK = (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)

Direction = tuple[float, float, float]


class Site(NamedTuple):
    """Of the vertices of `bone` within all `slabs`, the one farthest along `toward`.

    A slab is (direction, low, high): shares of the extent of what the slabs before it left.
    """

    bone: str
    toward: Direction
    slabs: tuple[tuple[Direction, float, float], ...] = ()


MIDLINE: dict[str, Site] = {
    "vertex": Site("skull", _UP),
    "forehead": Site("skull", _FRONT, ((_UP, 0.62, 1.0),)),
    "occiput": Site("skull", _BACK),
    "chin": Site("mandible", _FRONT, ((_MEDIAL, 0.45, 0.55), (_UP, 0.0, 0.5))),
    "suprasternale": Site("sternum", _UP, ((_MEDIAL, 0.46, 0.54),)),
    "sternum_end": Site("sternum", _DOWN, ((_MEDIAL, 0.46, 0.54),)),
    "sternum": Site("sternum", _FRONT, ((_MEDIAL, 0.46, 0.54), (_UP, 0.4, 0.6))),
    "spinous_c7": Site("vertebra_c7", _BACK),
    **{f"spinous_l{n}": Site(f"vertebra_l{n}", _BACK) for n in range(1, 6)},
}

RIGHT: dict[str, Site] = {
    "parietal": Site("skull", _LATERAL, ((_UP, 0.5, 1.0),)),
    "zygion": Site("skull", _LATERAL, ((_UP, 0.2, 0.5), (_FRONT, 0.5, 0.9))),
    "gonion": Site("mandible", (-1, -1, -1), ((_UP, 0.0, 0.6),)),
    "clavicle": Site("clavicle", (0, 1, 1), ((_LATERAL, 0.4, 0.6),)),
    "acromion": Site("scapula", _LATERAL, ((_UP, 0.88, 1.0),)),
    "inferior_angle": Site("scapula", _DOWN),
    "superior_angle": Site("scapula", _UP, ((_MEDIAL, 0.6, 1.0),)),
    "olecranon": Site("ulna", _BACK, ((_DISTAL, 0.0, 0.15),)),
    "ulnar_border": Site("ulna", _BACK, ((_DISTAL, 0.4, 0.6),)),
    "radiale": Site("radius", _PROXIMAL),
    **{f"mcp_{n}": Site(f"metacarpal_{n}", _UP, ((_DISTAL, 0.8, 1.0),)) for n in range(2, 6)},
    "hand_radial": Site("metacarpal_2", _FRONT, ((_DISTAL, 0.8, 1.0),)),
    "hand_ulnar": Site("metacarpal_5", _BACK, ((_DISTAL, 0.8, 1.0),)),
    "asis": Site("hip_bone", _FRONT, ((_UP, 0.55, 1.0),)),
    "psis": Site("hip_bone", _BACK, ((_UP, 0.68, 1.0),)),
    "iliac_crest": Site("hip_bone", _LATERAL, ((_UP, 0.75, 1.0),)),
    "iliocristale": Site("hip_bone", _UP),
    "ischium": Site("hip_bone", _DOWN),
    "trochanter": Site("femur", _LATERAL, ((_UP, 0.8, 1.0),)),
    "trochanterion": Site("femur", _UP, ((_UP, 0.8, 1.0), (_LATERAL, 0.7, 1.0))),
    "tenth_rib": Site("rib_10", _DOWN),
    "patella": Site("patella", _FRONT),
    "patella_top": Site("patella", _UP),
    "patella_apex": Site("patella", _DOWN),
    "femur_front": Site("femur", _FRONT, ((_UP, 0.47, 0.53),)),
    "tibia_back": Site("tibia", _BACK, ((_UP, 0.62, 0.72),)),
    "tibiale": Site("tibia", _UP, ((_MEDIAL, 0.7, 1.0),)),
    "tibial_tuberosity": Site("tibia", _FRONT, ((_UP, 0.82, 0.93),)),
    "medial_tibial_face": Site("tibia", (1, 0, 0.6), ((_UP, 0.45, 0.55),)),
    "heel": Site("calcaneus", _DOWN, ((_FRONT, 0.0, 0.4),)),
    "mt1_medial": Site("metatarsal_1", _MEDIAL, ((_FRONT, 0.8, 1.0),)),
    "mt2_plantar": Site("metatarsal_2", _DOWN, ((_FRONT, 0.8, 1.0),)),
}

# Sites that the body's own landmarks name.
LANDMARKS = (
    "femur_lateral_epicondyle",
    "femur_medial_epicondyle",
    "medial_malleolus",
    "lateral_malleolus",
    "humerus_lateral_epicondyle",
    "humerus_medial_epicondyle",
    "radial_styloid",
    "ulnar_styloid",
)


def find_sites(body: Skel) -> dict[str, int]:
    """The bone vertex of every site, from the mean body at rest; paired ones have `_r` or `_l` at the end.

    Raises
    ------
    InputError
        When the body's bones or landmarks have no names, as in SKEL's own files.
    """
    if "skull" not in body.bone_part_names or not body.data.landmarks:
        raise InputError(f"The bones of {body.name} are not told apart by name, so no report on them is possible.")
    rest = body(torch.zeros(1, len(POSE_NAMES), dtype=torch.float64), skin=False, bones=True)
    assert rest.bones is not None
    return locate(rest.bones[0].numpy(), body.bone_parts, body.bone_part_names, body.data.landmarks)


def locate(
    bones: np.ndarray, bone_parts: np.ndarray, names: tuple[str, ...], landmarks: dict[str, np.ndarray]
) -> dict[str, int]:
    """The sites of bones (Nk, 3) in the T pose; `bone_parts` (Nk,) counts the `names`, landmarks are vertex ids."""
    part = {name: np.flatnonzero(bone_parts == k) for k, name in enumerate(names)}
    found = {name: _farthest(bones, part[site.bone], site) for name, site in MIDLINE.items()}
    for side, mirror in (("r", 1.0), ("l", -1.0)):
        seen = bones * [mirror, 1, 1]
        for name, site in RIGHT.items():
            ids = part[site.bone] if site.bone in part else part[f"{site.bone}_{side}"]
            found[f"{name}_{side}"] = _farthest(seen, ids, site)
        for name in LANDMARKS:
            ids = landmarks[f"{name}_{side}"]
            off = np.linalg.norm(bones[ids] - bones[ids].mean(0), axis=1)
            found[f"{name}_{side}"] = int(ids[np.argmin(off)])
    return found


def _farthest(points: np.ndarray, ids: np.ndarray, site: Site) -> int:
    for direction, low, high in site.slabs:
        along = points[ids] @ np.array(direction, float)
        share = (along - along.min()) / np.ptp(along)
        ids = ids[(share >= low) & (share <= high)]
    return int(ids[np.argmax(points[ids] @ np.array(site.toward, float))])
