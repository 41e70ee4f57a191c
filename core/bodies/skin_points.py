"""Some of a SKEL body's skin vertices and their derivatives by pose and translation: what fitting to a surface needs.

A joint angle turns all that hangs on its joint about one axis through that joint; angles of spine and scapulae also shift
their joint. Both are summed over a vertex's weights, and the pose correctives' own change is added, so that the derivatives
are exact.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..anatomy.joints import JOINTS, PARENTS, POSE_NAMES
from .rotations import about, cross_matrix, identity
from .skel import SMPL_SOURCE, Skel, displacement_slopes
from .skinning import blend, skinning

N_JOINTS, N_POSE = len(JOINTS), len(POSE_NAMES)
N_COLUMNS = N_POSE + 3  # of the derivatives: the angles, then the translation
_JOINT_OF = [j for j, joint in enumerate(JOINTS) for _ in joint.parameters]
_FIRST_OF = [_JOINT_OF.index(j) for j in range(N_JOINTS)]
_SLOT_OF = [slot for joint in JOINTS for slot in range(len(joint.parameters))]


@dataclass(frozen=True)
class _Motion:
    """A posed skeleton, without its translation."""

    rotations: Tensor  # (B, 24, 3, 3) of the T pose, in the world
    places: Tensor  # (B, 24, 3) joints
    rest_joints: Tensor  # (B, 24, 3)
    frames: Tensor  # (B or 1, 24, 3, 3) axes in which the joints turn, in the T pose's
    above: Tensor  # (B, 24, 3, 3) rotations of the parents
    local: Tensor  # (B, 24, 3, 3) rotations relative to the parent, in the T pose's axes


class SkinPoints:
    """The skin vertices `ids` (n,) of a body, in the precision and on the device of `like`.

    Derivatives take 147 n numbers for each row of a batch, and that is what bounds it.
    """

    def __init__(self, body: Skel, ids: np.ndarray, like: Tensor) -> None:
        def tensor(array: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(array), dtype=like.dtype, device=like.device)

        data = body.data
        self.body, self.ids = body, ids
        self.template = tensor(data.skin_template[ids].T)  # (3, n)
        self.shapedirs = tensor(data.shapedirs[ids].transpose(2, 1, 0))  # (10, 3, n)
        self.weights = tensor(data.skin_weights[ids].toarray().T)  # (24, n)
        self.posedirs = None
        if data.posedirs is not None:
            # (23, 9, 3 n) by the SMPL joint that drives them
            self.posedirs = tensor(data.posedirs[ids].transpose(2, 1, 0).reshape(len(SMPL_SOURCE), 9, -1))
        axes = np.zeros((N_JOINTS, 3, 3))
        for j, joint in enumerate(JOINTS):
            for slot, axis in enumerate(joint.axes):
                axes[j, slot] = np.array(axis) / np.linalg.norm(axis)
        self.axes = tensor(axes)
        self.default_rotations = tensor(data.apose_rel_transfo[:, :3, :3])

    def at(self, pose: Tensor, betas: Tensor, trans: Tensor) -> Tensor:
        """The points (B, 3, n) of poses (B, 46), shapes (B, 10) or (1, 10) and translations (B, 3)."""
        motion = self._motion(pose, betas)
        moves = skinning(motion.rotations, motion.places + trans[:, None], motion.rest_joints)
        return blend(self.weights, moves, self._shaped(motion, betas)).mT

    def with_derivatives(self, pose: Tensor, betas: Tensor, trans: Tensor) -> tuple[Tensor, Tensor]:
        """As `at`, and their derivatives (B, 49, 3, n) by angles and translation."""
        motion = self._motion(pose, betas)
        below = self._each(motion, self._shaped(motion, betas))  # (B, 24, 3, n)
        points = below.sum(1) + trans[..., None]
        # What hangs on a joint: its share of each point, and the shares' places, seen from the joint.
        weight = self.weights.clone()  # (24, n)
        for j in range(N_JOINTS - 1, 0, -1):
            below[:, PARENTS[j]] += below[:, j]
            weight[PARENTS[j]] += weight[j]
        arms = below - motion.places[..., None] * weight[:, None]
        spins = self._spins(pose, motion)
        above = motion.above[:, _JOINT_OF]  # (B, 46, 3, 3)
        columns = pose.new_empty(len(pose), N_COLUMNS, 3, weight.shape[1])
        angles = columns[:, :N_POSE]
        crosses = cross_matrix((above @ spins[..., None])[..., 0])
        for j, first in enumerate(_FIRST_OF):
            own = slice(first, first + len(JOINTS[j].parameters))
            angles[:, own] = (crosses[:, own].flatten(1, 2) @ arms[:, j]).unflatten(1, (-1, 3))
        for k, slope in displacement_slopes(pose, motion.rest_joints).items():
            angles[:, k] += (above[:, k] @ slope[..., None]) * weight[_JOINT_OF[k]]
        if self.posedirs is not None:
            self._add_correctives(angles, motion, spins)
        columns[:, N_POSE:] = identity(pose)[:, :, None]
        return points, columns

    def _motion(self, pose: Tensor, betas: Tensor) -> _Motion:
        out = self.body(pose, betas, skin=False)
        rotations, rest = out.transforms[:, :, :3, :3], out.rest
        root = identity(pose).expand(len(pose), 1, 3, 3)
        above = torch.cat([root, rotations[:, PARENTS[1:]]], 1)
        frames = rest.orientations @ self.default_rotations.mT
        return _Motion(rotations, out.joints, rest.joints, frames, above, above.mT @ rotations)

    def _spins(self, pose: Tensor, motion: _Motion) -> Tensor:
        """(B, 46, 3) what the angles turn about, in the T pose's axes."""
        angles = pose.new_zeros(len(pose), N_JOINTS, 3)
        angles[:, _JOINT_OF, _SLOT_OF] = pose
        second, third = (about(self.axes[:, slot], angles[:, :, slot]) for slot in (1, 2))
        # An axis is turned by the rotations that come after it.
        axes = [
            (third @ second @ self.axes[:, 0, :, None])[..., 0],
            (third @ self.axes[:, 1, :, None])[..., 0],
            self.axes[:, 2].expand(len(pose), -1, -1),
        ]
        return (motion.frames[:, _JOINT_OF] @ torch.stack(axes, 2)[:, _JOINT_OF, _SLOT_OF, :, None])[..., 0]

    def _shaped(self, motion: _Motion, betas: Tensor) -> Tensor:
        """(B or 1, 3, n) the points in the T pose, with pose correctives."""
        shaped = self.template + torch.tensordot(betas, self.shapedirs, 1)
        if self.posedirs is None:
            return shaped
        features = torch.stack(
            [
                motion.local[:, source] - identity(betas) if source >= 0 else motion.local[:, 0] * 0
                for source in SMPL_SOURCE
            ],
            1,
        )
        return shaped + (features.flatten(1) @ self.posedirs.flatten(0, 1)).unflatten(1, (3, -1))

    def _each(self, motion: _Motion, shaped: Tensor) -> Tensor:
        """(B, 24, 3, n) what each joint adds to the points."""
        arms = shaped[:, None] - motion.rest_joints[..., None]
        return (motion.rotations @ arms + motion.places[..., None]) * self.weights[:, None]

    def _add_correctives(self, angles: Tensor, motion: _Motion, spins: Tensor) -> None:
        """Adds to derivatives (B, 46, 3, n) what the pose correctives change."""
        blended = (motion.rotations.flatten(2).mT @ self.weights).unflatten(1, (3, 3))  # (B, 3, 3, n)
        assert self.posedirs is not None
        for smpl, source in enumerate(SMPL_SOURCE):
            for k in (k for k, joint in enumerate(_JOINT_OF) if joint == source):
                change = (cross_matrix(spins[:, k]) @ motion.local[:, source]).flatten(1)  # (B, 9)
                offset = (change @ self.posedirs[smpl]).unflatten(1, (1, 3, -1))
                angles[:, k] += (blended * offset).sum(2)
