"""SMPL: a skin posed by the rotations of 24 joints.

The model of Loper et al. 2015, "SMPL: A Skinned Multi-Person Linear Model".
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from .rotations import Array
from .skinning import RestingSkin, blend
from .smpl_file import N_BETAS, N_FEATURES, SmplData, write_smpl
from .smpl_joints import JOINT_NAMES, PARENTS, POSE_NAMES
from .smpl_tree import Features, JointTree, Moved
from .tensors import Constants, check_counts, check_rows

FEW = 64  # bodies whose joints numpy moves faster than torch; it keeps no derivatives


@dataclass(frozen=True)
class SmplOutput:
    """A posed body; positions in metres, T-pose axes (Y up). `skin` is None when not asked for."""

    skin: Tensor | None  # (B, N, 3)
    joints: Tensor  # (B, 24, 3)
    frames: Tensor  # (B, 24, 3, 3) how each joint is turned from the T pose
    rest: Tensor  # (B or 1, 24, 3) the joints of the shape in the T pose, without trans


class Smpl:
    """A SMPL body, or the body part of a SMPL-H or SMPL-X model.

    Calling it poses it in the precision and on the device of `pose`. The attributes are numpy arrays.
    """

    joint_names = JOINT_NAMES
    pose_names = POSE_NAMES
    parents = np.array(PARENTS)
    n_betas = N_BETAS

    def __init__(self, data: SmplData, name: str = "") -> None:
        self.data = data
        self.name = name or f"{data.kind.lower()}-{data.gender}"
        self._on = Constants(partial(_Constants, data, self._features))

    @property
    def kind(self) -> str:
        """SMPL, STAR, SMPL-H or SMPL-X."""
        return self.data.kind

    @property
    def gender(self) -> str:
        return self.data.gender

    @property
    def faces(self) -> np.ndarray:
        """(F, 3) triangles of the skin."""
        return self.data.faces

    @property
    def n_skin(self) -> int:
        return len(self.data.skin_template)

    @property
    def max_betas(self) -> int:
        """How many shape parameters the file knows; the first ten are usual."""
        return self.data.shapedirs.shape[2]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.n_skin} skin vertices)"

    def save(self, path: str | Path) -> None:
        """Writes the model in the official schema: .npz if `path` ends so, as STAR's, else a pickle, as SMPL's."""
        write_smpl(self.data, path)

    def __call__(
        self,
        pose: Tensor,
        betas: Tensor | None = None,
        trans: Tensor | None = None,
        *,
        skin: bool = True,
        pose_correctives: bool = True,
    ) -> SmplOutput:
        """Poses the body.

        Parameters
        ----------
        pose: (B, 72) rotation vectors of the joints relative to their parents, radians, in the order of `pose_names`
        betas: (B, K) or (1, K) or (K,) shape, K from 10 to `max_betas`; the mean body when None
        trans: (B, 3) metres; zero when None
        skin: whether to compute the skin; joints and frames do not need it
        pose_correctives: whether the skin gets its pose-dependent offsets

        Raises
        ------
        InputError
            When a shape or type is wrong.
        """
        check_rows(pose, "pose", len(POSE_NAMES))
        c = self._on(pose)
        betas = self._shape_of(pose, betas)
        if trans is not None:
            check_rows(trans, "trans", 3)
        check_counts(len(pose), betas=betas, trans=trans)
        joints, frames, rest, skinning, factors = c.moved(pose, betas)
        if trans is not None:
            trans = trans.to(pose)
            joints, skinning = joints + trans[:, None], skinning + pad(trans[:, None, :, None], (3, 0))
        posed = None
        if skin:
            n_betas = betas.shape[1]
            points = c.resting_skin(factors if pose_correctives else factors[:, -1 - n_betas :], n_betas)
            posed = blend(c.skin_weights, skinning, points)
        return SmplOutput(posed, joints, frames, rest)

    @staticmethod
    def _features(turns: Array, excess: Array, betas: Array) -> Array:
        """What drives the pose correctives (B, 207), as tensors or as arrays.

        Parameters
        ----------
        turns: (B, 24, 4) quaternions of the joints relative to their parents
        excess: (B, 24, 3, 3) the same as matrices, less the identity
        betas: (B or 1, K)
        """
        return excess[:, 1:].reshape(len(excess), N_FEATURES["SMPL"])

    def _shape_of(self, like: Tensor, betas: Tensor | None) -> Tensor:
        if betas is None:
            return like.new_zeros(1, N_BETAS)
        if isinstance(betas, Tensor) and betas.ndim == 1:
            betas = betas[None]
        more = isinstance(betas, Tensor) and betas.ndim == 2 and N_BETAS < betas.shape[1] <= self.max_betas
        check_rows(betas, "betas", betas.shape[1] if more else N_BETAS)
        return betas.to(like)


class _Constants:
    """What the forward pass needs of a model, as tensors of one precision on one device."""

    def __init__(self, data: SmplData, features: Features, dtype: torch.dtype, device: torch.device) -> None:
        def tensor(array: np.ndarray) -> Tensor:
            kind = dtype if array.dtype.kind == "f" else None
            return torch.as_tensor(np.ascontiguousarray(array), dtype=kind, device=device)

        self.joints = JointTree(data, features, tensor)
        self.few = None
        if device.type == "cpu" and dtype in (torch.float32, torch.float64):
            self.few = JointTree(data, features, lambda array: tensor(array).numpy())
        self.resting_skin = RestingSkin(data.skin_template, data.shapedirs, data.posedirs, tensor)
        self.skin_weights = tensor(data.skin_weights.toarray().T)

    def moved(self, pose: Tensor, betas: Tensor) -> Moved[Tensor]:
        """The joints of poses (B, 72) and shapes (B or 1, K)."""
        if self.few is None or len(pose) > FEW or not torch.is_inference_mode_enabled():
            return self.joints(pose, betas)
        return Moved(*map(torch.from_numpy, self.few(pose.numpy(), betas.numpy())))
