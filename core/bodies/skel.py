"""SKEL: a skin and the skeleton inside it, posed by 46 anatomical joint angles.

The model of Keller et al. 2023, "From Skin to Skeleton: Towards Biomechanically Accurate 3D Digital Humans".
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..anatomy.joints import CHILD, JOINT_INDEX, JOINT_NAMES, JOINTS, PARENTS, POSE_NAMES, pose_slice
from ..anatomy.limits import limits
from ..errors import InputError
from .carried import Carried, Group
from .followers import Followers, after
from .parts import Parts
from .rotations import align, cross_matrix, identity
from .skel_file import N_BETAS, N_JOINTS, SkelData, write_skel
from .skinning import RestingSkin, ancestors, blend, chain, side_by_side, skinning
from .tensors import Constants, check_counts, check_rows

N_POSE = len(POSE_NAMES)

# The local rotation of which SKEL joint drives each SMPL joint's pose correctives; -1: none. Where two SKEL joints
# map to one SMPL joint (talus and calcn to the ankle) the official code keeps the later one.
_SMPL_JOINT_OF = (0, 2, 5, 8, 8, 11, 1, 4, 7, 7, 10, 3, 6, 15, 14, 17, 19, 0, 21, 13, 16, 18, 0, 20)
SMPL_SOURCE = tuple({smpl: skel for skel, smpl in enumerate(_SMPL_JOINT_OF)}.get(k, -1) for k in range(1, N_JOINTS))

_LEAVES = [j for j in range(N_JOINTS) if CHILD[j] == 0]
_LUMBAR, _THORAX, _HEAD = (JOINT_INDEX[name] for name in ("lumbar_body", "thorax", "head"))
_SPINE = _LUMBAR, _THORAX, _HEAD
_SCAPULAE = JOINT_INDEX["scapula_r"], JOINT_INDEX["scapula_l"]
_FOREARMS = [(JOINT_INDEX[f"ulna_{side}"], JOINT_INDEX[f"radius_{side}"]) for side in "rl"]

# Scales stay within these bounds where a strange shape would turn a bone inside out.
_SCALE_BOUNDS = 0.05, 20.0


@dataclass(frozen=True)
class SkelRest:
    """A body shape in the T pose. B is the number of shapes."""

    joints: Tensor  # (B, 24, 3) metres
    offsets: Tensor  # (B, 24, 3) from the parent joint; the root's from the origin
    orientations: Tensor  # (B, 24, 3, 3) K_j, bone frame to T pose
    scales: Tensor  # (B, 24, 3) bone scale along the axes of the bone frame


@dataclass(frozen=True)
class SkelOutput:
    """A posed body; positions in metres, T-pose axes (Y up). `skin` and `bones` are None when not asked for."""

    skin: Tensor | None  # (B, N, 3)
    joints: Tensor  # (B, 24, 3)
    frames: Tensor  # (B, 24, 3, 3) orientations of the bone frames
    transforms: Tensor  # (B, 24, 4, 4) what moves a point of the T pose, relative to its rest joint, to its place
    bones: Tensor | None  # (B, Nk, 3)
    rest: SkelRest


class Skel:
    """A SKEL body.

    Calling it poses it in the precision and on the device of `pose`. The attributes are numpy arrays.
    """

    kind = "SKEL"
    joint_names = JOINT_NAMES
    pose_names = POSE_NAMES
    parents = np.array(PARENTS)
    n_betas = N_BETAS

    def __init__(self, data: SkelData, name: str = "") -> None:
        self.data = data
        self.name = name or f"skel-{data.gender}"
        self.limits = limits()
        self._on = Constants(partial(_Constants, data))

    @property
    def gender(self) -> str:
        return self.data.gender

    @property
    def faces(self) -> np.ndarray:
        """(F, 3) triangles of the skin."""
        return self.data.faces

    @property
    def bone_faces(self) -> np.ndarray:
        """(Fk, 3) triangles of the bone mesh."""
        return self.data.bone_faces

    @property
    def bone_labels(self) -> np.ndarray:
        """(Nk,) the joint that carries each bone vertex."""
        return self.data.bone_labels

    @property
    def bone_parts(self) -> np.ndarray:
        """(Nk,) the single bone each bone vertex belongs to, an index into `bone_part_names`."""
        return self.data.bone_parts

    @property
    def bone_part_names(self) -> tuple[str, ...]:
        return self.data.bone_part_names

    @property
    def n_skin(self) -> int:
        return len(self.data.skin_template)

    @property
    def n_bones(self) -> int:
        return len(self.data.bone_template)

    def __repr__(self) -> str:
        return f"Skel({self.name!r}, {self.n_skin} skin and {self.n_bones} bone vertices)"

    def save(self, path: str | Path) -> None:
        """Writes the model: the official pickle, or Osteon's compact form when `path` ends in .npz."""
        write_skel(self.data, path)

    def __call__(
        self,
        pose: Tensor,
        betas: Tensor | None = None,
        trans: Tensor | None = None,
        *,
        skin: bool = True,
        bones: bool = False,
        pose_correctives: bool = True,
        joint_offsets: Tensor | None = None,
    ) -> SkelOutput:
        """Poses the body.

        Parameters
        ----------
        pose: (B, 46) joint angles q in radians, in the order of `pose_names`
        betas: (B, 10) or (1, 10) or (10,) shape; the mean body when None
        trans: (B, 3) metres; zero when None
        skin, bones: which meshes to compute; joints and frames need neither
        pose_correctives: whether the skin gets SMPL's pose-dependent offsets
        joint_offsets: (B, 24, 3) added to the rest joints

        Raises
        ------
        InputError
            When a shape or type is wrong.
        """
        check_rows(pose, "pose", N_POSE)
        batch = len(pose)
        c = self._on(pose)
        betas = self._shape_of(pose, betas)
        if trans is None:
            trans = pose.new_zeros(batch, 3)
        check_rows(trans, "trans", 3)
        trans = trans.to(pose)
        if joint_offsets is not None:
            if joint_offsets.shape[1:] != (N_JOINTS, 3):
                shape = tuple(joint_offsets.shape)
                raise InputError(f"joint_offsets has the shape {shape} instead of (batch, {N_JOINTS}, 3).")
            joint_offsets = joint_offsets.to(pose)
        check_counts(batch, betas=betas, trans=trans, joint_offsets=joint_offsets)
        rest = self._rest(c, betas, joint_offsets)
        local, offset = self._local(c, pose, rest)
        rotation, position = chain(local, offset, c.ancestors)
        joints = position + trans[:, None]
        transforms = torch.cat([rotation, joints[..., None]], -1)
        last = pose.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(batch, N_JOINTS, 1, 4)
        return SkelOutput(
            skin=self._skin(c, betas, rest, local, rotation, joints, pose_correctives) if skin else None,
            joints=joints,
            frames=rotation @ rest.orientations,
            transforms=torch.cat([transforms, last], -2),
            bones=self._bones(c, betas, pose, rest, rotation, joints) if bones else None,
            rest=rest,
        )

    def part_motions(self, pose: Tensor, betas: Tensor | None = None) -> Tensor:
        """What moves each single bone, in the order of `bone_part_names`, from the T pose to its place (B, P, 3, 4).

        Raises
        ------
        InputError
            When a shape or type is wrong, or the body has no single bones, as official files have not.
        """
        out = self(pose, betas, skin=False)
        c, betas = self._on(pose), self._shape_of(pose, betas)
        if c.parts is None:
            raise InputError(f"{self.name} does not know single bones: only Osteon's own bodies do.")
        rest = out.rest
        followers = c.parts.followers(c.parts.at_rest(betas, rest.joints), rest.joints, rest.orientations)
        return c.parts.transforms(followers, skinning(out.transforms[:, :, :3, :3], out.joints, rest.joints), pose)

    def rest(self, betas: Tensor | None = None, joint_offsets: Tensor | None = None) -> SkelRest:
        """Joints, bone orientations and bone scales of shapes (B, 10) in the T pose, without a mesh pass."""
        like = betas if betas is not None else torch.zeros(1, N_BETAS)
        return self._rest(self._on(like), self._shape_of(like, betas), joint_offsets)

    def followers(self, betas: Tensor | None = None) -> Followers:
        """Where clavicles and patellae of shapes (B, 10) are in the T pose, as far as they move by rules of their own."""
        like = betas if betas is not None else torch.zeros(1, N_BETAS)
        c, betas = self._on(like), self._shape_of(like, betas)
        if c.parts is None:
            return Followers(None, None, None, None)
        rest = self._rest(c, betas, None)
        return c.parts.followers(c.parts.at_rest(betas, rest.joints), rest.joints, rest.orientations)

    def _shape_of(self, like: Tensor, betas: Tensor | None) -> Tensor:
        if betas is None:
            return like.new_zeros(1, N_BETAS)
        if isinstance(betas, Tensor) and betas.ndim == 1:
            betas = betas[None]
        check_rows(betas, "betas", N_BETAS)
        return betas.to(like)

    def _rest(self, c: "_Constants", betas: Tensor, joint_offsets: Tensor | None) -> SkelRest:
        joints = c.joint_template + torch.einsum("jck,bk->bjc", c.joint_shapedirs, betas)
        if joint_offsets is not None:
            joints = joints + joint_offsets
        offsets = torch.cat([joints[:, :1], joints[:, 1:] - joints.index_select(1, c.parents)], 1)
        betas = betas.expand(len(joints), -1)  # offsets may be of several poses
        return SkelRest(joints, offsets, self._orientations(c, offsets), self._scales(c, betas, offsets))

    @staticmethod
    def _orientations(c: "_Constants", offsets: Tensor) -> Tensor:
        """K_j = D_j B_j: the learned base rotation, then the one that aligns the bone with its shaped direction."""
        target = offsets.index_select(1, c.target)
        # The ulna points from the elbow to the wrist.
        target = target.index_add(1, c.ulnae, target.index_select(1, c.radii))
        turned = align(c.source, target)
        kept = identity(offsets).expand(len(target), len(_LEAVES) + 1, 3, 3)
        turned = turned.index_copy(1, c.unaligned, kept)
        return turned @ c.per_joint_rot

    @staticmethod
    def _scales(c: "_Constants", betas: Tensor, offsets: Tensor) -> Tensor:
        ratio = offsets.norm(dim=-1) / c.default_lengths
        uniform = ratio.index_select(1, c.scaled_by).index_fill(1, c.leaves, 1.0)
        height = offsets[:, c.lumbar, 1].abs() / c.default_height
        along_axes = uniform.index_copy(1, c.lumbar, height).repeat_interleave(3, 1)
        if c.pair_groups is not None:
            spans = c.pair_template + betas @ c.pair_shapedirs.T
            ratios = torch.nan_to_num(spans / c.pair_template, 1.0).clamp(*_SCALE_BOUNDS)
            along_axes = torch.cat([along_axes, ratios[:, c.pair_groups].amin(2)], 1)
        return along_axes.index_select(1, c.scale_source).unflatten(1, (N_JOINTS, 3))

    @staticmethod
    def _local(c: "_Constants", pose: Tensor, rest: SkelRest) -> tuple[Tensor, Tensor]:
        """Rotation (B, 24, 3, 3) and translation (B, 24, 3) of each joint relative to its parent, in T-pose axes."""
        sin, cos = pose.sin()[..., None, None], pose.cos()[..., None, None]
        single = identity(pose) + sin * c.axis_cross + (1 - cos) * c.axis_cross_squared  # Rodrigues, (B, 46, 3, 3)
        single = torch.cat([single, identity(pose).expand(len(pose), 1, 3, 3)], 1)
        first, second, third = (single.index_select(1, slots) for slots in c.axis_slots)
        frame = rest.orientations @ c.default_rotations.mT
        local = frame @ (third @ second @ first) @ frame.mT
        offset = rest.offsets.expand(len(pose), -1, -1)
        return local, offset.index_add(1, c.displaced, _displacements(c, pose, rest))

    def _skin(
        self,
        c: "_Constants",
        betas: Tensor,
        rest: SkelRest,
        local: Tensor,
        rotation: Tensor,
        joints: Tensor,
        pose_correctives: bool,
    ) -> Tensor:
        factors = side_by_side(len(betas), c.one, betas)
        if pose_correctives and c.resting_skin.n_features:
            features = ((local.index_select(1, c.smpl_source) - identity(local)) * c.smpl_driven).flatten(1)
            factors = side_by_side(len(features), features, factors)
        points = c.resting_skin(factors, betas.shape[1])
        return blend(c.skin_weights, skinning(rotation, joints, rest.joints), points)

    @staticmethod
    def _bones(
        c: "_Constants", betas: Tensor, pose: Tensor, rest: SkelRest, rotation: Tensor, joints: Tensor
    ) -> Tensor:
        if c.parts is not None:
            at_rest = c.parts.at_rest(betas, rest.joints)
            followers = c.parts.followers(at_rest, rest.joints, rest.orientations)
            return c.parts.posed(c.parts.transforms(followers, skinning(rotation, joints, rest.joints), pose), at_rest)
        # What takes a bone from its joint's frame to the T pose, and from there to where each joint would take it.
        to_rest = torch.cat([rest.orientations * rest.scales[..., None, :], rest.joints[..., None]], -1)
        transforms = skinning(rotation, joints, rest.joints)
        return c.bones(after(transforms.index_select(1, c.bone_carriers), to_rest.index_select(1, c.bone_frames)))

    @cached_property
    def template_joints(self) -> np.ndarray:
        """(24, 3) rest joints of the mean body."""
        return self.data.joint_regressor @ self.data.skin_template


class _Constants:
    """What the forward pass needs of a model, as tensors of one precision on one device."""

    def __init__(self, data: SkelData, dtype: torch.dtype, device: torch.device) -> None:
        def tensor(array: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(array), dtype=dtype, device=device)

        def index(values) -> Tensor:
            return torch.as_tensor(np.asarray(values), dtype=torch.long, device=device)

        n = len(data.skin_template)
        regressor = data.joint_regressor
        # Regressed template and shape directions: joints without a mesh pass.
        self.joint_template = tensor(regressor @ data.skin_template)
        self.joint_shapedirs = tensor((regressor @ data.shapedirs.reshape(n, -1)).reshape(N_JOINTS, 3, -1))
        self.one = tensor(np.ones((1, 1)))
        self.resting_skin = RestingSkin(data.skin_template, data.shapedirs, data.posedirs, tensor)
        self.skin_weights = tensor(data.skin_weights.toarray().T)
        self.ancestors = [index(above) for above in ancestors(PARENTS)]

        self.per_joint_rot = tensor(data.per_joint_rot)
        default = data.apose_rel_transfo
        self.default_rotations = tensor(default[:, :3, :3])
        default_offsets = tensor(default[:, :3, 3])
        self.default_lengths, self.default_height = default_offsets.norm(dim=-1), default_offsets[_LUMBAR, 1].abs()
        # Where each bone points: to its child, an ulna to the wrist; the thorax as the lumbar body, though only in what
        # its shape turns it to, as upstream.
        directions = default[list(CHILD), :3, 3]
        for ulna, radius in _FOREARMS:
            directions[ulna] += directions[radius]
        self.source = torch.einsum("jab,jb->ja", self.per_joint_rot, tensor(directions))[None]
        target, scaled_by = list(CHILD), list(CHILD)
        target[_THORAX] = scaled_by[_THORAX] = CHILD[_LUMBAR]
        for ulna, radius in _FOREARMS:
            scaled_by[ulna] = CHILD[radius]
        self.parents, self.target, self.scaled_by = index(PARENTS[1:]), index(target), index(scaled_by)
        self.ulnae, self.radii = index(_FOREARMS).T
        self.lumbar, self.leaves = index([_LUMBAR]), index(_LEAVES)
        self.unaligned = index([0, *_LEAVES])

        axes = np.array([axis for joint in JOINTS for axis in joint.axes])
        self.axis_cross = cross_matrix(tensor(axes / np.linalg.norm(axes, axis=1, keepdims=True)))
        self.axis_cross_squared = self.axis_cross @ self.axis_cross
        slots = np.full((3, N_JOINTS), N_POSE)  # N_POSE stands for no rotation
        for j in range(N_JOINTS):
            parameters = range(N_POSE)[pose_slice(j)]
            slots[: len(parameters), j] = parameters
        self.axis_slots = index(slots).unbind()
        self.spine, self.displaced = index(_SPINE), index([*_SPINE, *_SCAPULAE])
        first = np.array([pose_slice(joint).start for joint in (*_SPINE, *_SCAPULAE)])[:, None] + (0, 1)
        self.spine_angles, self.scapula_angles = index(first[:3].ravel()), index(first[3:].ravel())
        self.scapula_signs = tensor(np.array([[1.0], [-1.0]]))  # right and left
        self.smpl_source = index([max(source, 0) for source in SMPL_SOURCE])
        self.smpl_driven = tensor(np.array([float(source >= 0) for source in SMPL_SOURCE])[:, None, None])

        joint, bone_axis, skin_axis, i, k = np.asarray(data.scale_pairs).T
        self.pair_template = tensor(data.skin_template[i, skin_axis] - data.skin_template[k, skin_axis])
        self.pair_shapedirs = tensor(data.shapedirs[i, skin_axis] - data.shapedirs[k, skin_axis])
        # Where each of the 72 scales comes from: the uniform ones, then one for each (joint, axis) that has vertex
        # pairs.
        groups: dict[int, list[int]] = {}
        for column, slot in enumerate((joint * 3 + bone_axis).tolist()):
            groups.setdefault(slot, []).append(column)
        width = max(map(len, groups.values()), default=0)
        padded = [columns + columns[:1] * (width - len(columns)) for columns in groups.values()]
        self.pair_groups = index(padded) if groups else None
        source = np.arange(N_JOINTS * 3)
        source[list(groups)] = N_JOINTS * 3 + np.arange(len(groups))
        for joint_id, axis, from_joint in np.asarray(data.scale_copies).tolist():
            source[joint_id * 3 + axis] = source[from_joint * 3 + axis]
        self.scale_source = index(source)

        self.parts = None if data.part_shapedirs is None else Parts(data, tensor, index)
        if self.parts is not None:
            return
        bones, carriers, frames = _bone_groups(data, tensor)
        self.bones, self.bone_carriers, self.bone_frames = Carried(bones), index(carriers), index(frames)


def _bone_groups(data: SkelData, tensor: Callable[..., Tensor]) -> tuple[list[Group], list[int], list[int]]:
    """Vertices in a joint's frame that it carries alone, and those that others carry with it, all of them asked for each.

    With the joints that carry the groups, one group's after the other's, and the joints in whose frames their vertices are.
    """
    weights, labels = data.bone_weights.tocsr(), data.bone_labels
    own = np.asarray(weights[np.arange(len(labels)), labels]).ravel()
    alone = (own == 1) & (np.diff((weights != 0).tocsr().indptr) == 1)
    points = np.column_stack([data.bone_template, np.ones(len(labels))]).T
    groups: list[Group] = []
    carrying: list[int] = []
    frames: list[int] = []
    for joint in range(N_JOINTS):
        for ids in np.flatnonzero((labels == joint) & alone), np.flatnonzero((labels == joint) & ~alone):
            if len(ids):
                shares = weights[ids].toarray().T
                carriers = np.flatnonzero(shares.any(1))
                shared = (shares[carriers, None] * points[:, ids]).reshape(-1, len(ids))
                groups.append(Group(len(carrying), tensor(shared), ids))
                carrying += carriers.tolist()
                frames += [joint] * len(carriers)
    return groups, carrying, frames


def _arc(angle: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Sideways and upward reach of an arc of the given length that bends by `angle` (constant curvature)."""
    small = angle.abs() < 1e-5
    safe = torch.where(small, 1.0, angle)
    # 2 sin^2(a/2) is 1 - cos a without its cancellation near zero.
    side = torch.where(small, angle / 2, 2 * (safe / 2).sin() ** 2 / safe)
    up = torch.where(small, 1 - angle**2 / 6, safe.sin() / safe)
    return length * side, length * up


def _displacements(c: _Constants, pose: Tensor, rest: SkelRest) -> Tensor:
    """How the pose moves the spine joints and the scapulae (B, 5, 3), in T-pose axes of the parent.

    The spine bends as arcs of constant curvature; a scapula glides on an ellipsoid around the rib cage, whose axes are
    half the width between the scapulae and half the height of the thorax joint over the lumbar one.
    """
    length = rest.offsets[..., 1].index_select(1, c.spine).abs()
    bends = pose.index_select(1, c.spine_angles).unflatten(1, (3, 2))  # bending, then extension
    aside, up = _arc(bends, length[..., None])
    spine = torch.stack([-aside[..., 0], up[..., 0] + up[..., 1] - 2 * length, -aside[..., 1]], -1)
    abduction, elevation = (c.scapula_signs * pose.index_select(1, c.scapula_angles).unflatten(1, (2, 2))).unbind(-1)
    quarter, half_height = (part[:, None] for part in _rib_cage(rest.joints))
    scapulae = scapular_glide(-c.scapula_signs[:, 0], quarter, half_height, abduction, elevation)
    return torch.cat([spine.expand(len(pose), -1, -1), scapulae], 1)


def _rib_cage(joints: Tensor) -> tuple[Tensor, Tensor]:
    """A quarter of the width between the scapulae, and half the height of the thorax joint over the lumbar one (B,)."""
    right, left = _SCAPULAE
    width, height = joints[:, left] - joints[:, right], joints[:, _THORAX] - joints[:, _LUMBAR]
    return width.norm(dim=-1) / 4, height.norm(dim=-1) / 2


def scapular_glide(
    side: float | Tensor, quarter: Tensor, half_height: Tensor, abduction: Tensor, elevation: Tensor
) -> Tensor:
    """How a scapula's joint moves on its ellipsoid around the rib cage (..., 3), in T-pose axes.

    side: -1 the right one, 1 the left
    quarter, half_height: of the width between the scapulae and of the height of the thorax joint over the lumbar one
    abduction, elevation: its first two angles as those of the right scapula, radians
    """

    def at(abduction: Tensor, elevation: Tensor) -> Tensor:
        tilt = elevation - torch.pi / 4
        return torch.stack(
            [
                side * quarter * tilt.cos() * abduction.cos(),
                -half_height * tilt.sin(),
                quarter * abduction.sin() + 0 * tilt,
            ],
            -1,
        )

    zero = torch.zeros_like(abduction)
    return at(abduction, elevation) - at(zero, zero)


def pose_features(turn: np.ndarray) -> np.ndarray:
    """(B, 207) SMPL's pose features of SKEL's joint rotations (B, 24, 3, 3), global, relative to the T pose."""
    local = np.swapaxes(turn[:, PARENTS], -1, -2) @ turn
    driven = np.array(SMPL_SOURCE) >= 0
    features = (local[:, np.maximum(SMPL_SOURCE, 0)] - np.eye(3)) * driven[:, None, None]
    return features.reshape(len(turn), -1)


def displacement_slopes(pose: Tensor, joints: Tensor) -> dict[int, Tensor]:
    """How fast each angle that moves a joint does so: angle -> (B, 3), in T-pose axes of the parent.

    The derivatives of `_displacements`.
    """
    slopes: dict[int, Tensor] = {}
    zero = torch.zeros_like(pose[:, 0])
    for joint in _SPINE:
        start = pose_slice(joint).start
        length = (joints[:, joint, 1] - joints[:, PARENTS[joint], 1]).abs()
        for k, sideways in ((start, 0), (start + 1, 2)):
            aside, up = _arc_slopes(pose[:, k], length)
            slopes[k] = torch.stack([-aside, up, zero] if sideways == 0 else [zero, up, -aside], -1)
    quarter, half_height = _rib_cage(joints)
    for side, sign, joint in ((-1.0, 1.0, _SCAPULAE[0]), (1.0, -1.0, _SCAPULAE[1])):
        start = pose_slice(joint).start
        abduction, tilt = sign * pose[:, start], sign * pose[:, start + 1] - torch.pi / 4
        slopes[start] = sign * quarter[:, None] * torch.stack(
            [-side * tilt.cos() * abduction.sin(), zero, abduction.cos()], -1
        )  # fmt: skip
        slopes[start + 1] = sign * torch.stack(
            [-side * quarter * tilt.sin() * abduction.cos(), -half_height * tilt.cos(), zero], -1
        )
    return slopes


def _arc_slopes(angle: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """The derivatives of `_arc` by the angle."""
    small = angle.abs() < 1e-2  # where the quotients cancel
    safe = torch.where(small, 1.0, angle)
    sin, cos = safe.sin(), safe.cos()
    side = torch.where(small, 0.5 - angle**2 / 8, (safe * sin - (1 - cos)) / safe**2)
    up = torch.where(small, -angle / 3 + angle**3 / 30, (safe * cos - sin) / safe**2)
    return length * side, length * up
