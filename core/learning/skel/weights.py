"""Weights of skin and bone vertices to the 24 joints of SKEL."""

from collections.abc import Callable

import numpy as np
import scipy.sparse

from ...anatomy.joints import JOINT_INDEX
from .bone_names import Bones
from .makehuman import MakeHuman
from .placement import end_of
from .posing import SPINE as RIG_SPINE
from .skeleton import N_JOINTS, carriers, joint_of, spine_weights

# MakeHuman's bones by the SKEL joint they go with; the rest follows the parent bone. Trunk and forearm are blended below.
RIG_TO_SKEL = {
    "root": "trunk",
    "spine05": "trunk",
    "pelvis": "pelvis",
    "upperleg01": "femur",
    "lowerleg01": "tibia",
    "foot": "calcn",
    **{f"toe{n}-1": "toes" for n in range(1, 6)},
    "clavicle": "girdle",
    "shoulder01": "scapula",
    "upperarm01": "humerus",
    "lowerarm01": "forearm",
    "wrist": "hand",
    "breast": "trunk",
}
PRONATION_START, PRONATION_END = 0.15, 0.95  # shares of the forearm between which the skin goes over to the radius
# Share of a toe's length, before and behind the metatarsal's head, in which the skin goes over to the toes.
TOES_BEGIN = 0.15


def skin_weights(
    makehuman: MakeHuman,
    skin_ids: np.ndarray,
    skin: np.ndarray,
    joints: np.ndarray,
    levels: dict[str, float],
    toes: np.ndarray,
) -> np.ndarray:
    """(n, 24) weights of the base mesh vertices `skin_ids`, whose T-pose places are `skin`.

    `levels` are the heights of the vertebral bodies, by name; `toes` as `toes_share` gives them.
    """
    rig = makehuman.rig_weights()[skin_ids]
    weights = np.zeros((len(skin_ids), N_JOINTS))
    trunk = _trunk(skin[:, 1], levels)
    neck = {name: share for name, (_, _, share) in RIG_SPINE.items() if name.startswith("neck")}
    for column, bone in enumerate(makehuman.rig):
        share = rig[:, column]
        if not share.any():
            continue
        name, side = bone, ""
        if bone[-2:] in (".L", ".R"):
            name, side = bone[:-2], "_" + bone[-1].lower()
        kind = _kind(makehuman, bone)
        if name in neck:
            weights[:, JOINT_INDEX["thorax"]] += share * (1 - neck[name])
            weights[:, JOINT_INDEX["head"]] += share * neck[name]
        elif kind == "head":
            weights[:, JOINT_INDEX["head"]] += share
        elif kind == "trunk":
            weights += share[:, None] * trunk
        elif kind == "pelvis":
            weights[:, JOINT_INDEX["pelvis"]] += share
        elif kind == "girdle":
            weights[:, JOINT_INDEX["thorax"]] += share * 0.5
            weights[:, JOINT_INDEX[f"scapula{side}"]] += share * 0.5
        elif kind == "forearm":
            start, end = (joints[JOINT_INDEX[f"{n}{side}"]] for n in ("ulna", "hand"))
            along = (skin - start) @ (end - start) / ((end - start) @ (end - start))
            radius = _smooth((along - PRONATION_START) / (PRONATION_END - PRONATION_START))
            weights[:, JOINT_INDEX[f"ulna{side}"]] += share * (1 - radius)
            weights[:, JOINT_INDEX[f"radius{side}"]] += share * radius
        elif kind == "calcn":
            # Around the ankle some of the foot's skin goes with the talus.
            height = joints[JOINT_INDEX[f"talus{side}"], 1] - skin[:, 1]
            talus = 0.5 * _smooth(1 - height / 0.03)
            weights[:, JOINT_INDEX[f"toes{side}"]] += share * toes
            weights[:, JOINT_INDEX[f"talus{side}"]] += share * (1 - toes) * talus
            weights[:, JOINT_INDEX[f"calcn{side}"]] += share * (1 - toes) * (1 - talus)
        else:
            weights[:, JOINT_INDEX[f"{kind}{side}"]] += share
    weights[weights < 1e-4] = 0
    return weights / weights.sum(1, keepdims=True)


def toes_share(skin: np.ndarray, bone: Callable[[str], np.ndarray]) -> np.ndarray:
    """(N,) how much of what MakeHuman gives to the foot goes with the toes instead, of a skin (N, 3) in the T pose.

    MakeHuman's toes bend where they part, SKEL's at the heads of the metatarsals, a third of a toe farther back.

    bone: gives the vertices of a bone of the right foot
    """
    heads, tips = (
        np.array([end_of(bone(f"{stem}_{n}_r"), [0, 0, 1]) for n in range(5, 0, -1)])  # from the outside inwards
        for stem in ("metatarsal", "phalanx_distal_foot")
    )
    across = -np.abs(skin[:, 0])
    start = np.interp(across, heads[:, 0], heads[:, 2])
    length = np.interp(across, heads[:, 0], (tips - heads)[:, 2])
    return _smooth(((skin[:, 2] - start) / length + TOES_BEGIN) / (2 * TOES_BEGIN))


def _kind(makehuman: MakeHuman, bone: str) -> str:
    """What a rig bone counts as: that of the nearest ancestor in the table, the head for all that hangs on it."""
    while True:
        name = bone[:-2] if bone[-2:] in (".L", ".R") else bone
        if name == "head" or name.startswith("neck"):
            return "head"
        if name in RIG_TO_SKEL:
            return RIG_TO_SKEL[name]
        bone = makehuman.rig[bone].parent


def _trunk(height: np.ndarray, levels: dict[str, float]) -> np.ndarray:
    """(n, 24) weights of the trunk's skin: those of the vertebra at its height, in between interpolated."""
    names = [name for name in levels if spine_weights(name).get("head", 0) == 0]
    places = np.array([levels[name] for name in names])
    table = np.zeros((len(names), N_JOINTS))
    for row, name in enumerate(names):
        for joint, share in spine_weights(name).items():
            table[row, JOINT_INDEX[joint]] = share
    # Below the lowest vertebra the pelvis takes over.
    step = places[1] - places[0]
    places = np.concatenate([[places[0] - step], places])
    table = np.vstack([np.eye(N_JOINTS)[JOINT_INDEX["pelvis"]], table])
    return np.column_stack([np.interp(height, places, column) for column in table.T])


def _smooth(share: np.ndarray) -> np.ndarray:
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)


def bone_weights(bones: Bones) -> tuple[scipy.sparse.csr_matrix, np.ndarray]:
    """Blended weights (Nk, 24) and rigid labels (Nk,) of all bones' vertices, in their order.

    A bone is never bent: all its vertices have the same weights.
    """
    rows, labels = [], []
    for name, bone in bones.items():
        weights = np.zeros((len(bone.vertices), N_JOINTS))
        for joint, share in carriers(name).items():
            weights[:, JOINT_INDEX[joint]] = share
        rows.append(weights)
        labels.append(np.full(len(bone.vertices), JOINT_INDEX[joint_of(name)]))
    return scipy.sparse.csr_matrix(np.vstack(rows)), np.concatenate(labels)
