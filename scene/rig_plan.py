"""Which rest frame and Euler order make each rotation channel of a pose bone one element of q. No Blender in here.

SKEL turns joint j in the T pose's axes by K A' Rq A K', Rq a product of rotations about fixed axes e, the first applied
first (Keller et al. 2023; K and A as in core/bodies/skel.py). Seen in the T pose the axes are u = K A' e. A bone whose
rest frame has the u as columns, up to sign, and whose Euler order applies them in their order, turns the same way.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.anatomy.joints import CHILD, JOINT_INDEX, JOINTS, PARENTS, pose_slice
from ..core.anatomy.limits import MIRROR_SIGNS

# Hidden bones that move others, or tell them how far they go, have this before their name.
MECHANISM = "MCH-"
# Where the bone of a joint points when it has no child to point at, in its bone frame, and its length in metres.
_LEAF_DIRECTION = {"toes": ((1.0, 0.0, 0.0), 0.06), "head": ((0.0, 1.0, 0.0), 0.15), "hand": ((0.0, -1.0, 0.0), 0.10)}
# Joints with several children: the one to point at.
_POINTS_AT = {"pelvis": "lumbar_body", "thorax": "head"}
_SHORTEST = 0.02


@dataclass(frozen=True)
class Channel:
    """A rotation channel of a pose bone: q[parameter] = sign * rotation_euler[axis]."""

    parameter: int
    axis: int
    sign: float


@dataclass(frozen=True)
class BonePlan:
    """A pose bone in core's axes."""

    name: str
    parent: int
    head: np.ndarray  # (3,) metres
    frame: np.ndarray  # (3, 3) its X, Y, Z axes as columns; Y points from head to tail
    length: float
    order: str  # Euler order, the first letter applied first
    channels: tuple[Channel, ...]


def plan_rig(
    joints: np.ndarray, orientations: np.ndarray, default_rotations: np.ndarray, layout: Sequence[int] | None = None
) -> list[BonePlan]:
    """Plans the 24 bones of a body shape.

    Parameters
    ----------
    joints: (24, 3) rest joints
    orientations: (24, 3, 3) K, bone frame to T pose
    default_rotations: (24, 3, 3) A, default pose relative to the parent
    layout: what `lay_out` gave for the mean shape; of this shape when None
    """
    layout = layout or lay_out(joints, orientations, default_rotations)
    plans = []
    for j, joint in enumerate(JOINTS):
        direction, length = _direction(j, joints, orientations[j])
        axes = _axes(j, orientations[j], default_rotations[j])
        start = pose_slice(j).start
        mirror = MIRROR_SIGNS[start : start + len(joint.axes)]
        frame, columns = _frame(axes, layout[j], direction, mirror, joint.name.endswith("_l"))
        order = _order(columns, len(joint.axes))
        channels = tuple(
            Channel(start + i, column, float(np.sign(frame[:, column] @ axes[i])))
            for i, column in enumerate(columns[: len(joint.axes)])
        )
        length = max(length * float(direction @ frame[:, 1]), _SHORTEST)  # as far as its child, seen along it
        plans.append(BonePlan(joint.name, PARENTS[j], joints[j], frame, length, order, channels))
    return plans


def lay_out(joints: np.ndarray, orientations: np.ndarray, default_rotations: np.ndarray) -> list[int]:
    """Which axis of each joint the bone lies along: the nearest to its direction; 1 for a hinge across the bone.

    Taken from the mean shape it is the same for all shapes of a body; left bones have it from the right ones.
    """
    layout = []
    for j, joint in enumerate(JOINTS):
        twin = JOINT_INDEX[joint.name[:-2] + "_r"] if joint.name.endswith("_l") else j
        direction, _ = _direction(twin, joints, orientations[twin])
        cosines = np.abs(_axes(twin, orientations[twin], default_rotations[twin]) @ direction)
        is_hinge = len(joint.axes) == 1
        layout.append(int(cosines[0] <= math.sqrt(0.5)) if is_hinge else int(cosines.argmax()))
    return layout


def _axes(j: int, orientation: np.ndarray, default_rotation: np.ndarray) -> np.ndarray:
    """The unit axes of a joint in the T pose, (1, 3) or (3, 3); of two the third is their cross product."""
    axes = np.array(JOINTS[j].axes) @ (orientation @ default_rotation.T).T
    if len(axes) == 2:
        axes = np.stack([*axes, np.cross(*axes)])
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)


def _direction(j: int, joints: np.ndarray, orientation: np.ndarray) -> tuple[np.ndarray, float]:
    name = JOINTS[j].name
    for stem, (axis, length) in _LEAF_DIRECTION.items():
        if name.startswith(stem):
            return orientation @ np.array(axis), length
    child = JOINT_INDEX[_POINTS_AT[name]] if name in _POINTS_AT else CHILD[j]
    offset = joints[child] - joints[j]
    length = float(np.linalg.norm(offset))
    return offset / length, length


def _frame(
    axes: np.ndarray, along: int, direction: np.ndarray, mirror: np.ndarray, is_left: bool
) -> tuple[np.ndarray, list[int]]:
    """Rest frame, and for each axis the column of it (0 to 2 for X, Y, Z) that the axis is, up to sign.

    Of three axes Y is the one that the bone lies along. A hinge is Y where the bone twists about itself, else X, with Y
    as near to the bone's direction as it can be. Blender mirrors a pose by turning the angles about Y and Z round and
    keeps those about X: hence X is an angle that a mirror keeps, if there is one, and goes with SKEL's mirror signs on
    the left, so that "Paste Pose Flipped" is the mirrored q.
    """
    if len(axes) == 1 and along == 0:
        y = axes[0] * np.sign(axes[0] @ direction)
        x = np.cross(y, (0.0, 0.0, 1.0) if abs(y[2]) < 0.95 else (0.0, 1.0, 0.0))
        x /= np.linalg.norm(x)
        return np.stack([x, y, np.cross(x, y)], 1), [1]
    mirror = np.append(mirror, np.ones(3))  # angles that are not used stay as they are
    first, *others = sorted((i for i in range(len(axes)) if i != along), key=lambda i: -mirror[i])
    x = axes[first] * (mirror[first] if is_left else 1.0)
    columns = [0] * len(axes)
    if others:
        y = axes[along] * np.sign(axes[along] @ direction)
        columns[along], columns[others[0]] = 1, 2
    else:
        y = direction - (direction @ x) * x
        y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], 1), columns


def _order(columns: list[int], n_angles: int) -> str:
    """The Euler order that applies the angles in their order, the first letter first.

    The axis that a joint of two angles does not turn about goes in the middle, so that both run over the whole circle
    without a pole.
    """
    if n_angles == 2:
        columns = [columns[0], columns[2], columns[1]]
    elif n_angles == 1:
        columns = columns + [c for c in range(3) if c not in columns]
    return "".join("XYZ"[c] for c in columns)
