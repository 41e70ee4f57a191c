"""Where BlazePose's 33 landmarks sit in the body: offsets from joints, in bone frames.

A landmark is not a joint centre. Limb offsets: the calibration that Pose2Sim ships for OpenSim (Markers_BlazePose.xml,
BSD-3), expressed from the joint centres of its model; the left side mirrors the right one. Offsets in metres for a bone
of scale 1; x forward, y up, z to the body's right.
"""

from typing import NamedTuple

from .joints import JOINT_INDEX


class Site(NamedTuple):
    """A landmark at `offset` from the centre of a joint, in the frame of a bone that need not be that joint's."""

    joint: int
    bone: int
    offset: tuple[float, float, float]


_MIDLINE_AND_RIGHT: dict[str, tuple[str, str, tuple[float, float, float]]] = {
    "nose": ("head", "head", (0.1163, 0.16, 0.0)),
    "right_eye_inner": ("head", "head", (0.090, 0.195, 0.018)),
    "right_eye": ("head", "head", (0.085, 0.195, 0.032)),
    "right_eye_outer": ("head", "head", (0.075, 0.195, 0.045)),
    "right_ear": ("head", "head", (0.0, 0.17, 0.075)),
    "mouth_right": ("head", "head", (0.090, 0.115, 0.025)),
    "right_shoulder": ("humerus_r", "scapula_r", (-0.0160, -0.0052, 0.0316)),
    "right_elbow": ("ulna_r", "humerus_r", (0.0119, -0.0117, 0.0009)),
    "right_wrist": ("hand_r", "radius_r", (0.0086, 0.0007, -0.0039)),
    "right_pinky": ("hand_r", "hand_r", (0.0045, -0.0613, -0.0150)),
    "right_index": ("hand_r", "hand_r", (0.0015, -0.0627, 0.0179)),
    "right_thumb": ("hand_r", "hand_r", (0.0075, -0.0365, 0.0295)),
    "right_hip": ("femur_r", "pelvis", (0.0068, -0.0152, 0.0219)),
    "right_knee": ("tibia_r", "femur_r", (0.0, 0.0101, 0.0033)),
    "right_ankle": ("talus_r", "tibia_r", (-0.0003, 0.0219, 0.0150)),
    "right_heel": ("calcn_r", "calcn_r", (0.0136, 0.0233, -0.0019)),
    "right_foot_index": ("toes_r", "toes_r", (0.0361, 0.0099, 0.0001)),
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
