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

from .rotations import quaternion, rotation_less_identity
from .skinning import RestingSkin, ancestors, blend, chained
from .smpl_file import N_BETAS, SmplData, write_smpl
from .smpl_joints import JOINT_NAMES, N_JOINTS, PARENTS, POSE_NAMES
from .tensors import Constants, check_counts, check_rows


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
        self._on = Constants(partial(_Constants, data))

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
        # A joint more, which stands for none and is still.
        turns = quaternion(pad(pose, (0, 3)).unflatten(1, (N_JOINTS + 1, 3)))
        excess = rotation_less_identity(turns)
        rest, relative, to_joint = c.joints(betas)
        moved = chained(pad(excess, (0, 1, 0, 1)) + relative, c.ancestors)[:, :N_JOINTS]
        if trans is not None:
            moved = moved + pad(trans.to(pose)[:, None, :, None], (3, 0, 0, 1))
        posed = None
        if skin:
            features = None
            if pose_correctives:
                features = self._features(turns[:, :N_JOINTS], excess[:, :N_JOINTS], betas)
            posed = blend(c.skin_weights, (moved @ to_joint)[:, :, :3], c.resting_skin(features, betas))
        return SmplOutput(posed, moved[:, :, :3, 3], moved[:, :, :3, :3], rest)

    @staticmethod
    def _features(turns: Tensor, excess: Tensor, betas: Tensor) -> Tensor:
        """What drives the pose correctives (B, 207).

        Parameters
        ----------
        turns: (B, 24, 4) quaternions of the joints relative to their parents
        excess: (B, 24, 3, 3) the same as matrices, less the identity
        betas: (B or 1, K)
        """
        return excess[:, 1:].flatten(1)

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

    def __init__(self, data: SmplData, dtype: torch.dtype, device: torch.device) -> None:
        def tensor(array: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(array), dtype=dtype, device=device)

        n, _, n_betas = data.shapedirs.shape
        # The rest joints and, as matrices, the way to each from its parent and from it to the origin, all linear in the betas.
        columns = np.concatenate([data.skin_template[:, None], data.shapedirs.transpose(0, 2, 1)], 1)
        rest = (data.joint_regressor @ columns.reshape(n, -1)).reshape(N_JOINTS, 1 + n_betas, 3).transpose(1, 0, 2)
        relative, to_joint = np.zeros((2, 1 + n_betas, N_JOINTS + 1, 4, 4))
        relative[0] = to_joint[0] = np.eye(4)
        relative[:, :N_JOINTS, :3, 3] = rest
        relative[:, 1:N_JOINTS, :3, 3] -= rest[:, PARENTS[1:]]
        to_joint[:, :N_JOINTS, :3, 3] = -rest
        every = [part.reshape(1 + n_betas, -1) for part in (rest, relative, to_joint[:, :N_JOINTS])]
        self.joint_template, self.joint_shapedirs = map(tensor, np.split(np.concatenate(every, 1), [1]))
        self.sizes = [part.shape[1] for part in every]
        self.resting_skin = RestingSkin(data.skin_template, data.shapedirs, data.posedirs, tensor)
        self.skin_weights = tensor(data.skin_weights.toarray().T)
        self.ancestors = [torch.as_tensor(above, device=device) for above in ancestors(PARENTS)]

    def joints(self, betas: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of shapes (B, K): the rest joints (B, 24, 3), and matrices (4, 4) of two kinds.

        The first (B, 25, 4, 4) move by each joint's way from its parent, the last not at all; the second (B, 24, 4, 4)
        move each rest joint to the origin.
        """
        every = torch.addmm(self.joint_template, betas, self.joint_shapedirs[: betas.shape[1]])
        rest, relative, to_joint = every.split(self.sizes, 1)
        return rest.unflatten(1, (-1, 3)), relative.unflatten(1, (-1, 4, 4)), to_joint.unflatten(1, (-1, 4, 4))
