"""Bounded nonlinear least squares for many small problems at once."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Solution:
    """Where the solver ended; B problems of P parameters."""

    x: Tensor  # (B, P)
    cost: Tensor  # (B,) half the sum of squared residuals
    iterations: int


def jacobian(residuals: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Residuals (B, R) and their derivatives (B, R, P) at x (B, P), by forward differentiation.

    Each row of the residuals may depend on the same row of x only.
    """
    basis = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)

    def along(direction: Tensor) -> Tensor:
        return torch.func.jvp(residuals, (x,), (direction.expand_as(x),))[1]

    return residuals(x), torch.func.vmap(along, out_dims=-1)(basis)


def least_squares(
    residuals: Callable[[Tensor], Tensor],
    x: Tensor,
    *,
    lower: Tensor | None = None,
    upper: Tensor | None = None,
    max_iterations: int = 50,
    tolerance: float = 1e-6,
    after_iteration: Callable[[int], None] | None = None,
) -> Solution:
    """Minimises half the sum of squared residuals of each problem, within bounds.

    Levenberg-Marquardt with Marquardt's scaling; each problem has its own damping and takes only steps that lower its
    cost. Parameters on a bound whose gradient points outwards are held there (projected Newton, Bertsekas 1982), so the
    result never leaves the bounds.

    Parameters
    ----------
    residuals: x (B, P) -> (B, R), weighted; row b may depend on row b of x only
    x: (B, P) start, moved into the bounds first
    lower, upper: (P,) or (B, P), infinite where free
    max_iterations: Jacobians computed at most
    tolerance: a problem is done when a step lowers its cost by less than this fraction
    after_iteration: called with the number of iterations done; may raise to stop
    """
    lower = x.new_full((x.shape[1],), -torch.inf) if lower is None else lower.to(x)
    upper = x.new_full((x.shape[1],), torch.inf) if upper is None else upper.to(x)
    x = torch.minimum(torch.maximum(x, lower), upper)
    damping = x.new_full((len(x),), 1e-2)
    done = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    cost = x.new_full((len(x),), torch.inf)
    iteration = 0
    for iteration in range(1, max_iterations + 1):
        r, J = jacobian(residuals, x)
        cost = 0.5 * (r * r).sum(1)
        gradient = (J.mT @ r[..., None])[..., 0]
        hessian = J.mT @ J
        held = ((x <= lower) & (gradient > 0)) | ((x >= upper) & (gradient < 0))
        free = (~held).to(x.dtype)
        gradient = gradient * free
        hessian = hessian * free[:, :, None] * free[:, None, :]
        diagonal = hessian.diagonal(dim1=1, dim2=2)
        scale = diagonal.clamp_min(1e-9 * diagonal.amax(1, keepdim=True).clamp_min(1e-30)) + (1 - free)
        before = cost.clone()
        waiting = ~done
        for _ in range(8):  # more damping until the step helps
            system = hessian + torch.diag_embed(damping[:, None] * scale + (1 - free))
            factor, failed = torch.linalg.cholesky_ex(system)
            step = torch.cholesky_solve(-gradient[..., None], factor)[..., 0]
            step = torch.where((failed == 0)[:, None], torch.nan_to_num(step), 0.0)
            candidate = torch.minimum(torch.maximum(x + step, lower), upper)
            value = residuals(candidate)
            new_cost = torch.nan_to_num(0.5 * (value * value).sum(1), torch.inf)
            better = waiting & (new_cost < cost)
            x = torch.where(better[:, None], candidate, x)
            cost = torch.where(better, new_cost, cost)
            damping = torch.where(better, damping / 5, torch.where(waiting, damping * 4, damping)).clamp(1e-9, 1e9)
            waiting = waiting & ~better
            if not waiting.any():
                break
        done = done | (before - cost <= tolerance * before)
        if after_iteration is not None:
            after_iteration(iteration)
        if done.all():
            break
    return Solution(x, cost, iteration)
