"""Where SKEL's joints are: points on the bones, so that joints change with the shape as the bones do."""

import numpy as np

from ...anatomy.joints import JOINT_INDEX, JOINT_NAMES
from . import placement, skeleton
from .bone_names import SPINE, TARSALS
from .bone_space import BoneSpace
from .placement import end_of
from .template_landmarks import fit_sphere

# Points (3,) in the mean body, each carried by a bone; a joint is the mean of such.
Places = list[tuple[str, np.ndarray]]
Points = dict[str, Places]


def joint_points(bones: BoneSpace, marks: dict[str, tuple[str, np.ndarray]]) -> Points:
    """The points of each joint of the right side and the midline in the mean body, but for the scapula's."""
    v = {name: bones.points(name) for name in bones.names}

    def at(mark: str) -> tuple[str, np.ndarray]:
        bone, ids = marks[mark]
        return bone, v[bone][ids].mean(0)

    def head(mark: str) -> tuple[str, np.ndarray]:
        bone, ids = marks[mark]
        return bone, fit_sphere(v[bone][ids])[0]

    def end(bone: str, direction: list[float]) -> tuple[str, np.ndarray]:
        return bone, end_of(v[bone], direction)

    spine = {name: [(name, middle)] for name, middle in vertebrae(bones)}
    return {
        "pelvis": [head("femoral_head_r")],
        "femur_r": [head("femoral_head_r")],
        "tibia_r": [at("femur_lateral_epicondyle_r"), at("femur_medial_epicondyle_r")],
        "talus_r": [at("medial_malleolus_r"), at("lateral_malleolus_r")],
        # The subtalar joint: between the talus and the middle of the heel bone.
        "calcn_r": [(name, v[name].mean(0)) for name in ("talus_r", "calcaneus_r")],
        "toes_r": [end(f"metatarsal_{n}_r", [0, 0, 1]) for n in (1, 2, 3)],
        "lumbar_body": spine[skeleton.LUMBAR_VERTEBRA],
        "thorax": spine[skeleton.THORAX_VERTEBRA],
        "head": spine["vertebra_c1"],
        "humerus_r": [head("humeral_head_r")],
        "ulna_r": [at("humerus_lateral_epicondyle_r"), at("humerus_medial_epicondyle_r")],
        "radius_r": [end("radius_r", [1, 0, 0])],
        "hand_r": [at("radial_styloid_r"), at("ulnar_styloid_r")],
    }


# The bones that a limb's joint holds, besides those that carry its points.
_HOLDS = {
    "femur_r": ("hip_bone_r",),
    "tibia_r": ("tibia_r",),
    "talus_r": ("talus_r",),
    "humerus_r": ("scapula_r",),
    "ulna_r": ("ulna_r", "radius_r"),
    "hand_r": ("scaphoid_r", "lunate_r"),
}


def held(bones: BoneSpace, points: Points) -> Places:
    """Where bones should stay when they are moved, so that joints stay: a limb's points on either side, every vertebra.

    No mean of skin vertices follows a spine that keeps its distance from the back where trunks get thin.
    """
    there = [(bone, np.mean([p for _, p in points[joint]], axis=0)) for joint, on in _HOLDS.items() for bone in on]
    return there + [place for joint in _HOLDS for place in points[joint]] + vertebrae(bones)


def vertebrae(bones: BoneSpace) -> Places:
    """The middle of each vertebra's body."""
    return [(name, placement.vertebral_body(bones.points(name))) for name in SPINE]


def shoulder(points: Points) -> np.ndarray:
    """(3,) the right shoulder's centre in the mean body."""
    ((_, centre),) = points["humerus_r"]
    return centre


def scapula_shares(joint: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(3,) how far the scapula's joint is from the shoulder's centre, as shares of that one's distance from the midline.

    The joint is on no bone's surface. So it grows with the width of the shoulders, which the skin tells.
    """
    return (joint - centre) / centre[0]


def joint_directions(bones: BoneSpace, points: Points, scapula: np.ndarray) -> np.ndarray:
    """(24, 3, 11) the mean body's joints and their change per beta; the left side mirrors the right.

    scapula: (3,) where the scapula turns, as `scapula_shares` gives it
    """
    joints = np.empty((len(JOINT_NAMES), 3, 1 + bones.maps.shape[-1]))
    for name, places in (points | {"scapula_r": points["humerus_r"]}).items():
        maps = np.array([bones.maps[bones.names.index(part)] for part, _ in places])
        spots = np.array([point for _, point in places])
        change = np.einsum("pack,pc->pak", maps[:, :, :3], spots) + maps[:, :, 3]
        joint = np.concatenate([spots[..., None], change], 2).mean(0)
        if name == "scapula_r":
            joint = joint + scapula[:, None] * joint[0]
        if name.endswith("_r"):
            joints[JOINT_INDEX[name[:-1] + "l"]] = joint * np.array([-1, 1, 1])[:, None]
        else:
            joint = joint * np.array([0, 1, 1])[:, None]
        joints[JOINT_INDEX[name]] = joint
    return joints


# Which joint's correction each bone follows: one, or from the first joint to the second along the bone.
_FOLLOWS = {
    "femur": ("femur_r", "tibia_r"),
    "patella": ("tibia_r", "tibia_r"),
    "tibia": ("tibia_r", "talus_r"),
    "fibula": ("tibia_r", "talus_r"),
    "humerus": ("humerus_r", "ulna_r"),
    "ulna": ("ulna_r", "hand_r"),
    "radius": ("ulna_r", "hand_r"),
    "scapula": ("humerus_r", "humerus_r"),
    "hip_bone": ("femur_r", "femur_r"),
    "sacrum": ("pelvis", "pelvis"),
    "skull": ("head", "head"),
    "mandible": ("head", "head"),
    "clavicle": ("thorax", "humerus_r"),
}
_SPINE = ("pelvis", "lumbar_body", "thorax", "head")


def follow_regressor(bones: BoneSpace, wanted: np.ndarray, given: np.ndarray) -> BoneSpace:
    """The bones moved to joints that regressors give instead of those that the bones would have.

    Where the skin around a joint cannot tell how it changes with the shape, bones yield: each goes along with its joints.

    wanted, given: (24, 3, 11) joints from the bones and from the regressors
    """
    at = {name: wanted[j, :, 0] for name, j in JOINT_INDEX.items()}
    change = {name: given[j, :, 1:] - wanted[j, :, 1:] for name, j in JOINT_INDEX.items()}
    heights = np.array([at[name][1] for name in _SPINE])
    maps = bones.maps.copy()
    for part, name in enumerate(bones.names):
        ids = bones.members(name)
        stem = name.removesuffix("_r")
        if stem.startswith(("vertebra", "rib", "sternum")):
            y = bones.template[ids, 1].mean()
            shares = [np.interp(y, heights, row) for row in np.eye(len(_SPINE))]
            maps[part, :, 3] += sum(share * change[joint] for share, joint in zip(shares, _SPINE, strict=True))
            continue
        first, second = _FOLLOWS.get(stem) or (("talus_r",) * 2 if _in_foot(stem) else ("hand_r",) * 2)
        start, end = at[first], at[second]
        if first == second:
            maps[part, :, 3] += change[first]
            continue
        along = (end - start) / ((end - start) @ (end - start))
        growth = np.einsum("ak,c->ack", change[second] - change[first], along)
        maps[part, :, :3] += growth
        maps[part, :, 3] += change[first] - np.einsum("ack,c->ak", growth, start)
    return bones.moved(maps=maps)


def _in_foot(stem: str) -> bool:
    return stem in TARSALS or stem == "talus" or stem.startswith("metatarsal") or "_foot_" in stem
