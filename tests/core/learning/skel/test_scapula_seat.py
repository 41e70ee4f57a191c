"""The scapula, as far from the ribs in all shapes."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import trimesh
from osteon.core.learning.report.contact import CAGE
from osteon.core.learning.skel import scapula_seat
from osteon.core.learning.skel.bone_names import Bone
from osteon.core.learning.skel.bone_space import BoneSpace

SHOULDER = np.array([-0.18, 0.1, -0.02])
SHAPES = 40
PER_BETA = 0.003  # metres by which ribs come nearer


@pytest.fixture
def trunk(monkeypatch):
    """A plate before which ribs lie, farther from it in some shapes, and a body whose parts do not move."""
    plate = trimesh.creation.box((0.1, 0.12, 0.004)).subdivide().subdivide()
    plate.apply_translation([-0.11, 0.1, -0.02])
    rib = trimesh.creation.box((0.06, 0.008, 0.01)).subdivide()
    names = ("scapula_r", *(f"rib_{k:02d}_r" for k in CAGE))
    meshes = {"scapula_r": plate} | {
        name: rib.copy().apply_translation([-0.09, 0.05 + 0.015 * k, 0.005]) for k, name in enumerate(names[1:])
    }
    maps = np.zeros((len(names), 3, 4, 10))
    maps[1:, 2, 3, 0] = -PER_BETA
    bones = BoneSpace(
        names,
        np.repeat(np.arange(len(names)), [len(mesh.vertices) for mesh in meshes.values()]),
        np.concatenate([mesh.vertices for mesh in meshes.values()]),
        maps,
    )

    def motions(poses, betas):
        return torch.eye(3, 4, dtype=torch.float64).repeat(len(poses), len(names), 1, 1)

    betas = np.random.default_rng(0).uniform(-2.5, 2.5, (SHAPES, 10))
    monkeypatch.setattr(scapula_seat, "POSES", SHAPES)
    monkeypatch.setattr(scapula_seat, "HARDEST", SHAPES // 2)
    monkeypatch.setattr(scapula_seat, "random_poses", lambda *_, harsh: (np.zeros((SHAPES, 46)), betas, None))
    skin = trimesh.creation.box(bounds=[[-0.3, -0.1, -0.03], [0.1, 0.3, 0.1]]).subdivide_to_size(0.02)
    data = SimpleNamespace(skin_template=skin.vertices, shapedirs=np.zeros((len(skin.vertices), 3, 10)))
    body = SimpleNamespace(bone_part_names=names, part_motions=motions, data=data, faces=skin.faces)
    return bones, {name: Bone(mesh.vertices, mesh.faces) for name, mesh in meshes.items()}, body


def gaps(bones: BoneSpace, betas: np.ndarray) -> np.ndarray:
    """From the plate to the ribs' faces, which look at it: along the shared axis where the plate is flat."""
    ribs = [bones.at(betas, bones.members(name))[:, :, 2].min(1) for name in bones.names[1:]]
    plate = bones.at(betas, bones.members("scapula_r"))
    near = (plate[:, :, 0] > -0.125).nonzero()  # over the ribs
    highest = np.array([plate[s, near[1][near[0] == s], 2].max() for s in range(len(betas))])
    return np.min(ribs, 0) - highest


def test_the_scapula_is_as_far_from_the_ribs_in_all_shapes(trunk):
    bones, meshes, body = trunk
    betas = np.zeros((5, 10))
    betas[:, 0] = np.linspace(-2, 2, 5)
    before = gaps(bones, betas)
    after = gaps(scapula_seat.seated(bones, meshes, body, SHOULDER), betas)
    assert np.ptp(before) == pytest.approx(4 * PER_BETA)
    assert np.ptp(after) < 0.25 * np.ptp(before)
    assert after.mean() == pytest.approx(scapula_seat.GAP, abs=scapula_seat.USUAL / 2)


def test_the_scapula_turns_about_the_shoulder(trunk):
    bones, meshes, body = trunk
    found = scapula_seat.seated(bones, meshes, body, SHOULDER)
    assert (found.template[bones.parts > 0] == bones.template[bones.parts > 0]).all()
    assert np.abs(found.maps[0, :, :3, 0]).max() > 0.01  # radians per beta
    assert np.abs(np.einsum("ack,c->ak", found.maps[0], [*SHOULDER, 1.0])).max() < 1e-12
    assert (found.maps[1:] == bones.maps[1:]).all()
    ids = bones.members("scapula_r")
    assert (found.template[ids, 1] == bones.template[ids, 1]).all()  # about the vertical


def test_the_scapula_stays_inside_the_skin(trunk, monkeypatch):
    """A gap that is too wide for the skin behind the scapula."""
    bones, meshes, body = trunk
    monkeypatch.setattr(scapula_seat, "GAP", 0.03)
    betas = np.zeros((1, 10))
    kept = scapula_seat.seated(bones, meshes, body, SHOULDER)
    monkeypatch.setattr(scapula_seat, "COVER", -1.0)
    free = scapula_seat.seated(bones, meshes, body, SHOULDER)
    behind = [-0.03 - found.at(betas, found.members("scapula_r"))[..., 2].min() for found in (free, kept)]
    assert behind[0] > 0.001
    assert behind[1] <= -0.00095
    assert np.abs(kept.template - bones.template).max() > 0.001


def test_the_scapula_turns_forwards_no_more_than_in_life(trunk, monkeypatch):
    bones, meshes, body = trunk
    monkeypatch.setattr(scapula_seat, "GAP", 0.03)
    for most in np.deg2rad([3.0, 0.0]):
        monkeypatch.setattr(scapula_seat, "MOST", most)
        found = scapula_seat.seated(bones, meshes, body, SHOULDER)
        assert scapula_seat.forwards(found.points("scapula_r")) == pytest.approx(most, abs=5e-3)


def test_the_hardest_shapes_are_chosen(trunk, monkeypatch):
    """Two of forty shapes are far from all others, which are right already."""
    bones, meshes, body = trunk
    betas = np.zeros((SHAPES, 10))
    betas[[7, 30], 0] = -2.5, 2.5
    monkeypatch.setattr(scapula_seat, "random_poses", lambda *_, harsh: (np.zeros((SHAPES, 46)), betas, None))
    monkeypatch.setattr(scapula_seat, "GAP", gaps(bones, betas[:1])[0])
    before = gaps(bones, betas[[7, 30]])
    monkeypatch.setattr(scapula_seat, "HARDEST", 1)
    monkeypatch.setattr(scapula_seat, "COVER", -0.001)
    found = gaps(scapula_seat.seated(bones, meshes, body, SHOULDER), betas[[7, 30]])
    assert np.abs(before - scapula_seat.GAP).min() > 0.007
    assert np.abs(found - scapula_seat.GAP).max() < 0.003


def test_the_thinnest_skin_is_looked_at(trunk, monkeypatch):
    """In one of forty shapes it lies 5 mm nearer; others are nearer to the ribs and farther from them."""
    bones, meshes, body = trunk
    betas = np.random.default_rng(0).uniform(-1.0, 1.0, (SHAPES, 10))
    betas[:, 1] = 0
    betas[37, :2] = 0, 2.5
    body.data.shapedirs[body.data.skin_template[:, 2] == -0.03, 2, 1] = 0.002
    monkeypatch.setattr(scapula_seat, "random_poses", lambda *_, harsh: (np.zeros((SHAPES, 46)), betas, None))
    monkeypatch.setattr(scapula_seat, "HARDEST", 2)
    monkeypatch.setattr(scapula_seat, "SHALLOWEST", 10)
    monkeypatch.setattr(scapula_seat, "GAP", 0.025)
    found = scapula_seat.seated(bones, meshes, body, SHOULDER)
    over = found.at(betas[37:38], found.members("scapula_r"))[..., 2].min() + 0.025
    assert over > 0.0008
