"""The solver against scipy's, on problems with known answers, and within bounds."""

import numpy as np
import pytest
import scipy.optimize
import torch
from osteon.core.fitting.least_squares import jacobian, least_squares


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
    assert torch.allclose(J, expected.to(J))


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
