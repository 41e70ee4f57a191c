"""A SKEL pose straight from a surface: how each segment of the body has turned, read as joint angles down the tree.

It needs no start and knows no local minima; least squares then makes it exact.
"""

from typing import Protocol

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..anatomy.joints import JOINTS, PARENTS, pose_slice
from ..bodies.rotations import about, identity
from ..bodies.skin_points import SkinPoints

_LEAST_WEIGHT = 3.0  # of skin that a segment's rotation is read from; less says nothing about it


def pose_from_segments(points: SkinPoints, targets: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
    """Angles (B, 46) and translations (B, 3) of surfaces `targets` (B, 3, n), shape betas (B or 1, 10).

    The rotation of each segment is that which takes its skin nearest to where it is (Kabsch 1976, weighted by the skin
    weights), and a joint takes of it what its axes can do, given what the joints above it did.
    """
    body = points.body
    rest = body.rest(betas)
    segments, known = segment_rotations(points, targets, betas)
    frame = rest.orientations @ points.default_rotations.mT  # (B or 1, 24, 3, 3)
    pose = targets.new_zeros(len(targets), body.limits.shape[0])
    done: list[Tensor] = []
    for j, joint in enumerate(JOINTS):
        above = done[PARENTS[j]] if j else identity(targets).expand(len(targets), 3, 3)
        local = frame[:, j].mT @ above.mT @ segments[:, j] @ frame[:, j]
        angles = angles_about(points.axes[j, : len(joint.parameters)], local)
        angles = torch.where(known[j], angles, 0.0)
        if j:
            low, high = (torch.as_tensor(bound, dtype=pose.dtype) for bound in body.limits[pose_slice(j)].T)
            angles = torch.minimum(torch.maximum(angles, low.to(pose)), high.to(pose))
        pose[:, pose_slice(j)] = angles
        turn = identity(targets)
        for axis, angle in zip(points.axes[j], angles.unbind(1), strict=False):
            turn = about(axis, angle) @ turn
        done.append(above @ frame[:, j] @ turn @ frame[:, j].mT)
    nowhere = targets.new_zeros(len(targets), 3)
    return pose, (targets - points.at(pose, betas, nowhere)).mean(2)


class Segments(Protocol):
    """Some skin vertices in the T pose, and which segments they hang on."""

    template: Tensor  # (3, n)
    shapedirs: Tensor  # (K, 3, n)
    weights: Tensor  # (J, n)


def segment_rotations(points: Segments, targets: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
    """Rotations (B, J, 3, 3) of the T pose's segments, and whether each (J,) has skin enough to tell."""
    shaped = points.template + torch.tensordot(betas, points.shapedirs, 1)  # (B or 1, 3, n)
    weights = points.weights**2  # what hangs on two joints says little of either
    total = weights.sum(1)
    share = weights / total.clamp_min(1e-9)[:, None]
    there, here = targets @ share.T, shaped @ share.T  # (B, 3, 24) middles
    products = torch.einsum("jn,bcn,bdn->bjcd", share, targets, shaped.expand(len(targets), -1, -1))
    covariance = products - torch.einsum("bcj,bdj->bjcd", there, here.expand(len(targets), -1, -1))
    u, _, vt = torch.linalg.svd(covariance)
    mirrored = torch.linalg.det(u @ vt)
    sign = torch.stack([torch.ones_like(mirrored), torch.ones_like(mirrored), mirrored], -1)
    return (u * sign[..., None, :]) @ vt, total > _LEAST_WEIGHT


def angles_about(axes: Tensor, rotation: Tensor) -> Tensor:
    """(B, k) angles about axes (k, 3), the first applied first, that come nearest to rotations (B, 3, 3).

    Three axes are at right angles to each other; of two axes' rotations the rest about the third is left out, of one axis'
    all that is not a twist about it.
    """
    if len(axes) == 1:
        skew = torch.stack(
            [
                rotation[:, 2, 1] - rotation[:, 1, 2],
                rotation[:, 0, 2] - rotation[:, 2, 0],
                rotation[:, 1, 0] - rotation[:, 0, 1],
            ],
            1,
        )
        along = torch.einsum("a,bac,c->b", axes[0], rotation, axes[0])
        trace = rotation.diagonal(dim1=1, dim2=2).sum(1)
        # The angle whose rotation has the largest inner product with the given one.
        return torch.atan2(skew @ axes[0], trace - along)[:, None]
    third = axes[2] if len(axes) == 3 else torch.linalg.cross(axes[0], axes[1])
    basis = torch.stack([axes[0], axes[1], third], 1)
    hand = torch.linalg.det(basis).sign()
    m = basis.mT @ rotation @ basis
    angles = torch.stack(
        [
            torch.atan2(m[:, 2, 1], m[:, 2, 2]),
            torch.atan2(-m[:, 2, 0], torch.hypot(m[:, 0, 0], m[:, 1, 0])),
            torch.atan2(m[:, 1, 0], m[:, 0, 0]),
        ],
        1,
    )
    return hand * angles[:, : len(axes)]


def evenly_spread(points: np.ndarray, count: int) -> np.ndarray:
    """Ids of at most `count` of a body's skin vertices (N, 3): the first of each cell of a grid."""
    size = 0.6 / count**0.5  # metres: finer than what cuts two square metres into so many pieces
    while True:
        cells = np.floor(points / size).astype(int)
        cells -= cells.min(0)
        _, first = np.unique(np.ravel_multi_index(tuple(cells.T), cells.max(0) + 1), return_index=True)
        if len(first) <= count:
            return np.sort(first)
        size *= 1.08


def point_weights(points: np.ndarray, ids: np.ndarray) -> Tensor:
    """(n,) what residuals of `ids` (n,) are multiplied by to stand for all of a body's skin vertices (N, 3), float32.

    The squares are the share of the vertices that are nearest to each: they lie close in hands and face, and what is to be
    small is the mean distance of vertices.
    """
    nearest = cKDTree(points[ids]).query(points)[1]
    return torch.as_tensor(np.sqrt(np.bincount(nearest, minlength=len(ids)) / len(points)), dtype=torch.float32)
