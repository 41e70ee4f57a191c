"""How bones grow with the skin: pairs of skin vertices whose distance, shaped over mean, scales a bone along an axis.

Fat widens the skin but not the bone, so each local pair stands beside the stature: SKEL takes the smaller ratio.
"""

import numpy as np

from ...anatomy.joints import JOINT_INDEX
from ..inside import Skin

X, Y, Z = range(3)  # SMPL axes; a bone's own axes are 0 forward, 1 up (along a limb), 2 to the right


def pairs(skin: Skin, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`osteon_scale_pairs` (R, 5) and `osteon_scale_copies` (C, 3) for a mean skin and its joints (24, 3)."""
    vertices = skin.vertices
    stature = (int(vertices[:, Y].argmax()), int(vertices[:, Y].argmin()))
    rows: list[tuple[int, ...]] = []

    def across(joint: str, bone_axis: int, skin_axis: int, place: np.ndarray, with_stature: bool = True) -> None:
        """The skin's width along an axis through a place."""
        low, high = skin.span(place, skin_axis)
        ends = []
        for value in (high, low):
            point = place.copy()
            point[skin_axis] = value
            ends.append(int(np.linalg.norm(vertices - point, axis=1).argmin()))
        rows.append((JOINT_INDEX[joint], bone_axis, skin_axis, *ends))
        if with_stature:
            rows.append((JOINT_INDEX[joint], bone_axis, Y, *stature))

    at = {name: joints[j] for name, j in JOINT_INDEX.items()}
    pelvis = at["pelvis"] + [0, 0.05, 0]
    across("pelvis", 0, Z, pelvis)
    across("pelvis", 2, X, at["pelvis"] + [0, 0.08, 0])
    rows.append((JOINT_INDEX["pelvis"], 1, Y, *stature))
    for joint in ("thorax", "lumbar_body"):
        across(joint, 0, Z, at["thorax"])
        across(joint, 2, X, at["thorax"] - [0, 0.1, 0])
    # Spines are as near to the back as the thinnest level lets them.
    across("lumbar_body", 0, Z, at["lumbar_body"] - [0, 0.03, 0])
    across("lumbar_body", 0, Z, at["lumbar_body"] + [0, 0.06, 0])
    across("thorax", 0, Z, at["thorax"] + [0, 0.10, 0])
    across("thorax", 0, Z, at["thorax"] - [0, 0.10, 0])
    across("thorax", 2, X, at["thorax"] + [0, 0.02, 0])
    # Heights from the skin of the back: SKEL's own ratio, from joint to joint, does not reach up to the neck.
    middle = np.flatnonzero((np.abs(vertices[:, X]) < 0.005) & (vertices[:, Z] < at["head"][Z]))

    def back(height: float) -> int:
        return int(middle[np.argmin(np.abs(vertices[middle, Y] - height))])

    rows.append((JOINT_INDEX["thorax"], 1, Y, back(0.3 * at["thorax"][Y] + 0.7 * at["head"][Y]), back(at["thorax"][Y])))
    head = at["head"] + [0, 0.09, 0.02]
    across("head", 0, Z, head, False)
    across("head", 2, X, head, False)
    for side in ("r", "l"):
        hand = at[f"hand_{side}"]
        out = np.array([-1.0 if side == "r" else 1.0, 0, 0])
        palm = hand + 0.065 * out
        across(f"hand_{side}", 0, Z, palm, False)
        across(f"hand_{side}", 2, Y, palm, False)
        ankle, ball = at[f"talus_{side}"], at[f"toes_{side}"]
        across(f"calcn_{side}", 2, X, ball * [1, 0, 1] + [0, ball[1], -0.01], False)
        across(f"toes_{side}", 2, X, ball * [1, 0, 1] + [0, ball[1], -0.01], False)
        for joint in ("talus", "calcn"):
            sole = int(np.linalg.norm(vertices - [ankle[0], vertices[:, Y].min(), ankle[2]], axis=1).argmin())
            ring = int(np.linalg.norm(vertices - (ankle + out * 0.04), axis=1).argmin())
            rows.append((JOINT_INDEX[f"{joint}_{side}"], 1, Y, ring, sole))
        tips = vertices[:, X] * out[0]
        tip = int(tips.argmax())
        wrist = int(np.linalg.norm(vertices - (hand + [0, 0.02, 0]), axis=1).argmin())
        rows.append((JOINT_INDEX[f"hand_{side}"], 1, X, tip, wrist))
        own = np.flatnonzero(vertices[:, X] * out[0] > 0)
        own = own[vertices[own, Y] < ankle[1]]
        toe = int(own[vertices[own, Z].argmax()])
        top = int(np.linalg.norm(vertices - (ball + [0, 0.02, 0]), axis=1).argmin())
        rows.append((JOINT_INDEX[f"toes_{side}"], 0, Z, toe, top))
    crown = stature[0]
    chin = int(np.linalg.norm(vertices - (at["head"] + [0, -0.02, 0.11]), axis=1).argmin())
    rows.append((JOINT_INDEX["head"], 1, Y, crown, chin))
    copies = [(JOINT_INDEX[f"scapula_{side}"], axis, JOINT_INDEX["thorax"]) for side in ("r", "l") for axis in range(3)]
    return np.array(rows), np.array(copies)
