"""Bones that grow by maps of their own, clavicles and patellae: against their definition, written out vertex by vertex."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from osteon.core.anatomy.joints import JOINT_INDEX, POSE_INDEX
from osteon.core.anatomy.patella import patella_path, path_slopes
from osteon.core.bodies.followers import along_path
from osteon.core.bodies.skel import Skel, SkelOutput
from osteon.core.bodies.skel_file import read_skel, skel_from_content, write_skel
from osteon.core.errors import FileError, InputError
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation
from synthetic_parts import make_model_with_parts

PATH = Path("skel_male.pkl")


@pytest.fixture(scope="module")
def content() -> dict:
    return make_model_with_parts()


@pytest.fixture(scope="module")
def body(content) -> Skel:
    return Skel(skel_from_content(content, PATH))


def sample(batch: int, seed: int = 0, spread: float = 0.5) -> tuple[torch.Tensor, ...]:
    rng = np.random.default_rng(seed)
    q, betas, trans = rng.normal(0, spread, (batch, 46)), rng.normal(0, 1, (batch, 10)), rng.normal(0, 1, (batch, 3))
    q[:, [POSE_INDEX["knee_angle_r"], POSE_INDEX["knee_angle_l"]]] = rng.uniform(-0.2, 2.5, (batch, 2))
    return tuple(torch.tensor(x) for x in (q, betas, trans))


def at_rest(data, betas: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """(Nk, 3) as the fields of SkelData are documented."""
    D = data.part_shapedirs @ betas
    x0 = np.einsum("nab,nb->na", data.per_joint_rot[data.bone_labels], data.bone_template)
    D = D[data.bone_parts]
    return joints[data.bone_labels] + x0 + np.einsum("nab,nb->na", D[:, :, :3], x0) + D[:, :, 3]


def moved_from_rest(out: SkelOutput, joint: int) -> np.ndarray:
    """(4, 4) what a joint does to points of the T pose of the first body."""
    move = out.transforms[0, joint].numpy().copy()
    move[:3, 3] -= move[:3, :3] @ out.rest.joints[0, joint].numpy()
    return move


def on_the_screw(first: np.ndarray, last: np.ndarray, share: float) -> np.ndarray:
    """(4, 4) `first`, then as much of the screw motion from it to `last` as blended dual quaternions make.

    Of an angle a and a way d along the axis these make b and d db/da, with tan(b/2) = w sin(a/2) / (1 - w + w cos(a/2)).
    """
    relative = np.linalg.inv(first) @ last
    turn = Rotation.from_matrix(relative[:3, :3]).as_rotvec()
    a = np.linalg.norm(turn)
    if a < 1e-9:
        return first
    axis = turn / a
    along = relative[:3, 3] @ axis
    point = np.linalg.pinv(np.eye(3) - relative[:3, :3]) @ (relative[:3, 3] - along * axis)

    def angle(a: float) -> float:
        return 2 * np.arctan2(share * np.sin(a / 2), 1 - share + share * np.cos(a / 2))

    part = np.eye(4)
    part[:3, :3] = Rotation.from_rotvec(angle(a) * axis).as_matrix()
    slope = (angle(a + 1e-5) - angle(a - 1e-5)) / 2e-5
    part[:3, 3] = point - part[:3, :3] @ point + slope * along * axis
    return first @ part


def expected_bones(body: Skel, q, betas, trans) -> np.ndarray:
    data = body.data
    found = []
    for row in range(len(q)):
        out = body(q[row : row + 1], betas[row : row + 1], trans[row : row + 1], skin=False)
        joints, K = out.rest.joints[0].numpy(), out.rest.orientations[0].numpy()
        G = np.array([moved_from_rest(out, j) for j in range(len(joints))])
        rest = at_rest(data, betas[row].numpy(), joints)
        posed = np.empty_like(rest)
        for part in range(len(data.bone_part_names)):
            ids = np.flatnonzero(data.bone_parts == part)
            weights = data.bone_weights[ids[0]].toarray()[0]
            first, last = np.flatnonzero(weights)[[0, -1]]
            move = on_the_screw(G[first], G[last], weights[last] if last != first else 0.0)
            posed[ids] = rest[ids] @ move[:3, :3].T + move[:3, 3]
        mean_rest = at_rest(data, np.zeros(10), body.template_joints)
        for side in "rl":
            of = {name: JOINT_INDEX[f"{name}_{side}"] for name in ("femur", "tibia", "scapula")}
            ids = data.bone_parts == data.bone_part_names.index(f"clavicle_{side}")
            S, A = (rest[data.landmarks[f"clavicle_{end}_end_{side}"]].mean(0) for end in ("sternal", "acromial"))
            thorax, scapula = G[JOINT_INDEX["thorax"]], G[of["scapula"]]
            p_s, p_a = thorax[:3, :3] @ S + thorax[:3, 3], scapula[:3, :3] @ A + scapula[:3, 3]
            d0, d1 = thorax[:3, :3] @ (A - S), p_a - p_s
            axis = np.cross(d0, d1)
            angle = np.arctan2(np.linalg.norm(axis), d0 @ d1)
            R = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).as_matrix() @ thorax[:3, :3]
            e = (A - S) / np.linalg.norm(A - S)
            s = np.linalg.norm(d1) / np.linalg.norm(d0)
            posed[ids] = p_s + (rest[ids] - S) @ (R @ (np.eye(3) + (s - 1) * np.outer(e, e))).T

            ids = data.bone_parts == data.bone_part_names.index(f"patella_{side}")
            u = K[of["tibia"]] @ data.apose_rel_transfo[of["tibia"], :3, :3].T @ (0, 0, -1)
            forward = K[of["femur"]][:, 0] - (K[of["femur"]][:, 0] @ u) * u
            forward /= np.linalg.norm(forward)
            c = rest[ids].mean(0)
            scale = np.linalg.norm(c - joints[of["tibia"]])
            scale /= np.linalg.norm(mean_rest[ids].mean(0) - body.template_joints[of["tibia"]])
            path = data.patella_path
            knee = np.clip(q[row, POSE_INDEX[f"knee_angle_{side}"]].item(), path[0, 0], path[-1, 0])
            slopes = np.gradient(path[:, 1:], path[:, 0], axis=0)
            phi, ahead, up = CubicHermiteSpline(path[:, 0], path[:, 1:], slopes)(knee)
            turned = (rest[ids] - c) @ Rotation.from_rotvec(phi * u).as_matrix().T + c
            turned = turned + scale * (ahead * forward + up * np.cross(forward, u))
            femur = G[of["femur"]]
            posed[ids] = turned @ femur[:3, :3].T + femur[:3, 3]
        found.append(posed)
    return np.array(found)


@pytest.mark.parametrize("batch", [1, 6])
def test_bones_are_where_their_definition_has_them(body, batch):
    inputs = sample(batch)
    assert np.abs(body(*inputs, bones=True).bones.numpy() - expected_bones(body, *inputs)).max() < 1e-12


def test_what_moves_each_bone(body):
    q, betas, _ = sample(2)
    rest, posed = (body(x, betas, skin=False, bones=True).bones for x in (torch.zeros_like(q), q))
    moves = body.part_motions(q, betas)[:, torch.as_tensor(body.bone_parts)]
    assert torch.allclose((moves[..., :3] @ rest[..., None])[..., 0] + moves[..., 3], posed, atol=1e-9)


def test_scales_and_everything_else_are_those_of_the_body_without_maps(content, body):
    plain = Skel(replace(body.data, part_shapedirs=None, patella_path=None))
    q, betas, trans = sample(2)
    with_maps, without = body(q, betas, trans), plain(q, betas, trans)
    for name in ("skin", "joints", "frames", "transforms"):
        assert torch.equal(getattr(with_maps, name), getattr(without, name))
    assert torch.equal(with_maps.rest.scales, without.rest.scales)
    assert plain.followers(betas).clavicle_ends is None


def test_clavicles_meet_sternum_and_acromion(body):
    q, betas, trans = sample(4, spread=0.3)
    out = body(q, betas, trans, bones=True)
    rest = body.followers(betas).clavicle_ends
    for side in "rl":
        for end, joint in (("sternal", "thorax"), ("acromial", f"scapula_{side}")):
            j = JOINT_INDEX[joint]
            at_rest = rest[:, "rl".index(side), ("sternal", "acromial").index(end)] - out.rest.joints[:, j]
            carried = (out.transforms[:, j, :3, :3] @ at_rest[..., None])[..., 0] + out.joints[:, j]
            shown = out.bones[:, body.data.landmarks[f"clavicle_{end}_end_{side}"]].mean(1)
            assert (shown - carried).abs().max() < 1e-12


def test_a_clavicle_that_keeps_its_length_is_rigid(body):
    q = torch.zeros(1, 46, dtype=torch.float64)
    q[0, POSE_INDEX["thorax_twist"]] = 0.4
    still, turned = (body(x, bones=True).bones[0] for x in (torch.zeros_like(q), q))
    ids = body.bone_parts == body.bone_part_names.index("clavicle_r")
    apart = [(bones[ids][:, None] - bones[ids]).norm(dim=-1) for bones in (still, turned)]
    assert (apart[0] - apart[1]).abs().max() < 1e-12


def test_without_all_four_ends_clavicles_are_carried_by_their_weights(body):
    landmarks = {name: ids for name, ids in body.data.landmarks.items() if name != "clavicle_acromial_end_l"}
    other = Skel(replace(body.data, landmarks=landmarks))
    q, betas, trans = sample(1)
    ids = body.bone_parts == body.bone_part_names.index("clavicle_r")
    rest = other(torch.zeros_like(q), betas, bones=True).bones[0, ids]
    out = other(q, betas, trans, bones=True)
    thorax, scapula = (moved_from_rest(out, JOINT_INDEX[name]) for name in ("thorax", "scapula_r"))
    halfway = on_the_screw(thorax, scapula, 0.5)
    expected = rest.numpy() @ halfway[:3, :3].T + halfway[:3, 3]
    assert np.abs(out.bones[0, ids].numpy() - expected).max() < 1e-9
    assert other.followers().clavicle_ends is None


def test_the_joint_that_labels_a_patella_makes_no_difference(body):
    """Where the body has its mean shape; else the joint decides where the bone grows from."""
    data = body.data
    labels, template = data.bone_labels.copy(), data.bone_template.copy()
    for side, new in (("r", "femur_r"), ("l", "tibia_l")):
        ids = data.bone_parts == data.bone_part_names.index(f"patella_{side}")
        old, j = labels[ids][0], JOINT_INDEX[new]
        place = template[ids] @ data.per_joint_rot[old].T + body.template_joints[old]
        template[ids] = (place - body.template_joints[j]) @ data.per_joint_rot[j]
        labels[ids] = j
    other = Skel(replace(data, bone_labels=labels, bone_template=template))
    q, _, trans = sample(3)
    assert (body(q, None, trans, bones=True).bones - other(q, None, trans, bones=True).bones).abs().max() < 1e-12


def test_the_path_is_smooth_and_stays_at_its_ends():
    path = torch.tensor(patella_path(0.06))
    slopes = torch.tensor(path_slopes(path.numpy()))
    angle = torch.tensor([-1.0, 0.0, 0.3, 2.0944, 3.0], dtype=torch.float64, requires_grad=True)
    at = along_path(path, slopes, angle)
    assert torch.equal(at[0], path[0, 1:])
    assert torch.equal(at[1], path[0, 1:])
    assert (at[-1] - path[-1, 1:]).abs().max() < 1e-12
    assert (path[0, 1:] == 0).all()
    assert path[-1, 1] > 1.7
    assert path[-1, 2] < -0.04
    knots = path[1:-1, 0]
    before, after = (along_path(path, slopes, knots + step) for step in (-1e-6, 1e-6))
    centre = along_path(path, slopes, knots)
    assert ((after - centre) - (centre - before)).abs().max() < 1e-10


def test_vertices_may_stand_in_any_order(content, body):
    order = np.random.default_rng(0).permutation(len(content["skel_template_v"]))
    new = np.argsort(order)
    shuffled = content | {
        "skel_template_v": content["skel_template_v"][order],
        "skel_template_f": new[content["skel_template_f"]],
        "osteon_bone_parts": content["osteon_bone_parts"][order],
    }
    for key in ("skel_weights", "skel_weights_rigid"):
        shuffled[key] = content[key].tocsr()[order]
    for key in content:
        if key.startswith("osteon_landmark_"):
            shuffled[key] = new[content[key]]
    other = Skel(skel_from_content(shuffled, PATH))
    for batch in (1, 3):
        inputs = sample(batch)
        bones = body(*inputs, bones=True).bones[:, order]
        assert (other(*inputs, bones=True).bones - bones).abs().max() < 1e-12


def test_batches_precisions_and_one_shape_agree(body):
    q, betas, trans = sample(5)
    double = body(q, betas, trans, bones=True).bones
    single = body(q.float(), betas.float(), trans.float(), bones=True).bones
    assert single.dtype == torch.float32
    assert (single - double).abs().max() < 4e-6
    rows = torch.cat([body(q[i : i + 1], betas[i : i + 1], trans[i : i + 1], bones=True).bones for i in range(5)])
    assert (rows - double).abs().max() < 1e-12
    one = body(q, betas[0], trans, bones=True).bones
    assert (one - body(q, betas[:1].expand(5, 10), trans, bones=True).bones).abs().max() < 1e-12
    assert body(q[:0], betas[:0], bones=True).bones.shape == (0, body.n_bones, 3)


@pytest.mark.parametrize("batch", [1, 20])
def test_without_derivatives_the_body_is_the_same(body, batch):
    q, betas, trans = sample(batch)
    usual = body(q, betas, trans, bones=True)
    with torch.inference_mode():
        fast = body(q, betas, trans, bones=True)
    for points, same in ((fast.skin, usual.skin), (fast.bones, usual.bones)):
        assert points.is_contiguous()
        assert points.dtype == same.dtype
        assert (points - same).abs().max() < 1e-12


def test_forward_differentiation_of_many_at_once(body):
    q, betas, trans = sample(2)
    basis = torch.eye(46, dtype=torch.float64)[[6, 9, 28]]

    def bones(q):
        return body(q, betas, trans, bones=True).bones[:, ::100]

    along = torch.func.vmap(lambda way: torch.func.jvp(bones, (q,), (way.expand_as(q),))[1])(basis)
    step = 1e-6
    for way, derivative in zip(basis, along, strict=True):
        ends = [bones(q + sign * step * way) for sign in (1, -1)]
        assert (derivative - (ends[0] - ends[1]) / (2 * step)).abs().max() < 1e-7


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_gradients_equal_finite_differences(body, spread):
    generator = torch.Generator().manual_seed(1)
    q = spread * torch.randn(2, 46, generator=generator, dtype=torch.float64)
    knees = [POSE_INDEX["knee_angle_r"], POSE_INDEX["knee_angle_l"]]
    q[:, knees] = q[:, knees].abs() + 0.1  # where the path has begun
    betas = spread * torch.randn(2, 10, generator=generator, dtype=torch.float64)
    weights = torch.randn(body.n_bones, 3, generator=generator, dtype=torch.float64) / body.n_bones**0.5

    def value(q, betas):
        return (body(q, betas, skin=False, bones=True).bones * weights).sum()

    inputs = [q.requires_grad_(), betas.requires_grad_()]
    gradients = torch.autograd.grad(value(*inputs), inputs)
    for which, gradient in enumerate(gradients):
        for k in range(gradient.shape[1]):
            ends = []
            for sign in (1, -1):
                changed = [x.detach().clone() for x in inputs]
                changed[which][0, k] += sign * 1e-6
                ends.append(value(*changed).item())
            assert gradient[0, k].item() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("suffix", [".pkl", ".npz"])
def test_both_files_keep_maps_path_and_landmarks(body, tmp_path, suffix):
    path = tmp_path / f"skel_male{suffix}"
    write_skel(body.data, path)
    again = read_skel(path)
    assert np.array_equal(again.part_shapedirs, body.data.part_shapedirs)
    assert np.array_equal(again.patella_path, body.data.patella_path)
    assert again.landmarks.keys() == body.data.landmarks.keys()
    if suffix == ".pkl":
        assert again == body.data
    inputs = sample(2)
    assert (Skel(again)(*inputs, bones=True).bones - body(*inputs, bones=True).bones).abs().max() < 1e-6


def test_bones_of_official_files_are_not_told_apart(body):
    official = Skel(replace(body.data, part_shapedirs=None, patella_path=None))
    with pytest.raises(InputError, match="does not know single bones"):
        official.part_motions(torch.zeros(1, 46))


def test_official_files_have_neither(tmp_path, body):
    plain = replace(body.data, part_shapedirs=None, patella_path=None)
    write_skel(plain, tmp_path / "skel_male.pkl")
    again = read_skel(tmp_path / "skel_male.pkl")
    assert again.part_shapedirs is None
    assert again.patella_path is None
    assert again == plain


def _changed(content: dict, key: str, row: int, column: int, value: float) -> dict:
    matrix = content[key].tolil(copy=True)
    matrix[row, column] = value
    return {key: matrix.tocoo()}


def _hung_on(content: dict, *weights: float) -> dict:
    matrix = content["skel_weights"].tolil(copy=True)
    matrix[np.flatnonzero(matrix[:, 0].toarray()[:, 0] == 1), :3] = weights
    return {"skel_weights": matrix.tocoo()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: {"osteon_part_shapedirs": np.zeros((3, 3, 4, 10))}, "osteon_part_shapedirs .* shape"),
        (lambda c: {"osteon_part_shapedirs": c["osteon_part_shapedirs"] * np.nan}, "not finite"),
        (lambda c: {"osteon_patella_path": np.zeros((4, 3))}, "osteon_patella_path .* shape"),
        (lambda c: {"osteon_patella_path": c["osteon_patella_path"][:1]}, "do not increase"),
        (lambda c: {"osteon_patella_path": c["osteon_patella_path"][::-1]}, "do not increase"),
        (lambda c: _changed(c, "skel_weights", 0, 5, 0.25), "bone pelvis .* do not move as one"),
        (lambda c: _changed(c, "skel_weights_rigid", 0, 5, 2.0), "bone pelvis .* do not move as one"),
        (lambda c: _hung_on(c, 0.5, 0.25, 0.25), "bone pelvis .* one joint, or on two"),
        (lambda c: _hung_on(c, 1.5, -0.5, 0), "bone pelvis .* one joint, or on two"),
        (lambda c: _hung_on(c, 0.5, 0.25, 0), "bone pelvis .* shares that make 1"),
        (lambda c: _hung_on(c, 0, 0, 0), "bone pelvis .* one joint, or on two"),
        (lambda c: {"osteon_landmark_clavicle_sternal_end_r": np.array([0])}, "clavicle_sternal_end_r .* is not on"),
        (lambda c: {"osteon_landmark_clavicle_sternal_end_r": np.zeros(0, int)}, "clavicle_sternal_end_r .* is not on"),
        (
            lambda c: {
                "osteon_bone_part_names": [n.replace("patella", "kneecap") for n in c["osteon_bone_part_names"]]
            },
            "patella_r moves but has no such bone",
        ),
    ],
)
def test_wrong_content_is_named(content, change, words):
    with pytest.raises(FileError, match=words):
        skel_from_content(content | change(content), PATH)


def test_a_path_needs_maps(content):
    without = {key: value for key, value in content.items() if key != "osteon_part_shapedirs"}
    with pytest.raises(FileError, match=r"osteon_patella_path .* needs osteon_part_shapedirs"):
        skel_from_content(without, PATH)
