"""Derivatives of skin vertices, against automatic differentiation of the body itself."""

import numpy as np
import pytest
import torch
from osteon.core.bodies.load import load_body
from osteon.core.bodies.skin_points import N_POSE, SkinPoints


@pytest.mark.parametrize("scale", [0.0, 0.003, 0.6])
def test_derivatives_are_those_of_the_body(scale):
    body = load_body("open-female")
    rng = np.random.default_rng(3)
    ids = np.sort(rng.choice(body.n_skin, 200, replace=False))
    pose = torch.as_tensor(rng.uniform(-scale, scale, (3, N_POSE)))
    betas, trans = torch.as_tensor(rng.standard_normal((1, 10))), torch.as_tensor(rng.standard_normal((3, 3)))
    points = SkinPoints(body, ids, pose)
    found, derivatives = points.with_derivatives(pose, betas, trans)
    skin = body(pose, betas, trans).skin[:, ids]
    assert torch.allclose(found.mT, skin, atol=1e-12)
    assert torch.allclose(points.at(pose, betas, trans).mT, skin, atol=1e-12)

    def moved(x: torch.Tensor) -> torch.Tensor:
        return body(x[:N_POSE][None], betas, x[None, N_POSE:]).skin[0, ids]

    for k in range(3):
        expected = torch.func.jacfwd(moved)(torch.cat([pose[k], trans[k]]))  # (n, 3, 49)
        assert torch.allclose(derivatives[k].permute(2, 1, 0), expected, atol=1e-6)
