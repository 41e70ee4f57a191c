"""Where BlazePose's 33 landmarks sit in the body: offsets from joints, in bone frames.

A landmark is not a joint centre. Shoulder, elbow, wrist, hip, knee and ankle: the calibration that Pose2Sim ships for
OpenSim (Markers_BlazePose.xml, BSD-3), expressed from the joint centres of its model. Face, knuckles, heel and toe:
where MediaPipe's documentation places them, measured on the open body (knuckle 1 of index and little finger, 2 of the
thumb). The
left side mirrors the right one. Offsets in metres for a bone of scale 1; x forward, y up, z to the body's right, the
arm hanging with the thumb forward.
"""

from typing import NamedTuple

from .joints import JOINT_INDEX


class Site(NamedTuple):
    """A landmark at `offset` from the centre of a joint, in the frame of a bone that need not be that joint's."""

    joint: int
    bone: int
    offset: tuple[float, float, float]


_MIDLINE_AND_RIGHT: dict[str, tuple[str, str, tuple[float, float, float]]] = {
    "nose": ("head", "head", (0.121, 0.015, 0.0)),
    "right_eye_inner": ("head", "head", (0.098, 0.047, 0.017)),
    "right_eye": ("head", "head", (0.095, 0.047, 0.032)),
    "right_eye_outer": ("head", "head", (0.086, 0.047, 0.045)),
    "right_ear": ("head", "head", (0.004, 0.036, 0.076)),
    "mouth_right": ("head", "head", (0.098, -0.025, 0.025)),
    "right_shoulder": ("humerus_r", "scapula_r", (-0.016, -0.005, 0.032)),
    "right_elbow": ("ulna_r", "humerus_r", (0.012, -0.012, 0.001)),
    "right_wrist": ("hand_r", "radius_r", (-0.004, 0.001, -0.009)),
    "right_pinky": ("hand_r", "hand_r", (-0.026, -0.100, 0.012)),
    "right_index": ("hand_r", "hand_r", (0.036, -0.108, 0.012)),
    "right_thumb": ("hand_r", "hand_r", (0.071, -0.081, -0.029)),
    "right_hip": ("femur_r", "pelvis", (0.007, -0.015, 0.022)),
    "right_knee": ("tibia_r", "femur_r", (0.0, 0.010, 0.003)),
    "right_ankle": ("talus_r", "tibia_r", (0.0, 0.010, 0.012)),
    "right_heel": ("calcn_r", "calcn_r", (-0.042, -0.028, 0.003)),
    "right_foot_index": ("toes_r", "toes_r", (0.045, -0.004, -0.008)),
}


def _left(name: str) -> str:
    return name.removesuffix("_r") + "_l" if name.endswith("_r") else name


def landmark_sites(names: tuple[str, ...]) -> list[Site]:
    """The sites of the landmarks `names`, in their order."""
    sites = []
    for name in names:
        right = name.replace("left", "right")
        joint, bone, (x, y, z) = _MIDLINE_AND_RIGHT[right]
        if right != name:
            joint, bone, z = _left(joint), _left(bone), -z
        sites.append(Site(JOINT_INDEX[joint], JOINT_INDEX[bone], (x, y, z)))
    return sites
