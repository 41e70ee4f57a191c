"""The open bodies in SMPL's schema: the same skin, and SKEL finds its motions."""

import itertools

import numpy as np
import pytest
import torch
from osteon.core.anatomy.limits import uniform
from osteon.core.bodies.load import OPEN_SMPL, load_body
from osteon.core.bodies.skel import pose_features
from osteon.core.bodies.smpl_joints import JOINT_NAMES, PARENTS
from osteon.core.fitting.surface import fit_skel
from scipy.interpolate import PchipInterpolator


@pytest.mark.parametrize("name", OPEN_SMPL)
def test_it_has_the_open_bodys_skin(name):
    smpl, skel = load_body(name), load_body(name.replace("-smpl", ""))
    betas = torch.as_tensor(np.random.default_rng(0).standard_normal((1, 10)))
    zero = torch.zeros(1, 72, dtype=torch.float64)
    assert torch.allclose(smpl(zero, betas).skin, skel(zero[:, :46], betas).skin, atol=1e-6)
    assert smpl.gender == skel.gender
    weights = smpl.data.skin_weights.toarray()
    assert weights.min() >= 0
    assert np.allclose(weights.sum(1), 1)
    mirror = np.array([-1.0, 1, 1])
    joints = smpl(zero).joints[0].numpy()
    for k, joint in enumerate(JOINT_NAMES):
        other = joint.replace("left", "right")
        assert np.allclose(joints[k] * mirror, joints[JOINT_NAMES.index(other)], atol=1e-5) or joint.startswith("right")
    down = [JOINT_NAMES.index(n) for n in ("pelvis", "spine1", "spine2", "spine3", "neck", "head")]
    assert (np.diff(joints[down, 1]) > 0.03).all()
    assert all(PARENTS[b] == a for a, b in itertools.pairwise(down))


# Joints and axes about which SKEL's do not turn, or hardly.
STIFF = [("knee", 1), ("knee", 2), ("ankle", 1), ("ankle", 2), ("elbow", 0), ("elbow", 2)]


@pytest.mark.parametrize("gender", ["male", "female", "neutral", "child"])
def test_joints_turn_about_axes_that_skel_has_not(gender):
    """SKEL's knee only bends: what its correctives would do when it twists is noise, and SMPL's knee twists."""
    smpl = load_body(f"open-smpl-{gender}")
    turns = [(f"{side}_{name}", axis) for side in ("left", "right") for name, axis in STIFF]
    poses = np.zeros((len(turns), 24, 3))
    for pose, (name, axis) in zip(poses, turns, strict=True):
        pose[JOINT_NAMES.index(name), axis] = 0.3
    pose = torch.as_tensor(poses.reshape(-1, 72))
    moved = (smpl(pose).skin - smpl(pose, pose_correctives=False).skin).norm(dim=2)
    assert moved.max() < 0.012  # as where joints bend so far, and not a handbreadth


@pytest.mark.parametrize("gender", ["male", "child"])
def test_it_keeps_the_correctives_that_the_mean_body_has(gender):
    """SMPL's joints of a SKEL pose, posed alike, have the same correctives."""
    smpl, skel = load_body(f"open-smpl-{gender}"), load_body(f"open-{gender}")
    q = torch.as_tensor(uniform(skel.limits, 20, np.random.default_rng(4)))
    features = pose_features(skel(q, skin=False).transforms[:, :, :3, :3].numpy())
    assert skel.data.posedirs is not None
    change = np.einsum("naf,bf->bna", smpl.data.posedirs - skel.data.posedirs, features)
    assert np.linalg.norm(change, axis=2).max() < 1e-5


def motion(turns: dict[str, tuple]) -> torch.Tensor:
    """(40, 72) poses from rotation vectors of joints over time."""
    poses = np.zeros((40, 24, 3))
    for joint, vector in turns.items():
        poses[:, JOINT_NAMES.index(joint)] = np.stack([np.broadcast_to(x, 40) for x in vector], 1)
    return torch.as_tensor(poses.reshape(40, 72))


T = np.linspace(0, 2 * np.pi, 40)
W, H = np.sin(T), (1 - np.cos(T)) / 2
MOTIONS = {
    "walk": motion(
        {
            "left_hip": (-0.5 * W, 0, 0), "right_hip": (0.5 * W, 0, 0), "left_knee": (1 - H, 0, 0), "right_knee": (H, 0, 0),
            "left_shoulder": (0, 0.5 * W, -1.2), "right_shoulder": (0, 0.5 * W, 1.2), "spine1": (0, 0.1 * W, 0),
            "spine3": (0.05, -0.1 * W, 0), "left_elbow": (0, -0.4, 0), "right_elbow": (0, 0.4, 0), "pelvis": (0, 2 * T, 0),
        }
    ),
    "squat": motion(
        {
            "left_hip": (-2 * H, 0.1, 0.2 * H), "right_hip": (-2 * H, -0.1, -0.2 * H), "left_knee": (2.1 * H, 0, 0),
            "right_knee": (2.1 * H, 0, 0), "left_ankle": (-0.4 * H, 0, 0), "right_ankle": (-0.4 * H, 0, 0),
            "spine1": (0.3 * H, 0, 0), "spine2": (0.2 * H, 0, 0), "left_shoulder": (0, -1.2 * H, -0.2),
            "right_shoulder": (0, 1.2 * H, 0.2), "neck": (-0.3 * H, 0, 0),
        }
    ),
    "reach": motion(
        {
            "left_collar": (0, 0, 0.3 * H), "left_shoulder": (0, 0, 0.9 * H), "right_shoulder": (0, 0.8 * H, 0.9),
            "right_elbow": (0, 1.2 * H, 0), "spine1": (0, 0, 0.2 * W), "spine2": (0, 0.2 * W, 0.1),
            "spine3": (0.1 * W, 0.1, 0), "neck": (0, 0.3 * W, 0), "head": (0.2 * W, 0.2 * W, 0),
        }
    ),
}  # fmt: skip
REACHES = {  # radians either way that a joint is turned by at random; knees and elbows bend one way
    "pelvis": (1.2, 1.2, 1.2), "hip": (0.7, 0.3, 0.3), "spine": (0.2, 0.2, 0.2), "neck": (0.2, 0.2, 0.2),
    "collar": (0.15, 0.15, 0.15), "shoulder": (0.5, 0.8, 0.8), "wrist": (0.3, 0.3, 0.3), "ankle": (0.3, 0.3, 0.3),
}  # fmt: skip


def random_motion(stops: int = 4) -> torch.Tensor:
    """(40, 72) poses that go through random ones."""
    rng = np.random.default_rng(3)
    poses = np.zeros((stops, 24, 3))
    for k, joint in enumerate(JOINT_NAMES):
        side, _, name = joint.rpartition("_")
        if name in ("knee", "elbow"):
            bent = rng.uniform(0, 1.8, stops)
            poses[:, k] = bent[:, None] * ([1, 0, 0] if name == "knee" else [0, -1 if side == "left" else 1, 0])
        else:
            poses[:, k] = rng.uniform(-1, 1, (stops, 3)) * REACHES.get(name.rstrip("123"), 0)
    poses = PchipInterpolator(np.arange(stops), poses)(np.linspace(0, stops - 1, 40))
    return torch.as_tensor(poses.reshape(40, 72))


MOTIONS["random"] = random_motion()


GENDERS = {"walk": "male", "squat": "child", "reach": "neutral", "random": "female"}


@pytest.mark.parametrize("known", [True, False], ids=["shape known", "shape wanted"])
@pytest.mark.parametrize(
    ("name", "gender"),
    [
        pytest.param(name, gender, marks=() if GENDERS[name] == gender else pytest.mark.slow)
        for name in MOTIONS
        for gender in GENDERS.values()
    ],
)
def test_skel_finds_its_motions(name, gender, known):
    smpl, skel = load_body(f"open-smpl-{gender}"), load_body(f"open-{gender}")
    fit = fit_skel(smpl(MOTIONS[name]).skin, skel, np.zeros(10) if known else None)
    assert fit.vertex_error.mean() < 0.004  # 12 mm are wanted
    assert not fit.failed.any()
    beyond = np.maximum(fit.pose - skel.limits[:, 1], skel.limits[:, 0] - fit.pose)
    assert np.degrees(beyond.max()) <= 2.01
    steps = np.abs(np.diff(fit.pose, axis=0))
    root = steps[:, :3]
    root[np.abs(root - 2 * np.pi) < np.radians(20)] -= 2 * np.pi  # where a turn is over
    assert np.degrees(np.abs(steps).max()) < 20
