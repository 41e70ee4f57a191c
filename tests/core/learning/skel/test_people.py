"""The shape space of people: principal components that a rebuild gives again."""

import numpy as np
import pytest
from osteon.core.learning.skel.people import betas_of, principal_shapes


def people(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Skins (S, 40, 3) about their mean that vary in ten ways, and how much (10,) in each."""
    generator = np.random.default_rng(0)
    ways = np.linalg.qr(generator.normal(size=(120, 10)))[0].T
    amounts = np.geomspace(0.5, 0.01, 10)
    shares = np.linalg.qr(generator.normal(size=(count, 10)))[0]
    shares = np.linalg.qr(shares - shares.mean(0))[0] * np.sqrt(count - 1)
    return (shares * amounts @ ways).reshape(count, 40, 3), amounts


def test_components_are_ways_to_vary_in_standard_deviations():
    skins, amounts = people(60)
    directions = principal_shapes(skins)
    assert np.linalg.norm(directions.reshape(-1, 10), axis=0) == pytest.approx(amounts)
    betas = betas_of(skins, np.zeros((40, 3)), directions)
    assert betas.std(0, ddof=1) == pytest.approx(np.ones(10))
    assert directions @ betas[7] == pytest.approx(skins[7], abs=1e-9)


def test_components_keep_their_sign():
    """Whatever the order of people, and whichever sign the decomposition chose for that."""
    skins, _ = people(60)
    directions = principal_shapes(skins)
    for seed in range(5):
        again = principal_shapes(skins[np.random.default_rng(seed).permutation(60)])
        assert again == pytest.approx(directions, abs=1e-9)
    height = directions[:, 1]
    assert (height.max(0) > -height.min(0)).all()
