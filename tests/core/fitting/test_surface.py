"""SKEL to a surface: what was posed is found again, from any place and orientation, and what cannot be is said."""

from pathlib import Path

import numpy as np
import pytest
import torch
from osteon.core.anatomy.joints import POSE_NAMES
from osteon.core.bodies.load import load_body
from osteon.core.errors import InputError
from osteon.core.fitting.least_squares import jacobian
from osteon.core.fitting.segments import evenly_spread, point_weights
from osteon.core.fitting.surface import CHUNK, SHAPE_FRAMES, _Problem, fit_skel

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def body():
    return load_body("open-male")


def posed(body, frames, seed):
    """Random poses within the limits, anywhere and any way up, of one random shape; and their skins."""
    rng = np.random.default_rng(seed)
    low, high = body.limits.T.copy()
    low[:3], high[:3] = (-np.pi, -1.5, -np.pi), (np.pi, 1.5, np.pi)
    q = torch.as_tensor(rng.uniform(low, high, (frames, 46)))
    betas, trans = torch.as_tensor(rng.standard_normal((1, 10))), torch.as_tensor(rng.uniform(-3, 3, (frames, 3)))
    return q, betas[0], trans, body(q, betas, trans).skin


def assert_found(body, fit, q, betas, trans, degrees):
    """That a fit has the angles, and the place and orientation, that a body was posed by."""
    assert not fit.failed.any()
    assert fit.frame_error.max() < 5e-4
    assert np.abs(np.degrees(fit.pose[:, 3:] - q.numpy()[:, 3:])).max() < degrees
    # Euler angles of the root are not unique, its frame is.
    own, given = (body(pose, betas, skin=False).frames[:, 0] for pose in (torch.as_tensor(fit.pose), q))
    angle = torch.arccos(((torch.einsum("bij,bij->b", own, given) - 1) / 2).clamp(-1, 1))
    assert torch.rad2deg(angle).max() < degrees
    assert np.abs(fit.trans - trans.numpy()).max() < 1e-3


@pytest.mark.parametrize("known", [True, False], ids=["shape known", "shape wanted"])
def test_poses_are_found_from_a_cold_start(body, known):
    q, betas, trans, skin = posed(body, 12, seed=5)
    fit = fit_skel(skin, body, betas if known else None)
    assert np.abs(fit.betas - betas.numpy()).max() < 0.02
    assert_found(body, fit, q, betas, trans, 0.2)


@pytest.mark.slow
@pytest.mark.parametrize("made_up", [False, True], ids=["open", "made up"])
def test_a_thousand_poses_are_found(body, made_up, skel_and_smpl):
    body = skel_and_smpl[0] if made_up else body
    for seed in range(20):
        q, betas, trans, skin = posed(body, 50, seed=100 + seed)
        assert_found(body, fit_skel(skin, body), q, betas, trans, 0.2)


def test_frames_that_cannot_be_fitted_are_marked(body):
    _, betas, _, skin = posed(body, 4, seed=6)
    skin[1, 100] = torch.nan
    skin[2] *= 1.5
    fit = fit_skel(skin, body, betas)
    assert fit.failed.tolist() == [False, True, True, False]
    assert np.isfinite(fit.pose).all()
    assert np.isinf(fit.frame_error).tolist() == [False, True, False, False]
    assert fit_skel(skin[2:3], body, betas, smoothness=1.0).failed.all()


@pytest.mark.parametrize("frame", [0, -1])
@pytest.mark.parametrize("how", ["zero", "noise", "far"])
def test_one_bad_frame_spoils_no_other(body, frame, how):
    _, betas, _, skin = posed(body, 8, seed=7)
    rng = np.random.default_rng(0)
    bad = {"zero": 0 * skin[0], "noise": torch.as_tensor(rng.standard_normal(skin[0].shape)), "far": skin[0] * 1e300}
    skin[frame] = bad[how]
    fit = fit_skel(skin, body)
    assert fit.failed[frame]
    assert fit.failed.sum() == 1
    assert fit.mean_error < 5e-4
    assert np.abs(fit.betas - betas.numpy()).max() < 0.05


def test_betas_may_be_any_tensor(body):
    _, betas, _, skin = posed(body, 1, seed=8)
    assert fit_skel(skin, body, betas.requires_grad_()).mean_error < 5e-4
    with pytest.raises(InputError, match="finite"):
        fit_skel(skin, body, np.full(10, np.nan))
    with pytest.raises(InputError, match=r"\(3,\) instead of \(10,\)"):
        fit_skel(skin, body, np.zeros(3))


def test_the_default_precision_does_not_matter(body):
    _, _, _, skin = posed(body, 1, seed=9)
    torch.set_default_dtype(torch.float64)
    try:
        assert fit_skel(skin, body).mean_error < 5e-4
    finally:
        torch.set_default_dtype(torch.float32)


def test_the_root_turns_on_without_jumps(body):
    turns = np.linspace(0, 4 * np.pi, 60)
    q = np.zeros((60, 46))
    q[:, 2] = turns  # twice about the vertical
    q[:, 0] = 0.3
    fit = fit_skel(body(torch.as_tensor(q)).skin, body, np.zeros(10))
    steps = np.abs(np.diff(fit.pose, axis=0))
    steps[np.abs(steps - 2 * np.pi) < 0.5] -= 2 * np.pi  # where one turn is over
    assert np.degrees(np.abs(steps).max()) < 20
    assert np.abs(fit.pose).max() <= 2 * np.pi


def test_the_derivatives_of_the_priors(body):
    from osteon.core.bodies.skin_points import SkinPoints

    problem = _Problem(SkinPoints(body, np.arange(5), torch.zeros(1)))
    x = torch.as_tensor(np.random.default_rng(0).uniform(-2, 2, (3, 49)), dtype=torch.float32)
    block = problem._priors()
    assert block.derivatives is not None
    found, expected = block.derivatives(x), jacobian(block.residuals, x)
    assert torch.allclose(found[0], expected[0])
    assert torch.allclose(found[1], expected[1])


@pytest.mark.parametrize("known", [True, False], ids=["shape known", "shape wanted"])
def test_the_slopes_of_the_whole_skin(body, known):
    """The gradient is that of all vertices, and the Hessian of some is near theirs: no worse than these some stand for all."""
    from osteon.core.bodies.skin_points import SkinPoints

    _, betas, _, skin = (value.float() for value in posed(body, 2, seed=11))
    ids = evenly_spread(body.data.skin_template, 600)
    problem = _Problem(SkinPoints(body, ids, torch.zeros(1)))
    rng = np.random.default_rng(0)
    x = torch.as_tensor(rng.uniform(-0.5, 0.5, (2, 49 if known else 59)), dtype=torch.float32)
    block = problem.whole(skin.numpy(), betas[None] if known else None)
    assert block.normal is not None
    cost, gradient, hessian = block.normal(x)

    def misses(x):
        shape = betas[None] if known else x[:, 49:]
        return (body(x[:, :46], shape, x[:, 46:49]).skin - skin).flatten(1) / (0.01 * body.n_skin**0.5)

    residuals, slopes = jacobian(misses, x)
    assert torch.allclose(block.residuals(x), residuals, rtol=1e-4, atol=1e-6)
    assert torch.allclose(cost, 0.5 * residuals.square().sum(1), rtol=1e-4)
    expected = (slopes @ residuals[..., None])[..., 0]
    assert (gradient - expected).abs().max() < 1e-3 * expected.abs().max()
    whole = slopes @ slopes.mT
    unit = whole.diagonal(dim1=1, dim2=2).sqrt()
    off = (hessian - whole) / (unit[:, :, None] * unit[:, None])  # as correlations
    assert off.abs().max() < 0.25
    assert point_weights(body.data.skin_template, ids).square().sum().item() == pytest.approx(1)


@pytest.mark.parametrize("frames", [1, 16])
def test_smpl_is_met_more_closely_than_by_the_official_fitter(skel_and_smpl, frames):
    """That one knows no limits, and goes 17 degrees beyond them."""
    skel, smpl = skel_and_smpl
    golden = np.load(GOLDEN / f"skel_fit_51_f{frames}.npz")
    skin = smpl(*(torch.as_tensor(golden[name]) for name in ("smpl_poses", "betas", "smpl_trans"))).skin
    assert np.abs(skin[:, golden["target_vertex_ids"]].numpy() - golden["target_verts"]).max() < 1e-5
    official = golden["vertex_mm_mean"].mean() / 1000
    free = fit_skel(skin, skel, limits=False)
    assert not free.failed.any()
    assert free.vertex_error.mean() < official
    held = fit_skel(skin, skel)
    assert held.vertex_error.mean() < official
    beyond = np.maximum(held.pose - skel.limits[:, 1], skel.limits[:, 0] - held.pose)
    assert np.degrees(beyond.max()) < 2.01


def test_what_is_no_surface_and_no_body_is_refused(body, skel_and_smpl):
    for skin in (None, "skin", [[1.0, 2.0], [3.0]], np.zeros((1, body.n_skin, 3), complex)):
        with pytest.raises(InputError, match="numbers"):
            fit_skel(skin, body)
    with pytest.raises(InputError, match="numbers"):
        fit_skel(np.zeros((1, body.n_skin, 3)), body, betas="abc")
    with pytest.raises(InputError, match="Smpl instead of a SKEL body"):
        fit_skel(np.zeros((1, body.n_skin, 3)), skel_and_smpl[1])


def test_another_topology_is_refused(body):
    with pytest.raises(InputError, match="vertices"):
        fit_skel(np.zeros((2, 6890, 3)), body)
    with pytest.raises(InputError, match="finite"):
        fit_skel(np.full((1, body.n_skin, 3), np.nan), body)


class Lazy:
    """The frames of an array, and how many of them were asked for at a time."""

    def __init__(self, array):
        self.array, self.shape, self.asked = array, array.shape, []

    def __getitem__(self, frames):
        self.asked.append(len(frames))
        return self.array[frames]


@pytest.mark.parametrize("smoothness", [0.0, 1.0])
def test_surfaces_are_asked_for_a_few_frames_at_a_time(body, smoothness, monkeypatch):
    _, betas, _, skin = posed(body, 9, seed=8)
    array = skin.numpy()
    array[3, 0] = np.nan
    expected = fit_skel(array, body, betas, smoothness=smoothness)
    monkeypatch.setattr("osteon.core.fitting.surface.CHUNK", 2)
    lazy = Lazy(array)
    fit = fit_skel(lazy, body, betas, smoothness=smoothness)
    assert max(lazy.asked) <= 2
    assert sum(lazy.asked) == 9 + 8 + 8 * bool(smoothness)
    np.testing.assert_allclose(fit.pose, expected.pose, atol=1e-4)
    np.testing.assert_allclose(fit.vertex_error, expected.vertex_error, atol=1e-5)


def test_a_shape_is_sought_in_a_few_frames(body, monkeypatch):
    monkeypatch.setattr("osteon.core.fitting.surface.CHUNK", 4)
    _, betas, _, skin = posed(body, 3 * SHAPE_FRAMES, seed=8)
    lazy = Lazy(skin.numpy())
    assert np.abs(fit_skel(lazy, body).betas - betas.numpy()).max() < 0.02
    assert max(lazy.asked) == SHAPE_FRAMES < CHUNK


def test_smoothness_takes_out_what_trembles_and_keeps_the_motion(body):
    """A swinging leg and a turn, of a body whose shape changes from frame to frame as no body's does."""
    generator = np.random.default_rng(3)
    frames = 40
    q = np.zeros((frames, 46))
    for name, size, phase in (("hip_flexion_r", 0.5, 0.0), ("knee_angle_r", 0.6, 0.8), ("lumbar_extension", 0.1, 0.3)):
        q[:, POSE_NAMES.index(name)] = size * (1 + np.sin(np.arange(frames) / 6 + phase)) / 2
    q[:, 2] = np.linspace(5.8, 6.8, frames)  # over a whole turn
    skin = body(torch.as_tensor(q)).skin.numpy()
    tremble = generator.normal(0, 0.2, (frames, 10))
    skin = skin + np.einsum("nck,fk->fnc", body.data.shapedirs, tremble)
    skin[7, 0] = np.nan
    rough, smooth = (fit_skel(skin, body, np.zeros(10), smoothness=s) for s in (0.0, 1.0))
    known = np.arange(frames) != 7
    errors, second = [], []
    for fit in (rough, smooth):
        off = fit.pose - q
        off[:, :3] -= 2 * np.pi * np.round(off[:, :3] / (2 * np.pi))
        errors.append(np.degrees(np.sqrt((off[known] ** 2).mean())))
        second.append(np.degrees(np.abs(np.diff(off[8:], 2, axis=0)).mean()))
    assert second[1] < 0.1 * second[0]
    assert errors[1] < 0.75 * errors[0]
    assert smooth.vertex_error[known].mean() < rough.vertex_error[known].mean() + 0.0025
    assert np.flatnonzero(smooth.failed).tolist() == [7]
    assert np.abs(smooth.pose).max() <= 2 * np.pi


@pytest.mark.parametrize("fault", ["noise", "flip", "cut"])
def test_smoothing_does_not_carry_one_bad_frame_to_others(body, fault):
    """One frame of no body, one turned about, or a cut to another place."""
    q = np.zeros((24, 46))
    q[:, POSE_NAMES.index("hip_flexion_r")] = 0.5 * np.sin(np.arange(24) / 5)
    good = np.arange(24) != 12
    if fault == "flip":
        q[12, 2] = np.pi
    skin = body(torch.as_tensor(q)).skin.numpy()
    if fault == "noise":
        skin[12] += np.random.default_rng(0).normal(0, 0.3, skin[12].shape)
    if fault == "cut":
        skin[12:] = body(torch.as_tensor(q[12:]) + 2 * torch.eye(46)[2]).skin.numpy() + [2.0, 0, 0]
    fit = fit_skel(skin, body, np.zeros(10), smoothness=1.0)
    assert np.flatnonzero(fit.failed).tolist() == ([12] if fault == "noise" else [])
    assert fit.vertex_error[good if fault == "noise" else slice(None)].max() < 0.002


def test_smoothing_in_windows_is_smoothing_at_once(monkeypatch):
    from osteon.core.fitting import smoothing

    generator = np.random.default_rng(0)
    x, root = generator.normal(0, 0.05, (100, 4)).cumsum(0), generator.normal(0, 1, (100, 4, 4))
    information = root @ root.transpose(0, 2, 1) + np.eye(4)
    at_once = smoothing.smoothed(x, lambda frames: information[frames], 3, 0.5)
    # What it should be, by dense algebra.
    matrix, right = np.zeros((400, 400)), np.zeros(400)
    for k in range(100):
        own = slice(4 * k, 4 * k + 4)
        matrix[own, own], right[own] = information[k], information[k] @ x[k]
    bend = np.zeros((98, 100))
    for k in range(98):
        bend[k, k : k + 3] = 1, -2, 1
    unit = np.array([smoothing.ANGLE] * 3 + [smoothing.PLACE])
    matrix += np.kron(bend.T @ bend, np.diag((0.5 / unit) ** 2))
    np.testing.assert_allclose(at_once, np.linalg.solve(matrix, right).reshape(100, 4), atol=1e-5)
    monkeypatch.setattr(smoothing, "WINDOW", 20)
    monkeypatch.setattr(smoothing, "OVERLAP", 30)
    windows = smoothing.smoothed(x, lambda frames: information[frames], 3, 0.5)
    np.testing.assert_allclose(windows, at_once, atol=1e-3)


def test_runs_end_at_cuts_and_at_frames_that_are_not_sound():
    from osteon.core.fitting.smoothing import runs

    x, sound = np.zeros((20, 4)), np.ones(20, bool)
    x[8:, 0], x[14:, 3], sound[4] = 1.0, 0.6, False
    found = [(run.start, run.stop) for run in runs(x, sound, 3)]
    assert found == [(0, 4), (5, 8), (8, 14), (14, 20)]
