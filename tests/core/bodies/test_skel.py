"""SKEL against the official implementation (golden/, tolerances as its makers measured them) and against itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from osteon.core.anatomy.joints import POSE_INDEX
from osteon.core.bodies.skel import Skel
from osteon.core.errors import InputError
from synthetic_skel import fingerprint, make_skel_model


def _inputs(golden, dtype, rows=slice(None)):
    return [torch.tensor(golden[key][rows], dtype=dtype) for key in ("q", "betas", "trans")]


@pytest.mark.parametrize(("gender", "seed"), [("male", 11), ("female", 12)])
def test_the_synthetic_model_is_the_one_the_reference_ran_on(gender, seed):
    from conftest import GOLDEN

    with np.load(GOLDEN / f"skel_forward_{gender}_{seed}.npz") as archive:
        ours = fingerprint(make_skel_model(seed, gender))
        theirs = dict(zip(archive["fingerprint_names"].tolist(), archive["fingerprint_values"].tolist(), strict=True))
    assert ours.keys() == theirs.keys()
    assert all(ours[key] == pytest.approx(theirs[key], rel=1e-9) for key in ours)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_forward_equals_the_official_code(golden, dtype):
    body, reference = golden
    out = body(*_inputs(reference, dtype), bones=True)
    ids = reference["skin_ids"]
    assert out.skin.dtype == dtype
    ours = {
        "skin_verts": out.skin[:, ids],
        "bone_verts": out.bones,
        "joints": out.joints,
        "joints_tpose": out.rest.joints,
    }
    # In row 1 the angles are 1e-3 and the reference divides 1 - cos a by a in float32.
    tolerance = np.full(62, 5e-6)
    tolerance[1] = 5e-5
    for key, value in ours.items():
        error = np.abs(value.numpy() - reference[key]).reshape(62, -1).max(1)
        assert (error <= tolerance).all(), f"{key}: rows {np.flatnonzero(error > tolerance)}, {error.max()}"
    assert np.abs(out.frames.numpy() - reference["joints_ori"]).max() <= 1e-5
    mean_error = np.abs(out.skin.mean(1).numpy() - reference["skin_mean"]).max(1)
    assert (mean_error <= tolerance).all()


def test_bones_do_not_depend_on_how_a_file_sorts_them(golden):
    body, reference = golden
    inputs = [rows[:9] for rows in _inputs(reference, torch.float64)]  # more than are moved at a time
    order = np.random.default_rng(0).permutation(body.n_bones)
    fields = ("bone_template", "bone_weights", "bone_labels", "bone_parts")
    sorted_ = replace(body.data, **{name: getattr(body.data, name)[order] for name in fields})
    bones, again = (each(*inputs, skin=False, bones=True).bones for each in (body, Skel(sorted_)))
    assert (again - bones[:, order]).abs().max() < 1e-12


def test_pose_correctives_and_shape_equal_the_official_code(golden):
    body, reference = golden
    q, betas, trans = _inputs(reference, torch.float64)
    ids = reference["skin_ids"]
    shaped = body(torch.zeros_like(q), betas).skin[:16, ids]
    assert np.abs(shaped.numpy() - reference["skin_shaped"]).max() <= 5e-6
    # With rotations of the weights undone nothing but the correctives is left: compare where the official code stores
    # them.
    with_, without = (body(q, betas, trans, pose_correctives=on).skin for on in (True, False))
    blend = torch.einsum(
        "nj,bjxy->bnxy", torch.tensor(body.data.skin_weights.toarray()), body(q, betas).transforms[..., :3, :3]
    )
    offsets = torch.linalg.solve(blend, (with_ - without)[..., None])[..., 0][:, ids]
    regular = torch.linalg.det(blend)[:, ids] > 0.2
    error = np.abs(offsets.numpy() - reference["pose_offsets"])[regular.numpy()]
    assert regular.float().mean() > 0.9
    assert error.max() <= 5e-6


def test_joint_offsets_equal_the_official_code(golden):
    body, reference = golden
    q, betas, trans = _inputs(reference, torch.float64, slice(2, 6))
    out = body(q, betas, trans, bones=True, joint_offsets=torch.tensor(reference["dj"], dtype=torch.float64))
    assert np.abs(out.joints.numpy() - reference["dj_joints"]).max() <= 5e-6
    assert np.abs(out.frames.numpy() - reference["dj_joints_ori"]).max() <= 1e-5
    assert np.abs(out.skin[:, reference["skin_ids"]].numpy() - reference["dj_skin_verts"]).max() <= 5e-6
    assert np.abs(out.bones.numpy() - reference["dj_bone_verts"]).max() <= 5e-6


def test_single_and_double_precision_agree_to_rounding(golden):
    body, reference = golden
    single = body(*_inputs(reference, torch.float32), bones=True)
    double = body(*_inputs(reference, torch.float64), bones=True)
    for name in ("skin", "bones", "joints", "frames"):
        assert (getattr(single, name).double() - getattr(double, name)).abs().max() < 4e-6, name


@pytest.mark.parametrize("scale", [0.0, 0.5])
def test_gradients_equal_finite_differences(body, scale):
    """Also at q = 0, where series replace quotients."""
    generator = torch.Generator().manual_seed(3)
    q = scale * torch.randn(1, 46, generator=generator, dtype=torch.float64)
    betas = scale * torch.randn(1, 10, generator=generator, dtype=torch.float64)
    trans = torch.zeros(1, 3, dtype=torch.float64)
    skin_weights = torch.randn(body.n_skin, 3, generator=generator, dtype=torch.float64) / body.n_skin**0.5
    bone_weights = torch.randn(body.n_bones, 3, generator=generator, dtype=torch.float64) / body.n_bones**0.5

    def value(q, betas, trans):
        out = body(q, betas, trans, bones=True)
        return (out.skin * skin_weights).sum() + (out.bones * bone_weights).sum() + out.joints.sum() + out.frames.sum()

    inputs = [x.requires_grad_() for x in (q, betas, trans)]
    gradients = torch.autograd.grad(value(*inputs), inputs)
    step = 1e-6
    for which, gradient in enumerate(gradients):
        assert torch.isfinite(gradient).all()
        for k in range(gradient.shape[1]):
            ends = []
            for sign in (1, -1):
                moved = [x.detach().clone() for x in inputs]
                moved[which][0, k] += sign * step
                ends.append(value(*moved).item())
            assert gradient[0, k].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-6)


def test_zero_pose_is_the_shaped_t_pose(body):
    betas = torch.randn(3, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    trans = torch.tensor([[0.1, -0.2, 0.3]] * 3, dtype=torch.float64)
    out = body(torch.zeros(3, 46, dtype=torch.float64), betas, trans)
    shaped = body.data.skin_template + np.einsum("nck,bk->bnc", body.data.shapedirs, betas.numpy())
    assert np.abs(out.skin.numpy() - shaped - trans[:, None].numpy()).max() < 1e-12
    regressed = np.stack([body.data.joint_regressor @ s for s in shaped])
    assert np.abs(out.joints.numpy() - regressed - trans[:, None].numpy()).max() < 1e-12


def test_joints_need_no_mesh(body):
    q = torch.randn(2, 46, generator=torch.Generator().manual_seed(1)) * 0.3
    light, full = body(q, skin=False), body(q)
    assert light.skin is None
    assert light.bones is None
    assert torch.equal(light.joints, full.joints)


def test_one_shape_serves_a_batch_of_poses(body):
    generator = torch.Generator().manual_seed(2)
    q = torch.randn(4, 46, generator=generator) * 0.3
    betas = torch.randn(10, generator=generator)
    one, many = body(q, betas, bones=True), body(q, betas.expand(4, 10), bones=True)
    for name in ("skin", "bones", "joints"):
        assert (getattr(one, name) - getattr(many, name)).abs().max() < 1e-6


def test_the_root_turns_about_the_pelvis_and_angles_have_their_documented_axes(body):
    q = torch.zeros(1, 46, dtype=torch.float64)
    q[0, POSE_INDEX["pelvis_rotation"]] = 0.7
    still, turned = body(torch.zeros_like(q)), body(q)
    assert (turned.joints[0, 0] - still.joints[0, 0]).abs().max() < 1e-12
    assert (turned.joints[0, 1] - still.joints[0, 1]).abs().max() > 1e-2


@pytest.mark.parametrize(
    ("pose", "betas", "words"),
    [
        (torch.zeros(1, 45), None, "pose has the shape"),
        (torch.zeros(46), None, "pose has the shape"),
        (torch.zeros(2, 46), torch.zeros(3, 10), "betas holds 3 rows but pose holds 2"),
        (torch.zeros(1, 46), torch.zeros(1, 9), "betas has the shape"),
        (torch.zeros(1, 46, dtype=torch.long), None, "floating-point"),
        (np.zeros((1, 46)), None, "pose is a ndarray instead of a tensor"),
        (torch.zeros(1, 46), np.zeros((1, 10)), "betas is a ndarray instead of a tensor"),
    ],
)
def test_wrong_shapes_are_named(body, pose, betas, words):
    with pytest.raises(InputError, match=words):
        body(pose, betas)


def test_everything_takes_the_precision_of_the_pose(body):
    offsets = torch.zeros(1, 24, 3, dtype=torch.float64)
    out = body(torch.zeros(2, 46), torch.zeros(10).double(), torch.zeros(2, 3).double(), joint_offsets=offsets)
    assert out.skin.dtype == out.joints.dtype == torch.float32
    with pytest.raises(InputError, match="joint_offsets has the shape"):
        body(torch.zeros(2, 46), joint_offsets=torch.zeros(1, 3))


def test_one_shape_takes_joint_offsets_of_each_pose(body):
    generator = torch.Generator().manual_seed(0)
    pose, betas, offsets = (torch.randn(*size, generator=generator) for size in ((3, 46), (1, 10), (3, 24, 3)))
    out = body(0.3 * pose, betas, joint_offsets=0.01 * offsets, bones=True)
    same = body(0.3 * pose, betas.expand(3, -1), joint_offsets=0.01 * offsets, bones=True)
    torch.testing.assert_close(
        (out.skin, out.bones, out.joints), (same.skin, same.bones, same.joints), atol=1e-6, rtol=0
    )


def test_nobody_is_a_batch_too(body):
    out = body(torch.zeros(0, 46), torch.zeros(0, 10), bones=True)
    assert (len(out.skin), len(out.bones), len(out.joints)) == (0, 0, 0)


def test_forward_differentiation_of_many_at_once(body):
    """Of an official body, whose bones are not told apart."""
    generator = torch.Generator().manual_seed(3)
    q = 0.3 * torch.randn(2, 46, generator=generator, dtype=torch.float64)
    basis = torch.eye(46, dtype=torch.float64)[[6, 9, 28]]

    def bones(q):
        return body(q, bones=True).bones[:, ::100]

    along = torch.func.vmap(lambda way: torch.func.jvp(bones, (q,), (way.expand_as(q),))[1])(basis)
    step = 1e-6
    for way, derivative in zip(basis, along, strict=True):
        ends = [bones(q + sign * step * way) for sign in (1, -1)]
        assert (derivative - (ends[0] - ends[1]) / (2 * step)).abs().max() < 1e-7


def test_gradients_after_inference_mode(body):
    fresh = type(body)(body.data)
    with torch.inference_mode():
        fresh(torch.zeros(1, 46))
    q = torch.zeros(1, 46, requires_grad=True)
    fresh(q).skin.sum().backward()
    assert torch.isfinite(q.grad).all()
