"""Bones that are linear in the betas: learned back from people, joints that go with them."""

import numpy as np
from osteon.core.learning.skel.bone_space import BoneSpace, affine, learn


def some_bones(generator):
    names = ("femur_r", "tibia_r", "fibula_r")
    parts = np.repeat(np.arange(3), 40)
    template = generator.normal(size=(120, 3)) * 0.1
    maps = generator.normal(size=(3, 3, 4, 10)) * 0.01
    maps[2] = maps[1]  # shank bones change together
    return BoneSpace(names, parts, template, maps)


def test_maps_are_learned_back_from_people():
    generator = np.random.default_rng(0)
    bones = some_bones(generator)
    betas = generator.standard_normal((40, 10))
    found = learn(bones.names, bones.parts, bones.at(betas), betas)
    others = generator.standard_normal((5, 10))
    assert np.allclose(found.at(others), bones.at(others), atol=2e-4)


def test_directions_are_what_a_beta_moves():
    generator = np.random.default_rng(1)
    bones = some_bones(generator)
    one = np.eye(10)[:1]
    assert np.allclose(bones.at(one)[0] - bones.template, bones.directions()[:, :, 0])


def test_flat_bones_are_not_blown_up_across():
    flat = np.random.default_rng(2).normal(size=(60, 3)) * [0.05, 0.05, 0.0]
    linear = affine(flat, np.broadcast_to([0.0, 0.0, 0.001], (1, 60, 3)))
    assert np.abs(linear[:, :3]).max() < 1e-6
    assert np.allclose(linear[2, 3, 0], 0.001)
