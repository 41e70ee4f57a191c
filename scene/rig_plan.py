"""Which rest frame and Euler order make each rotation channel of a pose bone one element of SKEL's q. No Blender in here.

SKEL turns joint j in the T pose's axes by K A' Rq A K', Rq a product of rotations about fixed axes e, the first applied
first (Keller et al. 2023; K and A as in core/bodies/skel.py). Seen in the T pose the axes are u = K A' e. A bone whose
rest frame has the u as columns, up to sign, and whose Euler order applies them in their order, turns the same way.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..core.anatomy.joints import CHILD, JOINT_INDEX, JOINTS, PARENTS, pose_slice

# Where the bone of a joint points when it has no child to point at, in its bone frame, and its length in metres.
_LEAF_DIRECTION = {"toes": ((1.0, 0.0, 0.0), 0.06), "head": ((0.0, 1.0, 0.0), 0.20), "hand": ((0.0, -1.0, 0.0), 0.10)}
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


def plan_rig(joints: np.ndarray, orientations: np.ndarray, default_rotations: np.ndarray) -> list[BonePlan]:
    """Plans the 24 bones of a body shape.

    Parameters
    ----------
    joints: (24, 3) rest joints
    orientations: (24, 3, 3) K, bone frame to T pose
    default_rotations: (24, 3, 3) A, default pose relative to the parent
    """
    plans = []
    for j, joint in enumerate(JOINTS):
        direction, length = _direction(j, joints, orientations[j])
        axes = np.array(joint.axes) @ (orientations[j] @ default_rotations[j].T).T
        axes /= np.linalg.norm(axes, axis=1, keepdims=True)
        frame, order, columns = _FRAMES[len(axes)](axes, direction)
        start = pose_slice(j).start
        channels = tuple(
            Channel(start + i, column, float(np.sign(frame[:, column] @ axes[i]))) for i, column in enumerate(columns)
        )
        plans.append(BonePlan(joint.name, PARENTS[j], joints[j], frame, length, order, channels))
    return plans


def _direction(j: int, joints: np.ndarray, orientation: np.ndarray) -> tuple[np.ndarray, float]:
    name = JOINTS[j].name
    for stem, (axis, length) in _LEAF_DIRECTION.items():
        if name.startswith(stem):
            return orientation @ np.array(axis), length
    child = JOINT_INDEX[_POINTS_AT[name]] if name in _POINTS_AT else CHILD[j]
    offset = joints[child] - joints[j]
    length = float(np.linalg.norm(offset))
    return offset / length, max(length, _SHORTEST)


def _three_axes(axes: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, str, list[int]]:
    """Y is the axis nearest to the bone's direction, X the first of the others, Z what is left."""
    along = int(np.abs(axes @ direction).argmax())
    first, second = (i for i in range(3) if i != along)
    columns = [0, 0, 0]
    columns[along], columns[first], columns[second] = 1, 0, 2
    y = axes[along] * np.sign(axes[along] @ direction)
    x = axes[first]
    return np.stack([x, y, np.cross(x, y)], 1), "".join("XYZ"[c] for c in columns), columns


def _two_axes(axes: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, str, list[int]]:
    """As with three axes, the third one being their cross product, in the middle of the order.

    There it is never turned about, so that both used angles run over the whole circle without a pole.
    """
    third = np.cross(axes[0], axes[1])
    frame, _, (first, second, unused) = _three_axes(np.stack([*axes, third]), direction)
    return frame, "XYZ"[first] + "XYZ"[unused] + "XYZ"[second], [first, second]


def _one_axis(axes: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, str, list[int]]:
    """The axis is Y where the bone twists about itself, else X with Y as near to the bone's direction as it can be."""
    axis = axes[0]
    cosine = float(axis @ direction)
    if abs(cosine) > math.sqrt(0.5):
        y = axis * np.sign(cosine)
        x = np.cross(y, np.eye(3)[np.abs(y).argmin()])
        x /= np.linalg.norm(x)
        return np.stack([x, y, np.cross(x, y)], 1), "YXZ", [1]
    y = direction - cosine * axis
    y /= np.linalg.norm(y)
    return np.stack([axis, y, np.cross(axis, y)], 1), "XYZ", [0]


_FRAMES = {1: _one_axis, 2: _two_axes, 3: _three_axes}
