"""Bounded, robust nonlinear least squares for many small problems at once: what every fit in Osteon is solved with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

_ROUNDS = 12  # of finding out which parameters a step leaves on their bounds; from the middle on, one by one


@dataclass(frozen=True)
class Solution:
    """Where the solver ended; B problems of P parameters."""

    x: Tensor  # (B, P)
    # (B,) half the sum of squared residuals, or what a robust loss makes of them; of all problems where they share parameters
    cost: Tensor
    iterations: int
    converged: Tensor  # (B,) whether steps had become small, or lowered the cost hardly or not, when the solver ended


class Block(NamedTuple):
    """Some residuals of each problem.

    residuals: x (B, P) -> (B, R), weighted; row b may depend on row b of x only
    derivatives: x -> residuals (B, R) and their derivatives (B, P, R); forward differentiation when None
    robust: from where on residuals count less and less, in their units (Geman and McClure's loss); squares when None
    group: how many residuals are one thing to a robust loss, as the three of a point; they lie in planes, all x first
    normal: x -> half the sum of squares (B,), its gradient (B, P) and Gauss-Newton's Hessian (B, P, P), where derivatives
        of all residuals would be too many; the gradient tells where the solution is, the Hessian may be nearly right.
        Squares only
    """

    residuals: Callable[[Tensor], Tensor]
    derivatives: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None
    robust: float | None = None
    group: int = 1
    normal: Callable[[Tensor], tuple[Tensor, Tensor, Tensor]] | None = None


def jacobian(residuals: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Residuals (B, R) and their derivatives (B, P, R) at x (B, P), by forward differentiation.

    Each row of the residuals may depend on the same row of x only.
    """
    basis = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)

    def along(direction: Tensor) -> Tensor:
        return torch.func.jvp(residuals, (x,), (direction.expand_as(x),))[1]

    return residuals(x), torch.func.vmap(along, out_dims=1)(basis)


def least_squares(
    blocks: Callable[[Tensor], Tensor] | Sequence[Block],
    x: Tensor,
    *,
    lower: Tensor | None = None,
    upper: Tensor | None = None,
    shared: int = 0,
    max_iterations: int = 50,
    tolerance: float = 1e-6,
    least_gain: float = 0.0,
    after_iteration: Callable[[int], None] | None = None,
) -> Solution:
    """Minimises half the sum of squared residuals of each problem, within bounds.

    Levenberg-Marquardt with Marquardt's scaling; each problem has its own damping and takes only steps that lower its
    cost. Each step goes to the least of its quadratic model between the bounds, so the result never leaves them. Robust
    losses are iterated: a group of residuals counts as its loss grew at the last step. Parameters that all problems share make
    one problem of them, of which only the arrow-shaped part of the normal equations is ever held (Schur complement).

    Parameters
    ----------
    blocks: the residuals; one callable x (B, P) -> (B, R) when there is only one kind
    x: (B, P) start, moved into the bounds first
    lower, upper: (P,) or (B, P), infinite where free
    shared: how many of the last parameters all problems have in common; they must start equal
    max_iterations: Jacobians computed at most
    tolerance: a problem is done when a step lowers its cost by less than this fraction, or when none does and these have
        become smaller than the precision can tell; what a damped step lowers it by counts 1 + damping times
    least_gain: a problem is also done when the step that it would take promises to lower its cost by no more than this
    after_iteration: called with the number of iterations done; may raise to stop

    Returns
    -------
    Solution
        The best x of each problem, its cost, and whether it had converged.

    Raises
    ------
    ValueError
        When a lower bound is above the upper one or not a number, shared parameters start unequal, or a block that gives
        normal equations also has derivatives or a robust loss.

    Examples
    --------
    >>> least_squares(lambda x: x - target, start, lower=torch.zeros(3)).x
    """
    terms = [Block(blocks)] if callable(blocks) else list(blocks)
    lower = x.new_full((x.shape[1],), -torch.inf) if lower is None else lower.to(x)
    upper = x.new_full((x.shape[1],), torch.inf) if upper is None else upper.to(x)
    if not (lower <= upper).all():
        raise ValueError("A lower bound is above the upper one.")
    if shared and (x[:, -shared:] != x[:1, -shared:]).any():
        raise ValueError("Shared parameters must start equal.")
    if any(term.normal and (term.derivatives or term.robust is not None) for term in terms):
        raise ValueError("A block with normal equations has no other derivatives, and its loss is of squares.")
    least = torch.finfo(x.dtype).eps ** 0.5
    x = torch.minimum(torch.maximum(x, lower), upper)
    damping = x.new_full((len(x),), 1e-2)
    done = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    cost = x.new_full((len(x),), torch.inf)
    iteration = 0
    for iteration in range(1, max_iterations + 1):
        cost, gradient, hessian = _normal_equations(terms, x)
        cost = _common(cost, shared)
        before, taken = cost.clone(), damping
        diagonal = _common_end(hessian.diagonal(dim1=1, dim2=2), shared)
        scale = diagonal.clamp_min(1e-9 * diagonal.amax(1, keepdim=True).clamp_min(1e-30))
        room = lower - x, upper - x
        waiting = ~done
        for attempt in range(8):  # more damping until the step helps
            step, settled = _step(hessian, gradient, damping[:, None] * scale, shared, room, waiting)
            if not attempt:
                # Damping makes a step shorter, and its promise less, by 1 + damping at least: that alone shall end nothing.
                promise = _promise(hessian, gradient, step, shared) * (1 + damping)
                waiting = waiting & ~(settled & (promise >= 0) & (promise <= least_gain))
                if not waiting.any():
                    break
            candidate = torch.minimum(torch.maximum(x + step, lower), upper)
            new_cost = _common(torch.nan_to_num(_cost(terms, candidate), torch.inf), shared)
            better = waiting & (new_cost < cost)
            x = torch.where(better[:, None], candidate, x)
            cost = torch.where(better, new_cost, cost)
            taken = torch.where(better, damping, taken)
            damping = torch.where(better, damping / 5, torch.where(waiting, damping * 4, damping)).clamp(1e-9, 1e9)
            waiting = waiting & ~better
            if not waiting.any():
                break
        small = step.abs().amax(1) <= least * (least + x.abs().amax(1))  # as scipy's xtol
        if shared:  # one problem is done as a whole: who stopped alone would keep shared parameters that others leave
            small = small.all().expand_as(small)
        done = done | torch.where(waiting, small, (before - cost) * (1 + taken) <= tolerance * before)
        if after_iteration is not None:
            after_iteration(iteration)
        if done.all():
            break
    return Solution(x, cost, iteration, done)


def _normal_equations(terms: Sequence[Block], x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cost (B,), gradient (B, P) and Gauss-Newton's Hessian (B, P, P)."""
    cost, gradient, hessian = x.new_zeros(len(x)), torch.zeros_like(x), x.new_zeros(len(x), x.shape[1], x.shape[1])
    for term in terms:
        if term.normal is not None:
            cost, gradient, hessian = (a + b for a, b in zip((cost, gradient, hessian), term.normal(x), strict=True))
            continue
        r, J = jacobian(term.residuals, x) if term.derivatives is None else term.derivatives(x)
        worth, loss = _loss(term, r)
        cost += loss
        if worth is None:
            gradient += (J @ r[..., None])[..., 0]
            hessian.baddbmm_(J, J.mT)
        else:
            weighed = J * worth[:, None]
            gradient += (weighed @ r[..., None])[..., 0]
            hessian.baddbmm_(weighed, J.mT)
    return cost, gradient, hessian


def _cost(terms: Sequence[Block], x: Tensor) -> Tensor:
    return sum((_loss(term, term.residuals(x))[1] for term in terms), x.new_zeros(len(x)))


def _loss(term: Block, r: Tensor) -> tuple[Tensor | None, Tensor]:
    """What each residual (B, R) counts, None where all count alike, and the cost (B,).

    Geman and McClure's loss s / (1 + s / c^2) of the groups' squares s; a group counts as its derivative 1 / (1 + s / c^2)^2.
    """
    if term.robust is None:
        return None, 0.5 * (r * r).sum(1)
    squares = (r * r).unflatten(1, (term.group, -1)).sum(1)
    share = 1 / (1 + squares / term.robust**2)
    return (share * share).repeat(1, term.group), 0.5 * (squares * share).sum(1)


def _common(values: Tensor, shared: int) -> Tensor:
    """Costs (B,) of problems that are one problem."""
    return values.sum(0, keepdim=True).expand_as(values) if shared else values


def _common_end(values: Tensor, shared: int) -> Tensor:
    """(B, P) with the shared parameters' values summed over all problems."""
    if not shared:
        return values
    own, common = values[:, :-shared], values[:, -shared:]
    return torch.cat([own, common.sum(0, keepdim=True).expand_as(common)], 1)


def _step(
    hessian: Tensor, gradient: Tensor, damping: Tensor, shared: int, room: tuple[Tensor, Tensor], asked: Tensor
) -> tuple[Tensor, Tensor]:
    """The steps (B, P) to the least of the damped quadratic models between the bounds, which are `room` away.

    Block principal pivoting (Portugal, Judice and Vicente 1994): what would pass a bound is put on it, what lies on one and
    would go back is let go, and the others are solved for anew, until neither happens. Who goes round in circles changes one
    parameter at a time; who does so to the last is cut short at the bounds, and is told so.

    Parameters
    ----------
    asked: (B,) problems whose step is wanted

    Returns
    -------
    steps (B, P), and which of them (B,) go to the least of their model
    """
    low, high = room
    put, slope = torch.zeros_like(gradient), _common_end(gradient, shared)
    held = ((low == 0) & (slope > 0)) | ((high == 0) & (slope < 0))
    place = torch.arange(1, gradient.shape[1] + 1, device=gradient.device)
    for k in range(_ROUNDS):
        free = (~held).to(gradient.dtype)
        pull = (gradient + (hessian @ put[..., None])[..., 0]) * free
        step = _solved(hessian * free[:, :, None] * free[:, None, :], pull, damping * free + (1 - free), shared)
        step = torch.where(held, put, step)
        slope = _common_end(gradient + (hessian @ step[..., None])[..., 0], shared) + damping * step
        past = ~held & ((step < low) | (step > high))
        back = held & (((slope < 0) & (step < high)) | ((slope > 0) & (step > low)))
        wrong = (past | back) & asked[:, None]
        if not wrong.any():
            break
        if k >= _ROUNDS // 2:  # the last of them alone (Murty 1974), which are those that problems share
            wrong = wrong & (place == (wrong * place).amax(1, keepdim=True))
        held = held ^ wrong
        put = torch.where(held, torch.minimum(torch.maximum(step, low), high), 0.0)
    settled = ~wrong.any(1)
    return torch.minimum(torch.maximum(step, low), high), settled.all().expand_as(settled) if shared else settled


def _promise(hessian: Tensor, gradient: Tensor, step: Tensor, shared: int) -> Tensor:
    """(B,) by how much steps (B, P) would lower the costs if these were quadratic."""
    slope = gradient + 0.5 * (hessian @ step[..., None])[..., 0]
    return -_common((slope * step).sum(1), shared)


def _solved(hessian: Tensor, gradient: Tensor, damping: Tensor, shared: int) -> Tensor:
    """The steps (B, P) that the damped normal equations ask for; not finite where these cannot be solved."""
    if not shared:
        factor, failed = torch.linalg.cholesky_ex(hessian + torch.diag_embed(damping))
        step = torch.cholesky_solve(-gradient[..., None], factor)[..., 0]
        return torch.where((failed == 0)[:, None], step, torch.nan)
    own = hessian.shape[1] - shared
    factor, failed = torch.linalg.cholesky_ex(
        hessian[:, :own, :own] + torch.diag_embed(damping[:, :own])
    )  # fmt: skip
    border = hessian[:, :own, own:]
    solved = torch.cholesky_solve(torch.cat([border, gradient[:, :own, None]], 2), factor)
    rest = hessian[:, own:, own:].sum(0) + torch.diag(damping[0, own:]) - (border.mT @ solved[..., :-1]).sum(0)
    pull = gradient[:, own:].sum(0) - (border.mT @ solved[..., -1:]).sum(0)[:, 0]
    rest_factor, rest_failed = torch.linalg.cholesky_ex(rest)
    common = torch.cholesky_solve(-pull[:, None], rest_factor)  # (shared, 1)
    if rest_failed.any() or failed.any():
        return torch.full_like(gradient, torch.nan)
    each = -(solved[..., -1:] + solved[..., :-1] @ common)[..., 0]
    return torch.cat([each, common[:, 0].expand(len(each), shared)], 1)
