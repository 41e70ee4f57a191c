"""SMPL's joints: how rotation vectors and a shape move them, the skin aside."""

from collections.abc import Callable
from typing import Generic, NamedTuple

import numpy as np

from .rotations import Array, library, quaternion, rotation_less_identity
from .skinning import ancestors, chained
from .smpl_file import SmplData
from .smpl_joints import N_JOINTS, PARENTS


class Moved(NamedTuple, Generic[Array]):
    """Joints of B bodies."""

    turns: Array  # (B, 24, 4) quaternions relative to the parents
    excess: Array  # (B, 24, 3, 3) the same as matrices, less the identity
    rest: Array  # (B or 1, 24, 3) the joints of the shape in the T pose
    frames: Array  # (B, 24, 4, 4) where each joint is and how it is turned from the T pose
    skinning: Array  # (B, 24, 3, 4) what moves a point of the T pose with each joint


class JointTree(Generic[Array]):
    """What moves a model's joints, as tensors, or as arrays: these are moved by the same steps, faster when they are few.

    Rest joints and, as matrices, the way to each from its parent and from it to the origin are all linear in the betas.
    """

    def __init__(self, data: SmplData, convert: Callable[[np.ndarray], Array]) -> None:
        """convert: makes a tensor or an array of a precision of an array; integers stay integers"""
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
        xp, batch = library(pose), len(pose)
        # A joint more, which stands for none and is still.
        vectors = xp.concatenate([pose, xp.zeros_like(pose[:, :3])], 1).reshape(batch, N_JOINTS + 1, 3)
        turns = quaternion(vectors)
        excess = rotation_less_identity(turns, 4)
        every = self.template + betas @ self.shapedirs[: betas.shape[1]]
        first, second, _ = self.ends
        rest = every[:, :first].reshape(len(every), N_JOINTS, 3)
        relative = every[:, first:second].reshape(len(every), N_JOINTS + 1, 4, 4)
        to_joint = every[:, second:].reshape(len(every), N_JOINTS, 4, 4)
        frames = chained(excess + relative, self.ancestors)[:, :N_JOINTS]
        return Moved(turns[:, :N_JOINTS], excess[:, :N_JOINTS, :3, :3], rest, frames, (frames @ to_joint)[:, :, :3])
