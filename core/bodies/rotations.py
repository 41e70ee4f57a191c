"""Rotation matrices from angles about fixed axes, and the rotation that turns one direction into another."""

import torch
from torch import Tensor


def cross_matrix(v: Tensor) -> Tensor:
    """[v] with [v] u = v x u. v (..., 3) -> (..., 3, 3)."""
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))


def align(source: Tensor, target: Tensor) -> Tensor:
    """The smallest rotation that turns `source` into the direction of `target`. (..., 3), (..., 3) -> (..., 3, 3).

    For unit vectors with v = u x w and c = u.w it is I + [v] + [v]^2 / (1 + c); opposite directions, where it is not
    unique, give I as in SKEL.
    """
    u = source / source.norm(dim=-1, keepdim=True)
    w = target / target.norm(dim=-1, keepdim=True)
    v = cross_matrix(torch.linalg.cross(u, w))
    c = (u * w).sum(-1)[..., None, None]
    opposite = c < -1 + 1e-12
    scale = torch.where(opposite, 0.0, 1.0 / torch.where(opposite, 1.0, 1 + c))
    return torch.eye(3, dtype=u.dtype, device=u.device) + v + v @ v * scale
