"""Single bones that grow by learned maps of the shape, each moved as a whole by one transform.

Transforms are (..., 3, 4), linear part and translation. P is the number of bones, B that of bodies.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from ..anatomy.joints import JOINT_INDEX, SIDES, pose_slice
from ..anatomy.patella import path_slopes
from .carried import Carried, Group
from .followers import (
    CLAVICLE_ENDS,
    Followers,
    after,
    along_path,
    clavicle_transforms,
    moved,
    partway,
    patella_axes,
    patella_transforms,
)
from .skel_file import SkelData, has_clavicle_ends

_FEMORA, _TIBIAE, _SCAPULAE = (
    [JOINT_INDEX[f"{name}_{side}"] for side in SIDES] for name in ("femur", "tibia", "scapula")
)
_BLOCK = 64  # vertices of a bone that a single body's product takes together
_TOGETHER = 8  # bones in a product of several bodies, which is mostly zeros and yet sooner done than one for each
KNEE_ANGLES = [pose_slice(tibia).start for tibia in _TIBIAE]


class Parts:
    """The single bones of a body whose data has `part_shapedirs`, as tensors of one precision on one device."""

    def __init__(self, data: SkelData, tensor: Callable[..., Tensor], index: Callable[..., Tensor]) -> None:
        assert data.part_shapedirs is not None
        # With the joint's base rotation put in: a bone's place at rest is linear in the shape.
        size = np.bincount(data.bone_parts, minlength=len(data.bone_part_names))
        first = np.zeros(len(size), int)
        first[data.bone_parts[::-1]] = np.arange(len(data.bone_parts))[::-1]
        joints = data.bone_labels[first]
        base = data.per_joint_rot[joints]
        template = np.concatenate([base, np.zeros((len(size), 3, 1))], 2)
        shapedirs = data.part_shapedirs.copy()
        shapedirs[:, :, :3] = np.einsum("pabk,pbc->pack", data.part_shapedirs[:, :, :3], base)
        self.joints = index(joints)
        self.template = tensor(template)
        self.shapedirs = tensor(shapedirs.reshape(-1, shapedirs.shape[-1]).T)
        # The joint that each bone goes with, and of bones between two joints which two, and the share of the second.
        weights = data.bone_weights[first].toarray()
        nearest = np.argsort(-weights, 1, kind="stable")[:, :2]
        between = np.flatnonzero(np.take_along_axis(weights, nearest, 1)[:, 1])
        pairs = np.sort(nearest[between], 1)
        self.pairs = index(pairs[:, 0]), index(pairs[:, 1])
        self.shares = tensor(weights[between, pairs[:, 1], None])
        # Where the transform of each bone is, among those of the joints, then of bones between two, then of followers.
        source = nearest[:, 0].copy()
        source[between] = len(JOINT_INDEX) + np.arange(len(between))
        count = len(JOINT_INDEX) + len(between)
        self.femora, self.tibiae, self.scapulae = index(_FEMORA), index(_TIBIAE), index(_SCAPULAE)
        self.thorax, self.knee_angles = index([JOINT_INDEX["thorax"]]), index(KNEE_ANGLES)

        order = np.argsort(data.bone_parts, kind="stable")
        vertices = np.column_stack([data.bone_template, np.ones(len(order))])[order]
        self.carried = Carried(
            [
                Group(first, tensor(points), order[rows])
                for first, points, rows in _groups(vertices, data.bone_parts[order])
            ]
        )
        blocks, parts, rows = _blocks(vertices, size)
        self.blocks, self.block_parts, self.rows = tensor(blocks), index(parts), index(rows[np.argsort(order)])

        def parts_named(name: str) -> list[int]:
            return [data.bone_part_names.index(f"{name}_{side}") for side in SIDES]

        self.clavicles = self.patellae = None
        if has_clavicle_ends(data.landmarks):
            clavicles = parts_named("clavicle")
            self.clavicles = index(clavicles)
            source[clavicles] = count + np.arange(len(SIDES))
            count += len(SIDES)
            ends = [[data.landmarks[f"{end}_{side}"] for end in CLAVICLE_ENDS] for side in SIDES]
            self.clavicle_ends = tensor(np.array([[data.bone_template[ids].mean(0) for ids in pair] for pair in ends]))
        if data.patella_path is not None:
            patellae = parts_named("patella")
            self.patellae = index(patellae)
            source[patellae] = count + np.arange(len(SIDES))
            centres = np.array([data.bone_template[data.bone_parts == part].mean(0) for part in patellae])
            self.patella_centres = tensor(centres)
            rest_joints = data.joint_regressor @ data.skin_template
            at_mean = np.einsum("pab,pb->pa", base[patellae], centres) + rest_joints[joints[patellae]]
            self.patella_distances = tensor(np.linalg.norm(at_mean - rest_joints[_TIBIAE], axis=1))
            self.path, self.path_slopes = tensor(data.patella_path), tensor(path_slopes(data.patella_path))
            self.knee_axes = tensor(np.array([data.apose_rel_transfo[t, :3, :3].T @ (0.0, 0.0, -1.0) for t in _TIBIAE]))
        self.source = index(source)

    def at_rest(self, betas: Tensor, joints: Tensor) -> Tensor:
        """What takes each bone from its joint's frame to the T pose (B, P, 3, 4); rest joints (B, 24, 3)."""
        grown = self.template + (betas @ self.shapedirs).unflatten(1, self.template.shape)
        linear, places = grown[..., :3], grown[..., 3:] + joints.index_select(1, self.joints)[..., None]
        return torch.cat([linear.expand(len(places), -1, -1, -1), places], -1)

    def followers(self, at_rest: Tensor, joints: Tensor, orientations: Tensor) -> Followers:
        """Clavicles and patellae in the T pose, from rest joints (B, 24, 3) and bone frames (B, 24, 3, 3)."""
        ends = centres = axes = scales = None
        if self.clavicles is not None:
            ends = moved(at_rest.index_select(1, self.clavicles)[:, :, None], self.clavicle_ends)
        if self.patellae is not None:
            centres = moved(at_rest.index_select(1, self.patellae), self.patella_centres)
            hinges = (orientations.index_select(1, self.tibiae) @ self.knee_axes[..., None])[..., 0]
            axes = patella_axes(orientations.index_select(1, self.femora), hinges)
            scales = (centres - joints.index_select(1, self.tibiae)).norm(dim=-1) / self.patella_distances
        return Followers(ends, centres, axes, scales)

    def transforms(self, followers: Followers, skinning: Tensor, pose: Tensor) -> Tensor:
        """What moves each bone of the T pose to its place (B, P, 3, 4).

        Parameters
        ----------
        skinning: (B, 24, 3, 4) what moves the joints' bodies
        pose: (B, 46) radians
        """
        every = [skinning]
        if len(self.shares):
            lower, upper = (skinning.index_select(1, joints) for joints in self.pairs)
            every.append(partway(lower, upper, self.shares))
        if followers.clavicle_ends is not None:
            thorax, scapulae = skinning.index_select(1, self.thorax), skinning.index_select(1, self.scapulae)
            every.append(clavicle_transforms(followers.clavicle_ends, thorax, scapulae))
        if followers.patella_centres is not None:
            motion = along_path(self.path, self.path_slopes, pose.index_select(1, self.knee_angles))
            every.append(patella_transforms(followers, motion, skinning.index_select(1, self.femora)))
        return torch.cat(every, 1).index_select(1, self.source)

    def posed(self, transforms: Tensor, at_rest: Tensor) -> Tensor:
        """The vertices of all bones (B, Nk, 3).

        One body's are one product of blocks that are all alike, which takes a third of the time of those of a few bones each.
        """
        moves = after(transforms, at_rest)
        if len(moves) == 1:
            points = self.blocks @ moves[0].index_select(0, self.block_parts).mT
            return points.flatten(0, 1).index_select(0, self.rows)[None]
        return self.carried(moves)


def _groups(vertices: np.ndarray, parts: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Of vertices (n, 4) of bones (n,) one after the other: the first of each few bones, their points as in `Group`, rows."""
    for first in range(0, parts[-1] + 1, _TOGETHER):
        rows = np.flatnonzero(parts // _TOGETHER == first // _TOGETHER)
        own = parts[rows] - first
        points = np.zeros((own[-1] + 1, 4, len(rows)))
        points[own, :, np.arange(len(rows))] = vertices[rows]
        yield first, points.reshape(-1, len(rows)), rows


def _blocks(vertices: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (n, 4) of bones one after the other, each of which has `size` (P,), in blocks (K, _BLOCK, 4) of one bone each.

    With the bone (K,) of each block and the row (n,) of each vertex in them.
    """
    blocks = -(-size // _BLOCK)
    shift = (np.cumsum(blocks) - blocks) * _BLOCK - (np.cumsum(size) - size)
    rows = np.arange(len(vertices)) + np.repeat(shift, size)
    filled = np.zeros((blocks.sum() * _BLOCK, 4))
    filled[rows] = vertices
    return filled.reshape(-1, _BLOCK, 4), np.repeat(np.arange(len(size)), blocks), rows
