"""Joint centres against the bones that meet there."""

import numpy as np

from ...anatomy.joints import JOINT_INDEX
from ...bodies.skel import Skel
from ..skel.template_landmarks import fit_sphere

SIDES = "rl"
# Centre of the sphere fitted to a joint head (Wu et al. 2002 and 2005: hip and glenohumeral centre).
HEADS = {"femur": "femoral_head", "humerus": "humeral_head"}
# Middle of two bony points (Wu et al. 2002 and 2005: epicondyles, malleoli; styloids for the wrist).
MIDDLES = {
    "tibia": ("femur_lateral_epicondyle", "femur_medial_epicondyle"),
    "talus": ("lateral_malleolus", "medial_malleolus"),
    "ulna": ("humerus_lateral_epicondyle", "humerus_medial_epicondyle"),
    "hand": ("radial_styloid", "ulnar_styloid"),
}
JOINT_WORDS = {
    "femur": "hip",
    "humerus": "shoulder",
    "tibia": "knee",
    "talus": "ankle",
    "ulna": "elbow",
    "hand": "wrist",
}
CRITERION = {
    "femur": "sphere of the femoral head",
    "humerus": "sphere of the humeral head",
    "tibia": "middle of the femoral epicondyles",
    "talus": "middle of the malleoli",
    "ulna": "middle of the humeral epicondyles",
    "hand": "middle of the styloids",
}
TOLERANCE = dict.fromkeys(HEADS, 3.0) | dict.fromkeys(MIDDLES, 5.0)  # mm


def centre_of(landmarks: dict[str, np.ndarray], bones: np.ndarray, joint: str, side: str) -> np.ndarray:
    """(3,) where the bones (Nk, 3) say that a joint is, `joint` without its side."""
    if joint in HEADS:
        return fit_sphere(bones[landmarks[f"{HEADS[joint]}_{side}"]])[0]
    ends = [bones[landmarks[f"{end}_{side}"]].mean(0) for end in MIDDLES[joint]]
    return np.mean(ends, axis=0)


def misses(body: Skel, bones: np.ndarray, joints: np.ndarray) -> dict[str, float]:
    """How far each joint centre (24, 3) lies from where its bones (Nk, 3) say, mm, by the joint's name."""
    return {
        f"{joint}_{side}": 1000
        * float(
            np.linalg.norm(centre_of(body.data.landmarks, bones, joint, side) - joints[JOINT_INDEX[f"{joint}_{side}"]])
        )
        for joint in (*HEADS, *MIDDLES)
        for side in SIDES
    }
