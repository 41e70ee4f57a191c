"""SMPL's joints: how rotation vectors and a shape move them, the skin aside."""

from collections.abc import Callable
from typing import Generic, NamedTuple

import numpy as np

from .rotations import Array, quaternion, rotation_less_identity
from .skinning import ancestors, chained, side_by_side
from .smpl_file import SmplData
from .smpl_joints import N_JOINTS, PARENTS


class Moved(NamedTuple, Generic[Array]):
    """Joints of B bodies."""

    joints: Array  # (B, 24, 3)
    frames: Array  # (B, 24, 3, 3) how each joint is turned from the T pose
    rest: Array  # (B or 1, 24, 3) the joints of the shape in the T pose
    skinning: Array  # (B, 24, 3, 4) what moves a point of the T pose with each joint
    factors: Array  # (B, F + 1 + K) of the skin in the T pose, as `RestingSkin` takes them


# What drives a model's pose correctives (B, F), from its joints' quaternions (B, 24, 4) and matrices less the identity
# (B, 24, 3, 3) relative to their parents, and betas (B or 1, K).
Features = Callable[[Array, Array, Array], Array]


class JointTree(Generic[Array]):
    """What moves a model's joints, as tensors, or as arrays: these are moved by the same steps, faster when they are few.

    Rest joints and, as matrices, the way to each from its parent and from it to the origin are all linear in the betas.
    """

    def __init__(self, data: SmplData, features: Features, convert: Callable[[np.ndarray], Array]) -> None:
        """convert: makes a tensor or an array of a precision of an array; integers stay integers"""
        self.features = features
        self.still: Array = convert(np.zeros((1, 3)))
        self.one: Array = convert(np.ones((1, 1)))
        n, _, n_betas = data.shapedirs.shape
        columns = np.concatenate([data.skin_template[:, None], data.shapedirs.transpose(0, 2, 1)], 1)
        rest = (data.joint_regressor @ columns.reshape(n, -1)).reshape(N_JOINTS, 1 + n_betas, 3).transpose(1, 0, 2)
        relative, to_joint = np.zeros((2, 1 + n_betas, N_JOINTS + 1, 4, 4))
        relative[0] = to_joint[0] = np.eye(4)
        relative[:, :N_JOINTS, :3, 3] = rest
        relative[:, 1:N_JOINTS, :3, 3] -= rest[:, PARENTS[1:]]
        to_joint[:, :N_JOINTS, :3, 3] = -rest
        every = [part.reshape(1 + n_betas, -1) for part in (rest, relative, to_joint[:, :N_JOINTS])]
        template, shapedirs = np.split(np.concatenate(every, 1), [1])
        self.template: Array = convert(template)
        self.shapedirs: Array = convert(shapedirs)
        self.ends = np.cumsum([part.shape[1] for part in every]).tolist()
        self.ancestors: list[Array] = [convert(above) for above in ancestors(PARENTS)]

    def __call__(self, pose: Array, betas: Array) -> Moved[Array]:
        """Moves the joints of poses (B, 72) and shapes (B or 1, K)."""
        batch = len(pose)
        # A joint more, which stands for none and is still.
        turns = quaternion(side_by_side(batch, pose, self.still).reshape(batch, N_JOINTS + 1, 3))
        excess = rotation_less_identity(turns, 4)
        every = self.template + betas @ self.shapedirs[: betas.shape[1]]
        first, second, _ = self.ends
        rest = every[:, :first].reshape(len(every), N_JOINTS, 3)
        relative = every[:, first:second].reshape(len(every), N_JOINTS + 1, 4, 4)
        to_joint = every[:, second:].reshape(len(every), N_JOINTS, 4, 4)
        frames = chained(excess + relative, self.ancestors)[:, :N_JOINTS]
        features = self.features(turns[:, :N_JOINTS], excess[:, :N_JOINTS, :3, :3], betas)
        return Moved(
            joints=frames[:, :, :3, 3],
            frames=frames[:, :, :3, :3],
            rest=rest,
            skinning=(frames @ to_joint)[:, :, :3],
            factors=side_by_side(batch, features, self.one, betas),
        )
