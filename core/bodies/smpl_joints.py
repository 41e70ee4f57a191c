"""The joints of SMPL and STAR: names and kinematic tree, and where the larger trees of SMPL-H and SMPL-X have them.

Source: Loper et al. 2015 (SMPL), Romero et al. 2017 (SMPL-H), Pavlakos et al. 2019 (SMPL-X).
"""

from typing import NamedTuple

JOINT_NAMES = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
N_JOINTS = len(JOINT_NAMES)
POSE_NAMES = tuple(f"{joint}_{axis}" for joint in JOINT_NAMES for axis in "xyz")

_HEAD = JOINT_NAMES.index("head")
WRISTS = JOINT_NAMES.index("left_wrist"), JOINT_NAMES.index("right_wrist")
HANDS = JOINT_NAMES.index("left_hand"), JOINT_NAMES.index("right_hand")
N_SHARED = HANDS[0]  # the joints before the hands are the first of the larger trees too


class LargerTree(NamedTuple):
    """A tree that goes on where SMPL's ends at the wrists and the head."""

    parents: tuple[int, ...]
    # The first joints of the two middle fingers, which stand where SMPL's hands do: at the knuckles.
    knuckles: tuple[int, int]


def _fingers(wrist: int, first: int) -> tuple[int, ...]:
    """Parents of five fingers of three joints each: index, middle, little, ring finger, thumb."""
    return tuple(wrist if joint % 3 == 0 else first + joint - 1 for joint in range(15))


def _larger(*of_head: int) -> LargerTree:
    left = N_SHARED + len(of_head)
    right = left + 15
    fingers = _fingers(WRISTS[0], left) + _fingers(WRISTS[1], right)
    return LargerTree(PARENTS[:N_SHARED] + of_head + fingers, (left + 3, right + 3))


SMPL_H = _larger()
SMPL_X = _larger(_HEAD, _HEAD, _HEAD)  # jaw, left eye, right eye


def smpl_joint_of(tree: LargerTree) -> tuple[int, ...]:
    """The SMPL joint that carries what each joint of a larger tree carries: fingers go with hands, a jaw with the head."""
    hand_of = dict(zip(WRISTS, HANDS, strict=True))
    carriers = list(range(N_SHARED))
    for parent in tree.parents[N_SHARED:]:
        above = carriers[parent]
        carriers.append(hand_of.get(above, above))
    return tuple(carriers)
