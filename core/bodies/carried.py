"""Points that are each carried by one transform of a body or by a few of them, of many bodies at once: bones.

B bodies, P transforms, V points.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .large_results import large_empty
from .skinning import chunks

_AT_A_TIME = 6_000_000  # numbers between product and result on a CPU


class Group(NamedTuple):
    """Some of the points, and which transforms carry them."""

    first: int  # which is the first of the C transforms, which follow each other
    points: Tensor  # (4 C, n): under each other x, y, z and 1 of each point, times the transform's share of it
    vertices: np.ndarray  # (n,) where they are among all points


class Carried:
    """Points, each of which is in one group."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = groups
        self.sizes = [len(group.vertices) for group in groups]
        order = np.concatenate([group.vertices for group in groups])
        in_order = bool((np.diff(order) == 1).all())
        self.places = None if in_order else torch.as_tensor(np.argsort(order), device=groups[0].points.device)

    def __call__(self, moves: Tensor) -> Tensor:
        """(B, V, 3) of transforms (B, P, 3, 4). Where one is not finite, the points of its group may not be either."""
        batch, n_moves = moves.shape[:2]
        rows = moves.transpose(1, 2).reshape(3 * batch, 4 * n_moves)
        of_groups = [rows[:, 4 * first : 4 * first + len(points)] for first, points, _ in self.groups]
        n_points = sum(self.sizes)
        # Coordinates lie in planes first, which makes a product's rows long.
        some_bodies = list(chunks(batch, moves.device, max(_AT_A_TIME // (3 * n_points), 1)))
        if not torch.is_inference_mode_enabled():
            every = []
            for some in some_bodies:
                own = slice(3 * some.start, 3 * some.stop)
                planes = torch.cat(
                    [row[own] @ points for row, (_, points, _) in zip(of_groups, self.groups, strict=True)], 1
                )
                every.append(self._in_place(planes.view(len(planes) // 3, 3, n_points).mT))
            return torch.cat(every)
        moved = large_empty(moves, batch, n_points, 3)
        if batch == 1 and self.places is None:
            for row, group, own in zip(of_groups, self.groups, moved[0].split(self.sizes), strict=True):
                torch.matmul(group.points.mT, row.mT, out=own)
            return moved
        space = large_empty(moves, len(moved[some_bodies[0]]), 3, n_points)
        for some in some_bodies:
            planes = space[: len(moved[some])]
            for row, group, own in zip(of_groups, self.groups, planes.flatten(0, 1).split(self.sizes, 1), strict=True):
                torch.matmul(row[3 * some.start : 3 * some.stop], group.points, out=own)
            moved[some] = self._in_place(planes.mT)
        return moved

    def _in_place(self, points: Tensor) -> Tensor:
        """Points (B, V, 3) of the groups, one group's after the other's, where they are among all points."""
        return points if self.places is None else points.index_select(1, self.places)
