"""SMPL to a surface: what was posed is found again."""

import numpy as np
import pytest
import torch
from osteon.core.errors import InputError
from osteon.core.fitting.smpl_surface import fit_smpl


def test_poses_are_found_from_a_cold_start(skel_and_smpl):
    from synthetic_smpl import sample_smpl

    _, smpl = skel_and_smpl
    poses, betas, trans = (torch.as_tensor(a).double() for a in sample_smpl(3, 6))
    skin = smpl(poses, betas[1:2], trans).skin
    skin[2, 0] = torch.nan
    fit = fit_smpl(skin, smpl, betas[1].numpy())
    assert fit.failed.tolist() == [False, False, True, False, False, False]
    assert fit.vertex_error[~fit.failed].max() < 1e-4
    again = smpl(torch.as_tensor(fit.pose), torch.as_tensor(fit.betas)[None], torch.as_tensor(fit.trans)).skin
    assert (again - skin)[~fit.failed].abs().max() < 1e-4


def test_it_does_not_matter_what_mode_the_caller_is_in(skel_and_smpl):
    from synthetic_smpl import sample_smpl

    _, smpl = skel_and_smpl
    poses, betas, trans = map(torch.as_tensor, sample_smpl(3, 6))
    with torch.inference_mode():
        fit = fit_smpl(smpl(poses, betas[:1], trans).skin, smpl, betas[0])
    assert fit.vertex_error.max() < 1e-4


def test_another_topology_is_refused(skel_and_smpl):
    skel, smpl = skel_and_smpl
    with pytest.raises(InputError, match="Skel instead of a SMPL body"):
        fit_smpl(np.zeros((2, 6890, 3)), skel, np.zeros(10))
    with pytest.raises(InputError, match="vertices"):
        fit_smpl(np.zeros((2, 100, 3)), smpl, np.zeros(10))
    with pytest.raises(InputError, match="betas"):
        fit_smpl(np.zeros((2, 6890, 3)), smpl, np.zeros(9))
