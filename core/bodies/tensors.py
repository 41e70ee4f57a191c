"""Tensors that bodies are given, and those they compute with."""

import functools
from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

from ..errors import InputError

T = TypeVar("T")


def check_rows(value: Tensor, name: str, columns: int) -> None:
    """Makes sure that a value is a tensor (batch, columns); `name` is what the error calls it.

    Raises
    ------
    InputError
    """
    if not isinstance(value, Tensor):
        raise InputError(f"{name} is a {type(value).__name__} instead of a tensor: use torch.as_tensor.")
    if value.ndim != 2 or value.shape[1] != columns:
        raise InputError(f"{name} has the shape {tuple(value.shape)} instead of (batch, {columns}).")


def check_counts(batch: int, **values: Tensor | None) -> None:
    """Makes sure that each value has one row for all poses of a batch, or one for each; None is left out.

    Raises
    ------
    InputError
    """
    for name, value in values.items():
        if value is not None and len(value) not in (1, batch):
            raise InputError(f"{name} holds {len(value)} rows but pose holds {batch}.")


@functools.cache
def threads_share_few_rows() -> bool:
    """Whether a product of a few rows with long ones is shared among a CPU's threads, as MKL does for Intel's only."""
    known = getattr(torch.cpu, "get_capabilities", None)  # older torch has none
    return torch.backends.mkl.is_available() and known is not None and "Intel" in known().get("cpu_name", "")


class Constants(Generic[T]):
    """What a body computes with, made once for every precision and device.

    Calling it with a tensor gives the constants for that tensor's precision and device.
    """

    def __init__(self, make: Callable[[torch.dtype, torch.device], T]) -> None:
        self._make = make
        self._made: dict[tuple[torch.dtype, torch.device], T] = {}

    def __call__(self, like: Tensor) -> T:
        if not like.is_floating_point():
            raise InputError(f"Osteon computes with floating-point tensors, not {like.dtype}.")
        key = like.dtype, like.device
        if key not in self._made:
            with torch.inference_mode(False):  # they outlive the caller's mode, and gradients may be wanted later
                self._made[key] = self._make(*key)
        return self._made[key]
