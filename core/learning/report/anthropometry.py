"""Body dimensions of a body in the T pose, taken on its skin and bones as a measurer takes them on people."""

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from ...anatomy.joints import JOINT_INDEX
from ...bodies.skel import Skel
from ...bodies.stature import DENSITY
from ..inside import Skin
from ..skel.template_landmarks import fit_sphere
from .published import RAYS, harrington

CHEST_HEIGHT = 0.720  # of stature: the nipples (Drillis and Contini 1966)
WAIST_HEIGHT = {"male": 0.601, "female": 0.602}  # of stature: the navel (ANSUR II)


def measure(body: Skel, sites: dict[str, int], skin: Skin, bones: np.ndarray, joints: np.ndarray) -> dict[str, float]:
    """The dimensions of one body at rest, mm, and its mass, kg.

    Parameters
    ----------
    sites: `find_sites(body)`
    skin, bones (Nk, 3), joints (24, 3): of the body, metres
    """
    stature = float(np.ptp(skin.vertices[:, 1]))
    found = {"stature": stature, **_heights(sites, skin, bones), **_distances(sites, skin, bones, joints)}
    found |= _breadths(body.gender, sites, skin, bones, stature)
    found |= _bone_lengths(body, sites, bones)
    found |= _segments(sites, bones, joints)
    found = {name: 1000 * value for name, value in found.items()}
    for name, ends in {
        "thigh / stature": "thigh",
        "shank / stature": "shank",
        "upper arm / stature": "upper arm",
        "forearm / stature": "forearm",
        "between hip centres / stature": "between hip centres",
        "between shoulder centres / stature": "between shoulder centres",
    }.items():
        found[name] = found[ends] / found["stature"]
    found |= _rays(body, bones)
    found["mass"] = DENSITY * skin_volume(skin)
    return found


def skin_volume(skin: Skin) -> float:
    """Cubic metres inside a closed skin."""
    a, b, c = np.moveaxis(skin.corners, 1, 0)
    return float((a * np.cross(b, c)).sum() / 6)


def _heights(sites: dict[str, int], skin: Skin, bones: np.ndarray) -> dict[str, float]:
    """Heights of bony points over the floor; of paired ones the mean."""
    floor = skin.vertices[:, 1].min()

    def height(*names: str) -> float:
        ids = [sites[n] for name in names for n in ((name,) if name in sites else (f"{name}_r", f"{name}_l"))]
        return float(bones[ids, 1].mean() - floor)

    top = float(np.ptp(skin.vertices[:, 1]))
    heights = {
        "C7 height": height("spinous_c7"),
        "acromial height": height("acromion"),
        "suprasternale height": height("suprasternale"),
        "tenth rib height": height("tenth_rib"),
        "iliocristale height": height("iliocristale"),
        "trochanterion height": height("trochanterion"),
        "crotch height": _crotch(skin) - floor,
        "mid-patella height": height("patella_top", "patella_apex"),
        "lateral femoral epicondyle height": height("femur_lateral_epicondyle"),
        "tibiale height": height("tibiale"),
        "lateral malleolus height": height("lateral_malleolus"),
    }
    heights["vertex to C7"] = top - heights["C7 height"]
    heights["C7 to trochanterion"] = heights["C7 height"] - heights["trochanterion height"]
    heights["trochanterion to epicondyle"] = (
        heights["trochanterion height"] - heights["lateral femoral epicondyle height"]
    )
    heights["epicondyle to malleolus"] = (
        heights["lateral femoral epicondyle height"] - heights["lateral malleolus height"]
    )
    heights["sitting height"] = top - height("ischium")
    return heights


def _crotch(skin: Skin) -> float:
    """The lowest point of the skin in the midplane."""
    return float(skin.section(np.array([1e-6, 0.0, 0.0]), 0)[:, 1].min())


def _distances(sites: dict[str, int], skin: Skin, bones: np.ndarray, joints: np.ndarray) -> dict[str, float]:
    """Distances along arms, hands and feet, mean of the two sides.

    The acromion stands over the joint when the arm hangs: there its height over the shoulder centre adds to the arm.
    """
    sums: dict[str, float] = {"span": float(np.ptp(skin.vertices[:, 0]))}
    for side, sign in (("r", -1.0), ("l", 1.0)):
        at = {name[:-2]: bones[k] for name, k in sites.items() if name.endswith(f"_{side}")}
        tip = skin.vertices[np.argmax(sign * skin.vertices[:, 0])]
        knuckles = np.array([at["hand_radial"], at["hand_ulnar"]])
        malleoli = np.array([at["lateral_malleolus"], at["medial_malleolus"]])
        length, breadth, ball = _foot(skin, at)
        shoulder = joints[JOINT_INDEX[f"humerus_{side}"]]
        one = {
            "acromion-radiale length": float(at["acromion"][1] - shoulder[1]) + _distance(shoulder, at["radiale"]),
            "radiale-stylion length": _distance(at["radiale"], at["radial_styloid"]),
            "hand length": _distance(at["radial_styloid"], tip),
            "hand breadth": _distance(*knuckles) + float(skin.depth(knuckles).sum()),
            "bimalleolar breadth": _distance(*malleoli) + float(skin.depth(malleoli).sum()),
            "foot length": length,
            "foot breadth": breadth,
            "ball of foot length": ball,
        }
        for name, value in one.items():
            sums[name] = sums.get(name, 0.0) + value / 2
    return sums


def _foot(skin: Skin, at: dict[str, np.ndarray]) -> tuple[float, float, float]:
    """Length of a foot along the line from heel to second metatarsal head, seen from above, and breadth across it.

    The third is how far along it the first metatarsal head is from the heel's skin.
    """
    ankle = at["lateral_malleolus"]
    points = skin.vertices[(skin.vertices[:, 1] < ankle[1]) & (skin.vertices[:, 0] * ankle[0] > 0)]
    axis = (at["mt2_plantar"] - at["heel"])[[0, 2]]
    axis /= np.linalg.norm(axis)
    flat = points[:, [0, 2]]
    ball = at["mt1_medial"][[0, 2]] @ axis - (flat @ axis).min()
    return float(np.ptp(flat @ axis)), float(np.ptp(flat @ [axis[1], -axis[0]])), float(ball)


def _breadths(gender: str, sites: dict[str, int], skin: Skin, bones: np.ndarray, stature: float) -> dict[str, float]:
    """Breadths and depths of trunk and head."""
    floor = skin.vertices[:, 1].min()
    acromia = bones[[sites["acromion_r"], sites["acromion_l"]]]
    chest_x, chest_z = _extent(skin, floor + CHEST_HEIGHT * stature)
    waist_x, waist_z = _extent(skin, floor + WAIST_HEIGHT.get(gender, 0.6015) * stature)
    hips = [
        skin.section(np.array([0.0, y, 0.0]), 1)
        for y in np.linspace(_crotch(skin) + 0.005, bones[sites["iliocristale_r"], 1], 15)
    ]
    buttocks = min(hips, key=lambda cut: cut[:, 2].min())
    parietal, brow, back = (bones[sites[name]] for name in ("parietal_r", "forehead", "occiput"))
    front_of_head, back_of_head = (skin.section(point, 1, 0.2)[:, 2] for point in (brow, back))
    return {
        "biacromial breadth": _distance(*acromia) + float(skin.depth(acromia).sum()),
        "bicristal breadth": _distance(bones[sites["iliac_crest_r"]], bones[sites["iliac_crest_l"]]),
        "chest breadth": chest_x,
        "chest depth": chest_z,
        "waist breadth": waist_x,
        "waist depth": waist_z,
        "hip breadth": max(float(np.ptp(cut[:, 0])) for cut in hips),
        "buttock depth": float(np.ptp(buttocks[:, 2])),
        "head breadth": _extent(skin, parietal[1])[0],
        "head length": float(front_of_head.max() - back_of_head.min()),
    }


def _extent(skin: Skin, height: float) -> tuple[float, float]:
    """Breadth and depth of the skin's horizontal cut."""
    cut = skin.section(np.array([0.0, height, 0.0]), 1)
    return float(np.ptp(cut[:, 0])), float(np.ptp(cut[:, 2]))


def _bone_lengths(body: Skel, sites: dict[str, int], bones: np.ndarray) -> dict[str, float]:
    """Greatest lengths of single bones, mean of the sides, and breadths between bony points."""
    part = {name: bones[body.bone_parts == k] for k, name in enumerate(body.bone_part_names)}
    at = {name: bones[k] for name, k in sites.items()}
    names = ("femur", "tibia", "fibula", "humerus", "radius", "ulna", "clavicle")
    lengths = {name: _mean_of_sides(lambda s, name=name: longest(part[f"{name}_{s}"])) for name in names}
    asis, psis = ((at[f"{name}_r"] + at[f"{name}_l"]) / 2 for name in ("asis", "psis"))
    marks = body.data.landmarks

    def between(one: str, other: str) -> float:
        return _mean_of_sides(lambda s: _distance(at[f"{one}_{s}"], at[f"{other}_{s}"]))

    return lengths | {
        "scapula height": between("superior_angle", "inferior_angle"),
        "sternum": _distance(at["suprasternale"], at["sternum_end"]),
        "femoral bicondylar breadth": between("femur_lateral_epicondyle", "femur_medial_epicondyle"),
        "humeral bicondylar breadth": between("humerus_lateral_epicondyle", "humerus_medial_epicondyle"),
        "bitrochanteric breadth": _distance(at["trochanter_r"], at["trochanter_l"]),
        "bi-iliac breadth": _distance(at["iliac_crest_r"], at["iliac_crest_l"]),
        "pelvic width (ASIS to ASIS)": _distance(at["asis_r"], at["asis_l"]),
        "pelvic depth (mid-ASIS to mid-PSIS)": _distance(asis, psis),
        "femoral head radius": _mean_of_sides(lambda s: fit_sphere(bones[marks[f"femoral_head_{s}"]])[1]),
    }


def _rays(body: Skel, bones: np.ndarray) -> dict[str, float]:
    """For each finger its metacarpal's share of the lengths of its bones, mean of the sides."""
    part = {name: bones[body.bone_parts == k] for k, name in enumerate(body.bone_part_names)}
    found = {}
    for n, measure in enumerate(RAYS, 1):
        kinds = ("proximal", "distal") if n == 1 else ("proximal", "middle", "distal")
        names = [f"metacarpal_{n}", *(f"phalanx_{kind}_hand_{n}" for kind in kinds)]
        lengths = [_mean_of_sides(lambda s, name=name: longest(part[f"{name}_{s}"])) for name in names]
        found[measure] = lengths[0] / sum(lengths)
    return found


def longest(points: np.ndarray) -> float:
    """The greatest distance between two of the points (V, 3)."""
    return float(pdist(points[ConvexHull(points).vertices]).max())


def _segments(sites: dict[str, int], bones: np.ndarray, joints: np.ndarray) -> dict[str, float]:
    """Joint centre to joint centre, of the hand to the top of the third knuckle, mean of the sides."""

    def between(one: str, other: str) -> float:
        return _mean_of_sides(
            lambda s: _distance(joints[JOINT_INDEX[f"{one}_{s}"]], joints[JOINT_INDEX[f"{other}_{s}"]])
        )

    return {
        "upper arm": between("humerus", "ulna"),
        "forearm": between("ulna", "hand"),
        "hand": _mean_of_sides(lambda s: _distance(joints[JOINT_INDEX[f"hand_{s}"]], bones[sites[f"mcp_3_{s}"]])),
        "thigh": between("femur", "tibia"),
        "shank": between("tibia", "talus"),
        "between hip centres": _distance(joints[JOINT_INDEX["femur_r"]], joints[JOINT_INDEX["femur_l"]]),
        "between shoulder centres": _distance(joints[JOINT_INDEX["humerus_r"]], joints[JOINT_INDEX["humerus_l"]]),
    }


def hip_from_harrington(sites: dict[str, int], bones: np.ndarray, joints: np.ndarray) -> dict[str, float]:
    """Hip centre minus Harrington's, in the pelvis frame of Wu et al. 2002, mm, mean of the sides.

    The frame: to the right from ASIS to ASIS, forward in the plane of the ASISs and the middle of the PSISs.
    """
    right, left = bones[sites["asis_r"]], bones[sites["asis_l"]]
    origin, back = (right + left) / 2, (bones[sites["psis_r"]] + bones[sites["psis_l"]]) / 2
    width, depth = 1000 * _distance(right, left), 1000 * _distance(origin, back)
    z = (right - left) / np.linalg.norm(right - left)
    x = (origin - back) - ((origin - back) @ z) * z
    x /= np.linalg.norm(x)
    frame = np.array([x, np.cross(z, x), z])
    expected = np.array(harrington(width, depth))
    off = np.zeros(3)
    for side, sign in (("r", 1.0), ("l", -1.0)):
        place = 1000 * frame @ (joints[JOINT_INDEX[f"femur_{side}"]] - origin)
        off += (place * [1, 1, sign] - expected) / 2
    return dict(zip(("forward", "up", "lateral"), off.tolist(), strict=True))


def _mean_of_sides(of_side) -> float:
    return (of_side("r") + of_side("l")) / 2


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b))
