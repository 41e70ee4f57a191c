"""SMPL and STAR against the official implementations (golden/, every second of their vertices) and against themselves."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import GOLDEN
from osteon.core.bodies.rotations import quaternion, rotation_less_identity
from osteon.core.bodies.smpl import FEW, Smpl
from osteon.core.bodies.smpl_file import smpl_from_content
from osteon.core.bodies.smpl_joints import JOINT_NAMES, PARENTS
from osteon.core.bodies.star import Star
from osteon.core.errors import InputError
from scipy.spatial.transform import Rotation
from synthetic_skel import fingerprint
from synthetic_smpl import make_smpl_model, make_star_model

MAKE = {"smpl": make_smpl_model, "star": make_star_model}
CLASS = {"smpl": Smpl, "star": Star}
ALL = [(kind, gender) for kind in MAKE for gender in ("male", "female")]


def reference(kind, gender):
    with np.load(GOLDEN / f"{kind}_forward_{gender}_21.npz") as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def bodies():
    """Made-up bodies in the official schema by kind and gender; no licensed data (see synthetic_smpl.py)."""
    return {
        (kind, gender): CLASS[kind](smpl_from_content(MAKE[kind](21, gender), Path(f"{kind}_{gender}.npz")))
        for kind, gender in ALL
    }


@pytest.fixture(params=["smpl", "star"])
def body(request, bodies):
    return bodies[request.param, "male"]


@pytest.mark.parametrize(("kind", "gender"), ALL)
def test_the_synthetic_model_is_the_one_the_reference_ran_on(kind, gender):
    stored = reference(kind, gender)
    theirs = dict(zip(stored["fingerprint_names"].tolist(), stored["fingerprint_values"].tolist(), strict=True))
    ours = fingerprint(MAKE[kind](21, gender))
    assert ours.keys() == theirs.keys()
    assert all(ours[key] == pytest.approx(theirs[key], rel=1e-9) for key in ours)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("kind", "gender"), ALL)
def test_forward_equals_the_official_code(kind, gender, dtype, bodies):
    stored = reference(kind, gender)
    out = bodies[kind, gender](*(torch.tensor(stored[key], dtype=dtype) for key in ("pose", "betas", "trans")))
    assert out.skin.dtype == dtype
    ours = {"verts": out.skin[:, stored["vert_ids"]], "joints": out.joints}
    if kind == "smpl":
        ours["joints_rest"] = out.rest
    for key, value in ours.items():
        assert np.abs(value.numpy() - stored[key]).max() <= 2e-6, key
    if kind == "smpl" and dtype == torch.float64:
        for key in ("verts", "joints"):
            assert np.abs(ours[key].numpy() - stored[f"{key}_f64"]).max() <= 5e-7, key


@pytest.mark.parametrize("gender", ["male", "female"])
def test_twenty_betas_equal_the_official_code(gender, bodies):
    stored = reference("star", gender)
    pose, trans = (torch.tensor(stored[key][5:7]) for key in ("pose", "trans"))
    out = bodies["star", gender](pose, torch.tensor(stored["betas20"]), trans)
    assert np.abs(out.skin[:, stored["vert_ids"]].numpy() - stored["verts20"]).max() <= 2e-6
    assert np.abs(out.joints.numpy() - stored["joints20"]).max() <= 2e-6


@pytest.mark.parametrize(("kind", "gender"), ALL)
def test_shape_alone_equals_the_official_code(kind, gender, bodies):
    stored = reference(kind, gender)
    betas = torch.tensor(stored["betas"]).double()
    shaped = bodies[kind, gender](betas.new_zeros(12, 72), betas, pose_correctives=False).skin
    assert np.abs(shaped[:, stored["vert_ids"]].numpy() - stored["verts_shaped"]).max() <= 2e-6


def test_single_and_double_precision_agree_to_rounding(body):
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(8, n, generator=generator, dtype=torch.float64) for n in (72, 10, 3)]
    double, single = body(*inputs), body(*(x.float() for x in inputs))
    for name in ("skin", "joints", "frames"):
        assert (getattr(single, name).double() - getattr(double, name)).abs().max() < 6e-6, name


@pytest.mark.parametrize("scale", [0.0, 1e-7, 0.5])
def test_gradients_equal_finite_differences(body, scale):
    """Also where nothing turns, where the axis of a rotation vector is not defined."""
    generator = torch.Generator().manual_seed(3)
    inputs = [scale * torch.randn(1, n, generator=generator, dtype=torch.float64) for n in (72, 10, 3)]
    skin_weights = torch.randn(body.n_skin, 3, generator=generator, dtype=torch.float64) / body.n_skin**0.5
    joint_weights = torch.randn(24, 3, generator=generator, dtype=torch.float64)

    def value(pose, betas, trans):
        out = body(pose, betas, trans)
        return (out.skin * skin_weights).sum() + (out.joints * joint_weights).sum() + out.frames.sum()

    inputs = [x.requires_grad_() for x in inputs]
    gradients = torch.autograd.grad(value(*inputs), inputs)
    step = 1e-6
    for which, gradient in enumerate(gradients):
        assert torch.isfinite(gradient).all()
        for k in range(0, gradient.shape[1], 1 if scale == 0.5 else 7):
            ends = []
            for sign in (1, -1):
                moved = [x.detach().clone() for x in inputs]
                moved[which][0, k] += sign * step
                ends.append(value(*moved).item())
            assert gradient[0, k].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-6)


def test_forward_differentiation_of_many_at_once(body):
    """As the least-squares solver does it."""
    pose = torch.randn(3, 72, generator=torch.Generator().manual_seed(4), dtype=torch.float64) * 0.3
    basis = torch.eye(72, dtype=torch.float64)

    def along(direction):
        return torch.func.jvp(lambda p: body(p).skin[:, ::500], (pose,), (direction.expand_as(pose),))[1]

    forward = torch.func.vmap(along)(basis[:5])
    step = 1e-6
    for k in range(5):
        ends = [body(pose + sign * step * basis[k]).skin[:, ::500] for sign in (1, -1)]
        assert (forward[k] - (ends[0] - ends[1]) / (2 * step)).abs().max() < 1e-8


@pytest.mark.parametrize("of", [torch.as_tensor, np.asarray], ids=["tensor", "array"])
def test_rotations_are_those_of_scipy(of):
    angle = torch.tensor([0.0, 1e-9, 1e-4, 0.1, 1.0, 3.0, 3.14159265, 5.0, 7.0], dtype=torch.float64)
    axis = torch.randn(9, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    v = axis / axis.norm(dim=1, keepdim=True) * angle[:, None]
    expected = Rotation.from_rotvec(v.numpy())
    turned = quaternion(of(v))
    assert type(turned) is type(of(v))
    assert np.abs(np.asarray(rotation_less_identity(turned)) + np.eye(3) - expected.as_matrix()).max() < 1e-14
    framed = np.asarray(rotation_less_identity(turned, 4)) + np.eye(4)
    assert np.abs(framed[:, :3, :3] - expected.as_matrix()).max() < 1e-14
    assert (framed[:, 3] == [0, 0, 0, 1]).all()
    assert (framed[:, :3, 3] == 0).all()
    turned = np.asarray(turned)
    sign = np.sign((turned * expected.as_quat()).sum(1, keepdims=True))
    assert np.abs(turned - sign * expected.as_quat()).max() < 1e-14


def test_second_derivatives_at_no_rotation():
    """(sin(a/2)/a v, cos(a/2)) curves in its last element only: by -1/4."""
    hessian = torch.func.hessian(quaternion)(torch.zeros(3, dtype=torch.float64))
    expected = torch.zeros(4, 3, 3, dtype=torch.float64)
    expected[3] = -torch.eye(3) / 4
    assert (hessian - expected).abs().max() < 1e-12


def test_joints_and_frames_follow_the_tree(body):
    pose = torch.randn(2, 72, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    out = body(pose, torch.zeros(10))
    local = Rotation.from_rotvec(pose.reshape(-1, 3).numpy()).as_matrix().reshape(2, 24, 3, 3)
    rest = np.broadcast_to(out.rest.numpy(), (2, 24, 3))
    frames, joints = np.zeros((2, 24, 3, 3)), np.zeros((2, 24, 3))
    for j, parent in enumerate(PARENTS):
        frames[:, j] = local[:, j] if j == 0 else frames[:, parent] @ local[:, j]
        way = rest[:, j] - rest[:, parent]
        joints[:, j] = rest[:, 0] if j == 0 else joints[:, parent] + np.einsum("bxy,by->bx", frames[:, parent], way)
    assert np.abs(out.frames.numpy() - frames).max() < 1e-14
    assert np.abs(out.joints.numpy() - joints).max() < 1e-14


def test_joints_need_no_mesh(body):
    pose = torch.randn(2, 72, generator=torch.Generator().manual_seed(1))
    light = body(pose, skin=False)
    assert light.skin is None
    assert torch.equal(light.joints, body(pose).joints)


def test_one_shape_serves_a_batch_of_poses(body):
    generator = torch.Generator().manual_seed(2)
    pose, betas = torch.randn(20, 72, generator=generator) * 0.3, torch.randn(10, generator=generator)
    one, many = body(pose, betas), body(pose, betas.expand(20, 10))
    for name in ("skin", "joints"):
        assert (getattr(one, name) - getattr(many, name)).abs().max() < 2e-6
    alone = torch.cat([body(row[None], betas).skin for row in pose])
    assert (alone - one.skin).abs().max() < 2e-6


def test_only_star_knows_the_build_of_who_moves(bodies):
    """STAR's correctives change with the second shape parameter, in the T pose too."""
    betas = torch.zeros(1, 10, dtype=torch.float64)
    betas[0, 1] = 2.0
    still = torch.zeros(1, 72, dtype=torch.float64)
    for kind, changes in (("smpl", False), ("star", True)):
        body = bodies[kind, "male"]
        offsets = body(still, betas).skin - body(still, betas, pose_correctives=False).skin
        assert (offsets.abs().max() > 1e-4) == changes


def test_what_a_body_says_of_itself(body):
    assert body.gender == "male"
    assert body.faces.shape == (13776, 3)
    assert (body.n_skin, body.n_betas) == (6890, 10)
    assert body.joint_names == JOINT_NAMES
    assert body.parents.tolist() == list(PARENTS)
    assert body.pose_names[3:6] == ("left_hip_x", "left_hip_y", "left_hip_z")
    assert body.name == f"{body.kind.lower()}-male"


@pytest.mark.parametrize(
    ("pose", "betas", "words"),
    [
        (torch.zeros(1, 46), None, r"pose has the shape \(1, 46\) instead of \(batch, 72\)"),
        (torch.zeros(72), None, "pose has the shape"),
        (torch.zeros(2, 72), torch.zeros(3, 10), "betas holds 3 rows but pose holds 2"),
        (torch.zeros(1, 72), torch.zeros(1, 9), "betas has the shape"),
        (torch.zeros(1, 72), torch.zeros(1, 21), "betas has the shape"),
        (torch.zeros(1, 72, dtype=torch.long), None, "floating-point"),
        (np.zeros((1, 72)), None, "pose is a ndarray instead of a tensor"),
        (torch.zeros(1, 72), np.zeros((1, 10)), "betas is a ndarray instead of a tensor"),
    ],
)
def test_wrong_shapes_are_named(body, pose, betas, words):
    with pytest.raises(InputError, match=words):
        body(pose, betas)


def test_nobody_is_a_batch_too(body):
    out = body(torch.zeros(0, 72), torch.zeros(0, 10))
    assert (len(out.skin), len(out.joints), len(out.frames)) == (0, 0, 0)


@pytest.mark.parametrize("batch", [0, 1, 5, FEW + 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_derivatives_the_body_is_the_same(body, batch, dtype):
    """Few bodies' joints are then moved by numpy."""
    generator = torch.Generator().manual_seed(6)
    pose, betas, trans = (torch.randn(batch, n, generator=generator, dtype=dtype) for n in (72, 10, 3))
    for shape in (None, betas[:1], betas):
        if shape is None or len(shape):
            expected = body(pose, shape, trans)
            with torch.inference_mode():
                found = body(pose, shape, trans)
            for name in ("skin", "joints", "frames", "rest"):
                assert getattr(found, name).dtype is dtype
                close = torch.allclose(getattr(found, name), getattr(expected, name), atol=50 * torch.finfo(dtype).eps)
                assert close, name


def test_gradients_after_inference_mode(body):
    fresh = type(body)(body.data)
    with torch.inference_mode():
        fresh(torch.zeros(1, 72))
    pose = torch.zeros(1, 72, requires_grad=True)
    fresh(pose).skin.sum().backward()
    assert torch.isfinite(pose.grad).all()
