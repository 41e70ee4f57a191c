"""Rotations from angles about axes, from rotation vectors, and from one direction to another."""

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

Array = TypeVar("Array", Tensor, np.ndarray)


def cross_matrix(v: Tensor) -> Tensor:
    """[v] with [v] u = v x u. v (..., 3) -> (..., 3, 3)."""
    return (v @ _as_tensor(_of_vectors, v.dtype, v.device)).unflatten(-1, (3, 3))


def axial(matrix: Tensor) -> Tensor:
    """The vector (..., 3) whose cross matrix is `matrix` (..., 3, 3) less its transpose."""
    return matrix.flatten(-2) @ _as_tensor(_of_vectors, matrix.dtype, matrix.device).mT


def identity(like: Tensor) -> Tensor:
    """(3, 3), of a tensor's precision and device; made once."""
    return _as_tensor(_of_identity, like.dtype, like.device)


def about(axis: Tensor, angle: Tensor) -> Tensor:
    """Rotations (..., 3, 3) about unit axes (..., 3) by angles (...): Rodrigues' formula."""
    cross = cross_matrix(axis)
    sin, cos = angle.sin()[..., None, None], angle.cos()[..., None, None]
    return identity(axis) + sin * cross + (1 - cos) * (cross @ cross)


def quaternion(v: Array) -> Array:
    """The unit quaternion (x, y, z, w) of rotation vectors, axis times angle. (..., 3) -> (..., 4), tensor or array.

    Near no rotation it is as exact as elsewhere, and so are its derivatives.
    """
    half = v * 0.5
    # What is too small to matter keeps the length from zero, and its derivative finite.
    if isinstance(v, Tensor):
        length = (torch.sum(half * half, -1, keepdim=True) + 1e-30).sqrt()
        return torch.cat([torch.sinc(length / math.pi) * half, length.cos()], -1)
    length = np.sqrt(np.add.reduce(half * half, -1, keepdims=True) + 1e-30)
    return np.concatenate([np.sin(length) / length * half, np.cos(length)], -1)


def rotation_less_identity(q: Array, rows: int = 3) -> Array:
    """R - I = 2 w [u] + 2 [u]^2 of unit quaternions (u, w). (..., 4) -> (..., 3, 3), tensor or array.

    rows: 4 puts a row and a column of zeros around it
    """
    products = (q[..., :, None] * q[..., None, :]).reshape(*q.shape[:-1], 16)
    of_products = _of_products if rows == 3 else _of_products_framed
    table = _as_tensor(of_products, q.dtype, q.device) if isinstance(q, Tensor) else _as_array(of_products, q.dtype)
    return (products @ table).reshape(*q.shape[:-1], rows, rows)


def library(value: Array) -> Any:
    """numpy or torch, whichever the value is of."""
    return torch if isinstance(value, Tensor) else np


def _of_identity() -> np.ndarray:
    return np.eye(3)


def _of_vectors() -> np.ndarray:
    """(3, 9): what each element of a vector gives to each entry of its cross matrix."""
    return np.cross(np.eye(3)[:, None], np.eye(3)).swapaxes(1, 2).reshape(3, 9)


def _of_products() -> np.ndarray:
    """(16, 9): what each product of two elements of a quaternion gives to each entry of R - I."""
    table = np.zeros((4, 4, 3, 3))
    cross = _of_vectors().reshape(3, 3, 3)  # [e_x], [e_y], [e_z]
    table[3, :3] = 2 * cross
    table[:3, :3] = 2 * (cross[:, None] @ cross)
    return table.reshape(16, 9)


def _of_products_framed() -> np.ndarray:
    """(16, 16): the same with a row and a column of zeros more."""
    return np.pad(_of_products().reshape(16, 3, 3), ((0, 0), (0, 1), (0, 1))).reshape(16, 16)


@functools.cache
def _as_tensor(make: Callable[[], np.ndarray], dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.as_tensor(make(), dtype=dtype, device=device)


@functools.cache
def _as_array(make: Callable[[], np.ndarray], dtype: np.dtype) -> np.ndarray:
    return make().astype(dtype)


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
    return identity(u) + v + v @ v * scale
