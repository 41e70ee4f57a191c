"""Height and weight as handles of the shape."""

import numpy as np
import pytest
from osteon.core.bodies.load import load_body
from osteon.core.bodies.stature import betas_for, stature_and_mass
from osteon.core.errors import InputError


@pytest.mark.parametrize("name", ["open-male", "open-female", "open-neutral"])
@pytest.mark.parametrize(("stature", "mass"), [(1.70, 65), (1.80, None), (None, 58), (1.62, 80)])
def test_the_shape_has_what_was_asked_for(name, stature, mass):
    body = load_body(name)
    betas = betas_for(body, stature, mass)
    found = stature_and_mass(body, betas)
    assert stature is None or found[0] == pytest.approx(stature, rel=1e-5)
    assert mass is None or found[1] == pytest.approx(mass, rel=1e-5)
    assert np.linalg.norm(betas) < 6


def test_of_all_such_shapes_it_is_the_nearest_to_the_mean():
    body = load_body("open-male")
    betas = betas_for(body, 1.85)
    generator = np.random.default_rng(0)
    # Along the shapes of this stature every way leads away from the mean.
    slope = body.data.shapedirs[body.data.skin_template[:, 1].argmax(), 1]
    slope = slope - body.data.shapedirs[body.data.skin_template[:, 1].argmin(), 1]
    for _ in range(10):
        step = generator.standard_normal(10)
        step -= slope * (step @ slope) / (slope @ slope)
        assert np.linalg.norm(betas + 0.01 * step) > np.linalg.norm(betas) - 1e-6
    assert np.allclose(betas_for(body), 0)


@pytest.mark.parametrize("wrong", [{"stature": 3.0}, {"stature": -1.0}, {"mass": 900.0}, {"mass": float("nan")}])
def test_what_no_body_has_is_refused(wrong):
    with pytest.raises(InputError, match="kg"):
        betas_for(load_body("open-neutral"), **wrong)
