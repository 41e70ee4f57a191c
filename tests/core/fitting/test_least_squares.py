"""The solver against scipy's, on problems with known answers, and within bounds."""

import numpy as np
import pytest
import scipy.optimize
import torch
from osteon.core.fitting.least_squares import Block, jacobian, least_squares


def _rosenbrock(x):
    return torch.stack([10 * (x[:, 1] - x[:, 0] ** 2), 1 - x[:, 0]], 1)


def test_many_problems_end_where_each_one_would():
    starts = torch.tensor([[-1.2, 1.0], [3.0, -2.0], [0.0, 0.0]], dtype=torch.float64)
    solution = least_squares(_rosenbrock, starts, max_iterations=200, tolerance=1e-14)
    assert torch.allclose(solution.x, torch.ones_like(starts), atol=1e-6)
    assert (solution.cost < 1e-12).all()


def test_bounds_hold_and_the_answer_is_scipys():
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(5, 12, 6, generator=generator, dtype=torch.float64)
    b = torch.randn(5, 12, generator=generator, dtype=torch.float64)
    lower = torch.full((6,), -0.1, dtype=torch.float64)
    upper = torch.full((6,), 0.15, dtype=torch.float64)
    solution = least_squares(
        lambda x: (A @ x[..., None])[..., 0] - b, torch.zeros(5, 6, dtype=torch.float64), lower=lower, upper=upper
    )
    assert (solution.x >= lower).all()
    assert (solution.x <= upper).all()
    for i in range(5):
        theirs = scipy.optimize.lsq_linear(A[i].numpy(), b[i].numpy(), (-0.1, 0.15), tol=1e-14)
        assert solution.cost[i].item() == pytest.approx(theirs.cost, rel=1e-6)
        assert np.allclose(solution.x[i], theirs.x, atol=1e-5)
    assert ((solution.x == lower) | (solution.x == upper)).any()


def test_the_jacobian_is_that_of_each_row():
    x = torch.tensor([[0.5, -1.0], [2.0, 0.3]], dtype=torch.float64)
    value, J = jacobian(_rosenbrock, x)
    assert torch.equal(value, _rosenbrock(x))
    expected = torch.stack(
        [torch.stack([-20 * x[:, 0], torch.full((2,), 10.0)], 1), torch.tensor([[-1.0, 0.0]] * 2)], 1
    )
    assert torch.allclose(J.mT, expected.to(J))


def test_a_start_outside_the_bounds_is_moved_in():
    solution = least_squares(
        _rosenbrock, torch.tensor([[5.0, 5.0]], dtype=torch.float64), upper=torch.tensor([0.5, 9.0]), max_iterations=100
    )
    assert solution.x[0, 0] == 0.5
    assert solution.x[0, 1] == pytest.approx(0.25, abs=1e-6)


def test_the_caller_can_stop_it():
    def stop(iteration):
        if iteration == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        least_squares(_rosenbrock, torch.tensor([[-1.2, 1.0]]), max_iterations=50, after_iteration=stop)


def test_parameters_may_be_shared_by_all_problems():
    generator = torch.Generator().manual_seed(1)
    A = torch.randn(4, 9, 5, generator=generator, dtype=torch.float64)  # three parameters of each problem, two shared
    b = torch.randn(4, 9, generator=generator, dtype=torch.float64)
    solution = least_squares(
        lambda x: (A @ x[..., None])[..., 0] - b, torch.zeros(4, 5, dtype=torch.float64), shared=2, tolerance=1e-14
    )
    whole = torch.zeros(36, 14, dtype=torch.float64)
    for k in range(4):
        whole[9 * k : 9 * k + 9, 3 * k : 3 * k + 3] = A[k, :, :3]
        whole[9 * k : 9 * k + 9, 12:] = A[k, :, 3:]
    expected = torch.linalg.lstsq(whole, b.flatten()).solution
    assert torch.allclose(solution.x[:, :3].flatten(), expected[:12], atol=1e-8)
    assert torch.allclose(solution.x[:, 3:], expected[12:].expand(4, 2), atol=1e-8)
    assert solution.converged.all()


def test_problems_that_share_parameters_stop_together():
    """The first step helps nobody, and is small beside the first problem's own number, which has arrived; a later one helps."""
    far = 1e12

    def residuals(x):
        own, common = x.unbind(1)
        return torch.stack([own[0] - far, 1e3 * (own[1] + common[1]).exp() - 1e3])[:, None]

    start = torch.tensor([[far, 0.0], [-12.0, 0.0]], dtype=torch.float64)
    found = least_squares(
        [Block(residuals, lambda x: jacobian_by_rows(residuals, x))], start, shared=1, max_iterations=60
    )
    assert found.x[1].sum().abs() < 1e-6
    assert found.x[0, 1] == found.x[1, 1] != 0


def jacobian_by_rows(residuals, x):
    full = torch.autograd.functional.jacobian(residuals, x)  # (B, R, B, P)
    return residuals(x), torch.stack([full[k, :, k].T for k in range(len(x))])


def test_who_is_stuck_has_not_converged():
    """Where it is flat no step of a sane length helps, and where derivatives are infinite there is none."""
    start = torch.tensor([[-30.0]], dtype=torch.float64)
    for gain in (0.0, 0.1):
        flat = least_squares(lambda x: 1e3 * x.exp() - 1e3, start, max_iterations=20, least_gain=gain)
        assert not flat.converged.any()

    def steep(x):
        return x - 3, torch.full((len(x), 1, 1), torch.inf, dtype=x.dtype)

    start = torch.zeros(2, 1, dtype=torch.float64)
    stuck = least_squares([Block(lambda x: x - 3, steep)], start, max_iterations=20)
    assert not stuck.converged.any()
    assert torch.equal(stuck.x, start)


def test_who_has_arrived_has_converged():
    """At the bottom no step lowers the cost any more."""
    bottom = torch.ones(2, 2, dtype=torch.float64)
    assert least_squares(_rosenbrock, bottom).converged.all()
    single = least_squares(_rosenbrock, torch.tensor([[-1.2, 1.0]]), max_iterations=200, tolerance=0.0)
    assert single.converged.all()
    assert torch.allclose(single.x, torch.ones(1, 2), atol=1e-3)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="start equal"):
        least_squares(lambda x: x - 1, torch.tensor([[0.0, 0.0], [0.0, 2.0]]), shared=1)
    with pytest.raises(ValueError, match="lower bound"):
        least_squares(lambda x: x - 1, torch.zeros(1, 2), lower=torch.tensor([0.0, torch.nan]))
    block = Block(lambda x: x, normal=lambda x: (x[:, 0], x, x[..., None]))
    for more in ({"robust": 1.0}, {"derivatives": lambda x: (x, x[..., None])}):
        with pytest.raises(ValueError, match="normal equations"):
            least_squares([block._replace(**more)], torch.zeros(1, 1))


def test_a_robust_loss_forgets_what_is_far_off():
    points = torch.tensor([[0.0, 0.1, -0.1, 0.05, 9.0]], dtype=torch.float64)
    start = torch.tensor([[0.3]], dtype=torch.float64)
    plain = least_squares(lambda x: x - points, start).x
    robust = least_squares([Block(lambda x: x - points, robust=0.3)], start, max_iterations=100, tolerance=1e-12).x
    assert plain.item() == pytest.approx(1.81)
    theirs = scipy.optimize.minimize_scalar(
        lambda x: ((points - x) ** 2 / (1 + ((points - x) / 0.3) ** 2)).sum().item(), bounds=(-1, 1), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    assert robust.item() == pytest.approx(theirs.x, abs=1e-5)


def test_given_derivatives_are_used():
    def with_derivatives(x):
        return _rosenbrock(x), jacobian(_rosenbrock, x)[1]

    starts = torch.tensor([[-1.2, 1.0]], dtype=torch.float64)
    by_hand = least_squares([Block(_rosenbrock, with_derivatives)], starts, max_iterations=200, tolerance=1e-14)
    assert torch.allclose(by_hand.x, torch.ones_like(starts), atol=1e-6)


def test_a_robust_loss_sees_points_not_coordinates():
    targets = torch.tensor(
        [[0.0, 0.1, 0.0, 5.0], [0.0, 0.0, 0.1, 5.0]], dtype=torch.float64
    )  # x, then y of four points

    def misses(x):
        return (x[:, :, None] - targets).flatten(1)

    start = torch.zeros(1, 2, dtype=torch.float64)
    found = least_squares([Block(misses, robust=0.5, group=2)], start, max_iterations=100, tolerance=1e-12).x[0]

    def cost(x):
        squares = ((targets.T - torch.as_tensor(x)) ** 2).sum(1)
        return (squares / (1 + squares / 0.25)).sum().item()

    theirs = scipy.optimize.minimize(cost, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    assert np.allclose(found, theirs.x, atol=1e-5)


def test_a_bound_in_the_way_turns_the_step_along_it():
    """Of linear problems with a strongly skewed valley, whose steps cut short at a bound lead away from the solution."""
    rng = np.random.default_rng(5)
    a, b = rng.standard_normal((20, 12, 6)) @ np.diag([1, 1, 3, 10, 30, 100]), 50 * rng.standard_normal((20, 12))
    a[:, :, 1:] += 2 * a[:, :, :1]
    found = least_squares(
        lambda x: (torch.as_tensor(a) @ x[..., None])[..., 0] - torch.as_tensor(b), torch.zeros(20, 6, dtype=torch.float64),
        lower=torch.full((6,), -0.3), upper=torch.full((6,), 0.2), max_iterations=8, tolerance=1e-12,
    )  # fmt: skip
    expected = [scipy.optimize.lsq_linear(*each, bounds=(-0.3, 0.2), tol=1e-14).x for each in zip(a, b, strict=True)]
    assert found.converged.all()
    assert np.abs(found.x.numpy() - expected).max() < 1e-5


def test_a_parameter_that_was_put_on_its_bound_is_let_go_again():
    """The step would pass both bounds; stopped at both it would go uphill, and the solution lies on one."""
    J, goal = torch.tensor([[1.0, 0.9], [0.0, 0.19**0.5]]).double(), torch.tensor([10.0, -8.0]).double()
    bounds = torch.tensor([[-torch.inf, -7.0], [0.1, torch.inf]]).double()
    start = torch.zeros(1, 2, dtype=torch.float64)
    found = least_squares(lambda x: (x - goal) @ J.T, start, lower=bounds[0], upper=bounds[1])
    theirs = scipy.optimize.lsq_linear(J.numpy(), (J @ goal).numpy(), bounds.numpy(), tol=1e-12)
    assert found.converged.all()
    assert np.allclose(found.x[0], theirs.x, atol=1e-4)
    first = least_squares(lambda x: (x - goal) @ J.T, start, lower=bounds[0], upper=bounds[1], max_iterations=1)
    assert first.x[0].tolist() == pytest.approx([0.1, 0.91 / 1.01])  # the first damping is a hundredth


@pytest.mark.parametrize("alike", [0.5, 2.0, 5.0])
def test_solutions_that_lie_on_most_of_their_bounds_are_found(alike):
    """Of twenty parameters that look more or less alike, so that which of them are held is not found at once."""
    rng = np.random.default_rng(7)
    a = rng.standard_normal((30, 40, 20)) + alike * rng.standard_normal((30, 40, 1))
    b = 5 * rng.standard_normal((30, 40))
    A, B = torch.as_tensor(a), torch.as_tensor(b)
    start, bounds = torch.zeros(30, 20, dtype=torch.float64), (-0.05, 0.04)
    lower, upper = (start[0] + bound for bound in bounds)
    found = least_squares(lambda x: (A @ x[..., None])[..., 0] - B, start, lower=lower, upper=upper, tolerance=1e-12)
    expected = [scipy.optimize.lsq_linear(*each, bounds=bounds, tol=1e-14) for each in zip(a, b, strict=True)]
    assert found.converged.all()
    np.testing.assert_allclose(found.x, [one.x for one in expected], atol=1e-5)
    np.testing.assert_allclose(found.cost, [one.cost for one in expected], rtol=1e-9)
    assert (np.abs(found.x - np.mean(bounds)) > 0.0449).float().mean() > 0.6


def test_the_gradient_leads_to_the_solution_though_the_hessian_is_of_some_residuals():
    rng = np.random.default_rng(6)
    centres = torch.as_tensor(rng.standard_normal((4, 90, 3)))

    def residuals(x):
        return ((x[:, None] - centres).norm(dim=2) - 1).flatten(1) / 90**0.5

    def normal(x):
        r, J = jacobian(residuals, x)
        some = J[:, :, ::3] * 3**0.5
        return 0.5 * (r * r).sum(1), (J @ r[..., None])[..., 0], some @ some.mT

    start = torch.full((4, 3), 0.5, dtype=torch.float64)
    options = {"max_iterations": 60, "tolerance": 1e-13}
    found = least_squares([Block(residuals, normal=normal)], start, **options).x
    assert torch.allclose(found, least_squares(residuals, start, **options).x, atol=5e-4)
    assert not torch.allclose(found, least_squares(lambda x: residuals(x)[:, ::3], start, **options).x, atol=0.02)


def test_what_promises_too_little_is_not_done():
    start = torch.tensor([[1e-3], [1.0]])
    found = least_squares(lambda x: x, start, least_gain=1e-5)
    assert found.converged.all()
    assert found.x[0] == start[0]
    assert found.x[1].abs() < 5e-3
