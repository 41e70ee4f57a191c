"""Bones that are no joints of SKEL but move as in life: vertebrae between the spine's joints, clavicles, patellae.

Transforms are (..., 3, 4), linear part and translation. Sides come as a dimension of 2, right before left.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .rotations import align, axial, cross_matrix, identity, rotation_less_identity

# The landmarks of a clavicle's ends, on the bone of that side.
CLAVICLE_ENDS = "clavicle_sternal_end", "clavicle_acromial_end"


@dataclass(frozen=True)
class Followers:
    """Clavicles and patellae of B shapes in the T pose, metres; None where the body has them not as followers."""

    clavicle_ends: Tensor | None  # (B, 2, 2, 3) right and left; sternal and acromial end
    patella_centres: Tensor | None  # (B, 2, 3)
    patella_axes: Tensor | None  # (B, 2, 3, 3) columns: forward, up, and the axis that knee flexion turns about
    patella_scales: Tensor | None  # (B, 2) distance from the knee joint over that of the mean body


def moved(transform: Tensor, points: Tensor) -> Tensor:
    """(..., 3, 4) applied to (..., 3)."""
    return (transform[..., :3] @ points[..., None])[..., 0] + transform[..., 3]


def after(second: Tensor, first: Tensor) -> Tensor:
    """The transform (..., 3, 4) that applies `first`, then `second`."""
    product = second[..., :3] @ first
    product[..., 3] += second[..., 3]
    return product


def partway(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """The rigid motions (..., 3, 4) that have come a share (..., 1) of the way from one to another: on their screw.

    Dual quaternion linear blending (Kavan et al. 2008, "Geometric Skinning with Approximate Dual Quaternion Blending",
    section 3), which is also how Blender blends where a modifier preserves volume: of an angle a it makes the b with
    tan(b/2) = w sin(a/2) / (1 - w + w cos(a/2)), w the share. Within a degree of a half turn it loses its exactness; inside
    the limits of SKEL's spine the most is 88 degrees.
    """
    back = first[..., :3].mT
    turn, shift = back @ second[..., :3], (back @ (second[..., 3:] - first[..., 3:]))[..., 0]
    # The quaternion of the turn, real part and vector.
    real = (1 + turn.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True)).clamp(min=1e-8).sqrt() / 2
    vector = axial(turn) / (4 * real)
    dual_real, dual = -(shift * vector).sum(-1, keepdim=True), real * shift + torch.linalg.cross(shift, vector)
    real, vector = 1 - share + share * real, share * vector
    square = real * real + (vector * vector).sum(-1, keepdim=True)
    shift = (real * dual - dual_real * vector + torch.linalg.cross(vector, dual)) * share / square
    turn = rotation_less_identity(torch.cat([vector, real], -1) / square.sqrt())
    return after(first, torch.cat([turn + identity(turn), shift[..., None]], -1))


def clavicle_transforms(ends: Tensor, thorax: Tensor, scapulae: Tensor) -> Tensor:
    """What moves the clavicles of the T pose (B, 2, 3, 4).

    The sternal end goes with the thorax, the acromial end with the scapula; in between the bone turns with the thorax,
    then the shortest way into its direction, and stretches along itself so that both ends meet.

    Parameters
    ----------
    ends: (B or 1, 2, 2, 3) as in `Followers`
    thorax: (B, 1, 3, 4) what moves the thorax
    scapulae: (B, 2, 3, 4) what moves the scapulae
    """
    sternal, acromial = ends.unbind(2)
    start, end = moved(thorax, sternal), moved(scapulae, acromial)
    span = acromial - sternal
    length = span.norm(dim=-1, keepdim=True)
    along = (span / length)[..., None]
    turn = thorax[..., :3]
    turn = align((turn @ along)[..., 0], end - start) @ turn
    stretch = (end - start).norm(dim=-1, keepdim=True) / length
    linear = turn + (stretch - 1)[..., None] * (turn @ along) @ along.mT
    return torch.cat([linear, start[..., None] - linear @ sternal[..., None]], -1)


def patella_axes(femora: Tensor, hinges: Tensor) -> Tensor:
    """Forward, up and the knee's axis as columns (B, 2, 3, 3), at right angles to each other.

    Parameters
    ----------
    femora: (B, 2, 3, 3) the femurs' bone frames in the T pose (x forward, y up)
    hinges: (B, 2, 3) what the knees turn about when they bend
    """
    hinge = hinges / hinges.norm(dim=-1, keepdim=True)
    forward = femora[..., 0]
    forward = forward - (forward * hinge).sum(-1, keepdim=True) * hinge
    forward = forward / forward.norm(dim=-1, keepdim=True)
    return torch.stack([forward, torch.linalg.cross(forward, hinge), hinge], -1)


def patella_transforms(rest: Followers, motion: Tensor, femora: Tensor) -> Tensor:
    """What moves the patellae of the T pose (B, 2, 3, 4): along their path before the femur, then with it.

    Parameters
    ----------
    motion: (B, 2, 3) rotation in radians, way forward and up in metres for the mean body, as `along_path` gives them
    femora: (B, 2, 3, 4) what moves the femurs
    """
    centres, axes, scales = rest.patella_centres, rest.patella_axes, rest.patella_scales
    assert centres is not None and axes is not None and scales is not None  # noqa: PT018
    angle = motion[..., :1, None]
    cross = cross_matrix(axes[..., 2])
    turn = identity(axes) + angle.sin() * cross + (1 - angle.cos()) * cross @ cross
    way = axes[..., :2] @ (scales[..., None] * motion[..., 1:])[..., None]
    return after(femora, torch.cat([turn, centres[..., None] + way - turn @ centres[..., None]], -1))


def along_path(path: Tensor, slopes: Tensor, angle: Tensor) -> Tensor:
    """Rotation, way forward and way up (..., 3) at knee angles (...): cubic between the knots, constant beyond them."""
    knots, values = path[:, 0].contiguous(), path[:, 1:]
    angle = angle.clamp(knots[0], knots[-1])
    right = torch.searchsorted(knots, angle.detach().contiguous(), right=True).clamp(1, len(knots) - 1)
    left = right - 1
    width = (knots[right] - knots[left])[..., None]
    t = (angle - knots[left])[..., None] / width
    u = 1 - t
    return u * u * ((1 + 2 * t) * values[left] + t * width * slopes[left]) + t * t * (
        (1 + 2 * u) * values[right] - u * width * slopes[right]
    )
