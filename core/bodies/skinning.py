"""A tree of joints, and the skin that follows several of them at once: what a body does once its joints have turned.

B bodies, J joints, V points.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from .large_results import large_empty
from .rotations import Array, library
from .tensors import threads_share_few_rows

# So many bodies are moved at a time on a CPU, whose cache then holds what is between the steps.
_BODIES_AT_A_TIME = 8
_FEW = 16  # so few bodies' product with long rows, threads may have to be given in pieces


def ancestors(parents: Sequence[int]) -> list[np.ndarray]:
    """For `chain`: each joint's ancestor 1, 2, 4, ... steps up, (J + 1,) each; J, the last, stands for none.

    parents: of each joint, -1 for the root; a parent comes before its children
    """
    none = len(parents)
    above = np.array([*parents, none])
    above[0] = none
    rounds = []
    while (above != none).any():
        rounds.append(above)
        above = above[above]
    return rounds


def chain(local: Tensor, offset: Tensor, ancestors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rotations (B, J, 3, 3) and positions (B, J, 3) of the joints, from those relative to their parents.

    Each round puts every joint's transform after the one that ends where its own begins, which then reaches twice as far
    up: a tree of depth d takes log2 d rounds instead of d (Hillis and Steele 1986, "Data Parallel Algorithms").

    Parameters
    ----------
    local: (B, J, 3, 3) rotations relative to the parent
    offset: (B or 1, J, 3) translations relative to the parent
    ancestors: as `ancestors` gives them
    """
    batch, n_joints = local.shape[:2]
    still = torch.eye(4, dtype=local.dtype, device=local.device)
    moved = torch.cat([local, offset[..., None].expand(batch, -1, -1, -1)], -1)
    moved = torch.cat([moved, still[3:].expand(batch, n_joints, 1, 4)], 2)
    moved = chained(torch.cat([moved, still.expand(batch, 1, 4, 4)], 1), ancestors)
    return moved[:, :n_joints, :3, :3], moved[:, :n_joints, :3, 3]


def chained(moved: Array, ancestors: Sequence[Array]) -> Array:
    """As `chain`, of and to transforms (B, J + 1, 4, 4), tensor or array, the last of which moves nothing."""
    for above in ancestors:
        before = moved.index_select(1, above) if isinstance(moved, Tensor) else moved.take(above, 1)
        moved = before @ moved
    return moved


def skinning(rotation: Tensor, joints: Tensor, rest: Tensor) -> Tensor:
    """What moves a point of the T pose with each joint (B, J, 3, 4); `rest` (B or 1, J, 3) are the joints in the T pose."""
    shift = joints[..., None] - rotation @ rest[..., None]
    return torch.cat([rotation, shift], -1)


def blend(weights: Tensor, transforms: Tensor, points: Tensor) -> Tensor:
    """Linear blend skinning: points moved by weighted means of transforms, (B, V, 3).

    Coordinates lie in planes while it computes, since a processor handles long rows best.

    Parameters
    ----------
    weights: (J, V)
    transforms: (B, J, 3, 4) as `skinning` gives them
    points: (B or 1, 3, V) of the T pose
    """
    batch, n_joints = transforms.shape[:2]
    in_place = torch.is_inference_mode_enabled()  # no derivatives are kept, and sums may be made in place

    def moved(transforms: Tensor, points: Tensor) -> Tensor:
        rows = transforms.permute(0, 2, 3, 1).reshape(-1, n_joints)
        of_x, of_y, of_z, shift = (rows @ weights).reshape(len(transforms), 3, 4, points.shape[2]).unbind(2)
        x, y, z = points[:, None].unbind(2)
        if in_place:
            return shift.addcmul_(of_x, x).addcmul_(of_y, y).addcmul_(of_z, z).mT
        return shift.addcmul(of_x, x).addcmul(of_y, y).addcmul(of_z, z).mT

    if batch == 1:
        return moved(transforms, points).contiguous()
    points = points.expand(batch, -1, -1)
    if not in_place:
        return torch.cat([moved(transforms[some], points[some]) for some in chunks(batch, points.device)])
    skin = large_empty(points, batch, points.shape[2], 3)
    for some in chunks(batch, points.device):
        skin[some] = moved(transforms[some], points[some])
    return skin


def chunks(batch: int, device: torch.device, at_a_time: int = _BODIES_AT_A_TIME) -> Iterator[slice]:
    """Which bodies are moved at a time on a CPU, elsewhere all of them; at least one slice, also of none."""
    step = at_a_time if device.type == "cpu" else max(batch, 1)
    return (slice(start, start + step) for start in range(0, max(batch, 1), step))


def side_by_side(batch: int, *rows: Array) -> Array:
    """One long row (batch, sum of k) of each body's rows (batch, k), or (1, k) where they are the same for all."""
    xp = library(rows[0])
    every = [row if len(row) == batch else xp.broadcast_to(row, (batch, row.shape[1])) for row in rows]
    return xp.concatenate(every, 1)


class RestingSkin:
    """A skin in the T pose: template, change with the shape and pose correctives under each other, for one product."""

    def __init__(
        self,
        template: np.ndarray,
        shapedirs: np.ndarray,
        posedirs: np.ndarray | None,
        tensor: Callable[[np.ndarray], Tensor],
    ) -> None:
        """(N, 3), (N, 3, K), (N, 3, F) of a model, and what makes a tensor of an array."""
        parts = [template[..., None], shapedirs]
        if posedirs is not None:
            parts.insert(0, posedirs)
        self.n_features = 0 if posedirs is None else posedirs.shape[2]
        rows = np.concatenate(parts, 2).transpose(2, 1, 0)  # in planes of x, y and z
        self.rows = tensor(rows.reshape(len(rows), -1))
        # x, y and z, and halves of them if they have any, which two threads share evenly.
        self.thirds, self.sixths = (
            self.rows.unflatten(1, (pieces, -1)).transpose(0, 1) for pieces in (3, 3 if rows.shape[2] % 2 else 6)
        )

    def __call__(self, factors: Tensor, n_betas: int) -> Tensor:
        """(B, 3, N) of what drives the correctives, if anything is to, one, and n_betas shape parameters, side by side.

        factors: (B, F + 1 + n_betas) or (B, 1 + n_betas); n_betas up to K
        """
        last = self.n_features + 1 + n_betas
        some = slice(last - factors.shape[1], last)
        if len(factors) > _FEW or torch.get_num_threads() == 1 or threads_share_few_rows():
            return (factors @ self.rows[some]).unflatten(1, (3, -1))
        if len(factors) != 1:
            return torch.bmm(factors.expand(3, -1, -1), self.thirds[:, some]).transpose(0, 1)
        return torch.bmm(factors.expand(len(self.sixths), -1, -1), self.sixths[:, some]).reshape(1, 3, -1)
