import numpy as np
import pytest
import torch
from osteon.core.bodies import skinning
from osteon.core.bodies.skinning import RestingSkin, side_by_side


@pytest.mark.parametrize("n", [12, 13])
@pytest.mark.parametrize("batch", [0, 1, 2, 16, 17])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shared", [False, True], ids=["in pieces", "in whole rows"])
def test_a_resting_skin_is_the_same_by_whichever_product(monkeypatch, n, batch, threads, shared):
    """Which one a machine takes depends on how its threads share rows."""
    monkeypatch.setattr(skinning, "threads_share_few_rows", lambda: shared)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    random = np.random.default_rng(0)
    template, shapedirs, posedirs = (random.normal(size=size) for size in ((n, 3), (n, 3, 12), (n, 3, 9)))
    features, betas = random.normal(size=(batch, 9)), random.normal(size=(1, 10))
    skin = RestingSkin(template, shapedirs, posedirs, torch.tensor)
    shaped = template + shapedirs[..., :10] @ betas[0]
    factors = side_by_side(batch, *map(torch.tensor, (features, np.ones((1, 1)), betas)))
    found = skin(factors, 10).mT
    assert found.shape == (batch, n, 3)
    np.testing.assert_allclose(found, shaped + np.einsum("nck,bk->bnc", posedirs, features), atol=1e-12)
    np.testing.assert_allclose(skin(factors[:, 9:], 10).mT, np.broadcast_to(shaped, (batch, n, 3)), atol=1e-12)
