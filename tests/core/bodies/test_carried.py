import numpy as np
import pytest
import torch
from osteon.core.bodies.carried import Carried, Group

N, N_MOVES = 20_000, 7


@pytest.fixture(scope="module", params=["in a row", "scattered"])
def made(request) -> tuple[Carried, np.ndarray, np.ndarray]:
    """Points that one of seven transforms carries, or two of them, each with a share; the points, and the shares."""
    random = np.random.default_rng(0)
    points, shares = random.normal(size=(N, 3)), np.zeros((N, N_MOVES))
    ids = np.arange(N) if request.param == "in a row" else random.permutation(N)
    groups = []
    for first, count, some in zip((0, 1, 3), (1, 2, 4), np.split(ids, [300, 13_000]), strict=True):
        shares[some, first : first + count] = random.dirichlet(np.ones(count), len(some))
        placed = np.column_stack([points[some], np.ones(len(some))]).T
        carried = shares[some, first : first + count].T[:, None] * placed
        groups.append(Group(first, torch.tensor(carried.reshape(-1, len(some))), some))
    return Carried(groups), points, shares


@pytest.mark.parametrize("batch", [0, 1, 3, 30])
@pytest.mark.parametrize("inference", [False, True])
def test_points_go_where_their_transforms_take_them(made, batch, inference):
    carried, points, shares = made
    moves = np.random.default_rng(1).normal(size=(batch, N_MOVES, 3, 4))
    with torch.inference_mode(inference):
        found = carried(torch.tensor(moves))
    assert found.shape == (batch, N, 3)
    assert found.is_contiguous()
    expected = np.einsum("bmij,nm,nj->bni", moves, shares, np.column_stack([points, np.ones(N)]), optimize=True)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
