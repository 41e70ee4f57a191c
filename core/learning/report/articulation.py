"""Which bones share a joint: synovial, cartilaginous or fibrous. Bones that share none should stay apart.

From textbook anatomy (Gray's Anatomy, chapters on the single joints). Menisci, intervertebral discs and the disc at the
ulna's head are no bones: what they separate counts as sharing a joint. The costal cartilages are part of the sternum's
mesh, hence ribs 1 to 10 meet it.
"""

import itertools
from collections.abc import Iterator, Sequence

_SPINE = (
    *(f"vertebra_c{n}" for n in range(1, 8)),
    *(f"vertebra_t{n:02d}" for n in range(1, 13)),
    *(f"vertebra_l{n}" for n in range(1, 6)),
    "sacrum",
)

# Bones of one side; "sternum", "skull" and the like have none.
_PAIRED: dict[str, tuple[str, ...]] = {
    # pelvis and leg
    "hip_bone": ("sacrum", "femur"),
    "femur": ("tibia", "patella"),
    "tibia": ("fibula", "talus"),
    "fibula": ("talus",),
    "talus": ("calcaneus", "navicular"),
    "calcaneus": ("cuboid",),
    "navicular": ("cuboid", "cuneiform_medial", "cuneiform_intermediate", "cuneiform_lateral"),
    "cuneiform_medial": ("cuneiform_intermediate", "metatarsal_1", "metatarsal_2"),
    "cuneiform_intermediate": ("cuneiform_lateral", "metatarsal_2"),
    "cuneiform_lateral": ("cuboid", "metatarsal_2", "metatarsal_3", "metatarsal_4"),
    "cuboid": ("metatarsal_4", "metatarsal_5"),
    "metatarsal_2": ("metatarsal_3",),
    "metatarsal_3": ("metatarsal_4",),
    "metatarsal_4": ("metatarsal_5",),
    # shoulder girdle and arm
    "clavicle": ("sternum", "scapula"),
    "scapula": ("humerus",),
    "humerus": ("ulna", "radius"),
    "ulna": ("radius", "lunate", "triquetrum"),  # the carpals over the disc
    "radius": ("scaphoid", "lunate", "triquetrum"),
    "scaphoid": ("lunate", "trapezium", "trapezoid", "capitate"),
    "lunate": ("triquetrum", "capitate", "hamate"),
    "triquetrum": ("pisiform", "hamate"),
    "trapezium": ("trapezoid", "metacarpal_1", "metacarpal_2"),
    "trapezoid": ("capitate", "metacarpal_2"),
    "capitate": ("hamate", "metacarpal_2", "metacarpal_3", "metacarpal_4"),
    "hamate": ("metacarpal_4", "metacarpal_5"),
    "metacarpal_2": ("metacarpal_3",),
    "metacarpal_3": ("metacarpal_4",),
    "metacarpal_4": ("metacarpal_5",),
}
_FACETS_OF_TWO = range(2, 11)  # ribs whose heads meet two vertebrae
_WITH_CARTILAGE = range(1, 11)  # ribs that reach the sternum or the arch


def articulations(names: Sequence[str]) -> frozenset[frozenset[str]]:
    """The pairs of `names` that share a joint."""
    known = set(names)
    pairs = (frozenset(pair) for pair in _pairs())
    return frozenset(pair for pair in pairs if pair <= known)


def _pairs() -> Iterator[tuple[str, str]]:
    yield "skull", "mandible"
    yield "skull", "vertebra_c1"
    yield "hip_bone_r", "hip_bone_l"  # the symphysis
    yield from itertools.pairwise(_SPINE)
    for side in "rl":
        for bone, others in _PAIRED.items():
            for other in others:
                yield f"{bone}_{side}", other if other in ("sacrum", "sternum") else f"{other}_{side}"
        for n in range(1, 13):
            yield f"rib_{n:02d}_{side}", f"vertebra_t{n:02d}"
            if n in _FACETS_OF_TWO:
                yield f"rib_{n:02d}_{side}", f"vertebra_t{n - 1:02d}"
            if n in _WITH_CARTILAGE:
                yield f"rib_{n:02d}_{side}", "sternum"
        for limb, first in (("hand", "metacarpal"), ("foot", "metatarsal")):
            for digit in range(1, 6):
                kinds = ("proximal", "distal") if digit == 1 else ("proximal", "middle", "distal")
                chain = [f"{first}_{digit}_{side}", *(f"phalanx_{kind}_{limb}_{digit}_{side}" for kind in kinds)]
                yield from itertools.pairwise(chain)
