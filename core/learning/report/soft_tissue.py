"""Soft tissue over the bones: how deep bony points lie under the skin, and how deep they lie in people."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..inside import Skin

TEXTBOOK = "textbook"
THROUGH = 1.0  # mm; less is bone through skin


class Depth(NamedTuple):
    """Published soft tissue over a site, mm: what is typical, and the range that people keep within."""

    sites: tuple[str, ...]  # of `sites.find_sites`, paired ones without their side
    typical: tuple[float, float]
    low: float
    high: float
    source: str
    axis: tuple[int, int] | None = None  # coordinate and way of the skin that is meant, if not the nearest


PUBLISHED: dict[str, Depth] = {
    "vertex": Depth(("vertex",), (5, 6), 3, 9, TEXTBOOK),
    "parietal": Depth(("parietal",), (5, 6), 3, 9, TEXTBOOK),
    "forehead": Depth(("forehead",), (4.5, 5.5), 3, 8, "facial tissue depth tables"),
    "occiput": Depth(("occiput",), (6, 8), 4, 12, TEXTBOOK),
    "chin": Depth(("chin",), (11, 11), 7, 15, "facial tissue depth tables"),
    "gonion": Depth(("gonion",), (14, 17), 10, 21, "facial tissue depth tables"),
    "zygion": Depth(("zygion",), (8, 9), 4, 13, "facial tissue depth tables"),
    "clavicle, mid-shaft": Depth(("clavicle",), (5, 7), 2, 15, TEXTBOOK),
    "acromion": Depth(("acromion",), (6, 9), 3, 18, TEXTBOOK),
    "sternum": Depth(("sternum",), (8, 12), 4, 25, TEXTBOOK),
    "olecranon": Depth(("olecranon",), (4, 5), 2, 8, TEXTBOOK),
    "lateral humeral epicondyle": Depth(("humerus_lateral_epicondyle",), (4, 6), 2, 12, TEXTBOOK),
    "medial humeral epicondyle": Depth(("humerus_medial_epicondyle",), (5, 7), 2, 12, TEXTBOOK),
    "ulnar border": Depth(("ulnar_border",), (2, 4), 1.5, 6, TEXTBOOK),
    "radial styloid": Depth(("radial_styloid",), (2, 4), 1.5, 6, TEXTBOOK),
    "ulnar styloid": Depth(("ulnar_styloid",), (2, 4), 1.5, 6, TEXTBOOK),
    "metacarpal heads, dorsal": Depth(("mcp_2", "mcp_3", "mcp_4", "mcp_5"), (2, 3), 1, 5, TEXTBOOK),
    "ASIS": Depth(("asis",), (2.7, 16.7), 3, 25, "Mantovani 2016, CT, n = 67: 9.7 ± 7.0"),
    "PSIS": Depth(("psis",), (8.7, 30.5), 6, 45, "Mantovani 2016, CT, n = 67: 19.6 ± 10.9"),
    "iliac crest": Depth(("iliac_crest",), (12, 20), 4, 40, TEXTBOOK),
    "greater trochanter": Depth(("trochanter",), (25, 60), 12, 90, TEXTBOOK),
    "ischial tuberosity": Depth(("ischium",), (30, 45), 15, 80, TEXTBOOK),
    "thigh, middle, in front": Depth(("femur_front",), (45, 60), 25, 90, TEXTBOOK, (2, 1)),
    "patella": Depth(("patella",), (5, 6), 3, 12, TEXTBOOK),
    "tibial tuberosity": Depth(("tibial_tuberosity",), (5, 6), 2, 12, TEXTBOOK),
    "medial tibial face": Depth(("medial_tibial_face",), (4, 6), 2, 12, TEXTBOOK),
    "calf, behind the tibia": Depth(("tibia_back",), (50, 70), 35, 95, TEXTBOOK, (2, -1)),
    "lateral femoral epicondyle": Depth(("femur_lateral_epicondyle",), (6, 8), 3, 25, TEXTBOOK),
    "medial femoral epicondyle": Depth(("femur_medial_epicondyle",), (8, 12), 3, 25, TEXTBOOK),
    "lateral malleolus": Depth(("lateral_malleolus",), (3, 4), 2, 6, TEXTBOOK),
    "medial malleolus": Depth(("medial_malleolus",), (3, 4), 2, 6, TEXTBOOK),
    "heel pad": Depth(("heel",), (18.8, 18.8), 12, 25, "Korean MRI and X-ray study, n = 670, unloaded"),
    "second metatarsal head, plantar": Depth(("mt2_plantar",), (15.2, 15.2), 9, 18, "Cavanagh 1999, n = 5"),
    "C7 spinous process": Depth(("spinous_c7",), (8, 12), 5, 25, TEXTBOOK),
    "lumbar spinous processes": Depth(tuple(f"spinous_l{n}" for n in range(1, 6)), (8, 15), 4, 40, TEXTBOOK),
}


class Reason(NamedTuple):
    """Why a site may be out of its range at rest, and from which mean to which, mm."""

    text: str
    low: float
    high: float


_SETTLED = "kept inside the thinnest of all shapes, so deeper than usual in the mean one"
REASONS = {
    "forehead": Reason("the skull is fitted to the scalp as a whole; MakeHuman's brows are full", 3, 9),
    "acromion": Reason("the T pose's raised arms gather flesh over it", 3, 25),
    "lateral humeral epicondyle": Reason(_SETTLED, 2, 14),
    "ulnar border": Reason(_SETTLED, 1.5, 11),
    "radial styloid": Reason(_SETTLED, 1.5, 10),
    "ulnar styloid": Reason(_SETTLED, 1.5, 10),
    "medial malleolus": Reason(_SETTLED, 2, 9),
    "heel pad": Reason("kept inside the thinnest of all shapes: the calcaneus lies low", 10, 25),
    "second metatarsal head, plantar": Reason("the range is that of five people", 9, 20),
}
# Of any site in poses, while it is no farther out than bones may be in these.
STRETCHED = "where joints are at their limits the skin only just covers it"
OUT_POSED = 8.0  # mm


def depths(sites: dict[str, int], skin: Skin, bones: np.ndarray, at_rest: bool) -> dict[str, list[float]]:
    """How deep the sites of each row of `PUBLISHED` lie under the skin, mm, negative outside; all sides and levels.

    To the nearest skin; where a row names an axis, along it, and only at rest, where the axes are the body's.
    """
    nearest = dict(zip(sites, skin.true_depth(bones[list(sites.values())]), strict=True))
    found = {}
    for row, published in PUBLISHED.items():
        names = [name for site in published.sites for name in _with_sides(site, sites)]
        if published.axis is None:
            found[row] = [1000 * float(nearest[name]) for name in names]
        elif at_rest:
            found[row] = [1000 * _along(skin, bones[sites[name]], *published.axis) for name in names]
    return found


def off_typical(published: Depth, rest: np.ndarray) -> float:
    """How far the mean of depths (N,), mm, lies from what is typical of the site; 0 within."""
    low, high = published.typical
    mean = float(rest.mean())
    return min(mean - low, 0.0) + max(mean - high, 0.0)


def reason(site: str, rest: np.ndarray, posed: np.ndarray) -> str:
    """Why depths (N,) at rest and (M,) posed, mm, are marked as they are; "" where not all of it has a known reason."""
    published, known = PUBLISHED[site], REASONS.get(site)
    if rest.min() < THROUGH or (len(posed) and posed.min() < -OUT_POSED):
        return ""
    texts = []
    if not published.low <= rest.mean() <= published.high:
        if known is None or not known.low <= rest.mean() <= known.high:
            return ""
        texts.append(known.text)
    if len(posed) and posed.min() < THROUGH:
        texts.append(STRETCHED)
    return "; ".join(texts)


def mark(published: Depth, rest: np.ndarray, posed: np.ndarray) -> str:
    """What is wrong with the depths (N,) and (M,) of a site, mm, in words; "" when nothing is."""
    faults = []
    if rest.mean() < published.low:
        faults.append("shallow")
    if rest.mean() > published.high:
        faults.append("deep")
    if rest.min() < THROUGH:
        faults.append("through the skin")
    if len(posed) and posed.min() < THROUGH:
        faults.append("through when posed")
    return ", ".join(faults)


def _with_sides(site: str, sites: dict[str, int]) -> Sequence[str]:
    return (site,) if site in sites else (f"{site}_r", f"{site}_l")


def _along(skin: Skin, point: np.ndarray, axis: int, way: int) -> float:
    """Metres from a point to where a line along a coordinate axis leaves the skin."""
    return abs(skin.span(point, axis)[0 if way < 0 else 1] - float(point[axis]))
