"""Points that are each carried by one transform of a body or by a few of them, of many bodies at once: bones.

B bodies, P transforms, V points.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .large_results import large_empty

_AT_A_TIME = 450_000  # numbers that a CPU's cache holds between a product and its place in the result
_FEW = 1_500_000  # numbers that are sooner laid out all at once


class Group(NamedTuple):
    """Some of the points, and which transforms carry them."""

    first: int  # of C transforms that follow each other
    points: Tensor  # (4 C, n): under each other x, y, z and 1 of each point, times the transform's share of it
    vertices: np.ndarray  # (n,) where they are among all points


class Carried:
    """Points, each of which is in one group."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = groups
        every = np.concatenate([group.vertices for group in groups])
        self.n_points, self.sizes = len(every), [len(group.vertices) for group in groups]
        device = groups[0].points.device
        self.places = None if _ascending(every) else torch.as_tensor(np.argsort(every), device=device)
        self.vertices = [  # a range needs no copy
            range(ids[0], ids[-1] + 1) if _ascending(ids) else torch.as_tensor(ids, device=device)
            for ids in (group.vertices for group in groups)
        ]

    def __call__(self, moves: Tensor) -> Tensor:
        """(B, V, 3) of transforms (B, P, 3, 4).

        A product has all bodies' coordinates in planes, which makes its rows long. On a CPU it has so few points at a time
        that it is still in the cache when it is laid where it belongs.
        """
        batch, n_moves = moves.shape[:2]
        rows = moves.transpose(1, 2).reshape(3 * batch, 4 * n_moves)
        of_groups = [rows[:, 4 * first : 4 * first + len(points)] for first, points, _ in self.groups]
        if not torch.is_inference_mode_enabled():
            planes = torch.cat([row @ group.points for row, group in zip(of_groups, self.groups, strict=True)], 1)
        elif len(rows) * self.n_points < _FEW:
            planes = rows.new_empty(len(rows), self.n_points)
            for row, group, own in zip(of_groups, self.groups, planes.split(self.sizes, 1), strict=True):
                torch.matmul(row, group.points, out=own)
        else:
            return self._in_pieces(of_groups, batch)
        moved = planes.view(batch, 3, self.n_points).mT
        return moved.contiguous() if self.places is None else moved.index_select(1, self.places)

    def _in_pieces(self, rows: list[Tensor], batch: int) -> Tensor:
        """The same of rows (3 B, 4 C) for each group, a piece of a group after the other."""
        moved = large_empty(rows[0], batch, self.n_points, 3)
        width = max(_AT_A_TIME // (3 * batch), 64) if moved.device.type == "cpu" else self.n_points
        for row, group, vertices in zip(rows, self.groups, self.vertices, strict=True):
            for start in range(0, group.points.shape[1], width):
                planes = (row @ group.points[:, start : start + width]).view(batch, 3, -1)
                some = vertices[start : start + width]
                moved[:, slice(some.start, some.stop) if isinstance(some, range) else some] = planes.mT
        return moved


def _ascending(ids: np.ndarray) -> bool:
    """Whether each is the one after the one before it."""
    return bool((np.diff(ids) == 1).all())
