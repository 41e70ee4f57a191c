"""The clavicle, whose outer end meets the acromion in every shape."""

import numpy as np
import pytest
import trimesh
from osteon.core.learning.skel import clavicle
from osteon.core.learning.skel.bone_space import BoneSpace
from scipy.spatial import cKDTree

INNER, OUTER = -0.02, -0.15


@pytest.fixture
def girdle():
    """A rod along x, and beside its outer end a plate that other maps move; in between 8 mm and 5 mm in height."""
    rod = trimesh.creation.box((INNER - OUTER, 0.01, 0.01)).subdivide().subdivide()
    rod.apply_translation([(INNER + OUTER) / 2, 0.2, 0.0])
    plate = trimesh.creation.box((0.02, 0.01, 0.03)).subdivide().subdivide()
    plate.apply_translation([OUTER - 0.018, 0.195, 0.0])
    maps = np.random.default_rng(4).normal(scale=[0.02, 0.02, 0.02, 0.003], size=(2, 3, 10, 4)).swapaxes(2, 3)
    parts = np.repeat([0, 1], [len(rod.vertices), len(plate.vertices)])
    return BoneSpace(("clavicle_r", "scapula_r"), parts, np.concatenate([rod.vertices, plate.vertices]), maps)


def space(points: np.ndarray, others: np.ndarray) -> float:
    return cKDTree(others).query(points)[0].min()


def test_the_outer_end_meets_the_acromion_in_every_shape(girdle):
    found = clavicle.joined(girdle)
    betas = np.concatenate([np.zeros((1, 10)), np.random.default_rng(5).uniform(-2.5, 2.5, (20, 10))])
    before, after = (
        np.array([space(*(points[bones.members(name)] for name in bones.names)) for points in bones.at(betas)])
        for bones in (girdle, found)
    )
    assert before[0] == pytest.approx(0.008, abs=1e-4)
    assert after[0] == pytest.approx(clavicle.JOINT_SPACE, abs=1e-9)
    assert before.max() > 0.015
    assert after.max() < 0.004


def test_it_turns_and_is_not_sheared(girdle):
    """In a shape that takes the acromion up, rod and its cross-sections turn alike."""
    maps = np.zeros_like(girdle.maps)
    maps[1, 1, 3, 0] = 0.01  # metres that the plate goes up
    found = clavicle.joined(girdle.moved(maps=maps))
    grown = np.linalg.svd(np.eye(3) + found.maps[0, :, :3, 0], compute_uv=False)
    assert grown.max() / grown.min() < 1.01


def test_the_inner_end_and_the_scapula_stay(girdle):
    found = clavicle.joined(girdle)
    scapula = girdle.members("scapula_r")
    assert (found.template[scapula] == girdle.template[scapula]).all()
    assert (found.maps[1] == girdle.maps[1]).all()
    inner = girdle.members("clavicle_r")[np.argmax(girdle.points("clavicle_r")[:, 0])]
    assert np.abs(found.template[inner] - girdle.template[inner]).max() < 1e-12
    betas = np.eye(10)
    assert np.abs(found.at(betas, [inner]) - girdle.at(betas, [inner])).max() < 1e-12


def test_a_clavicle_that_lies_against_the_acromion_stays(girdle):
    once = clavicle.joined(girdle)
    assert np.abs(clavicle.joined(once).template - once.template).max() < 1e-12
