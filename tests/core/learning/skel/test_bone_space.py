"""Bones that are linear in the betas: learned back from people, joints that go with them."""

import numpy as np
from osteon.core.learning.skel.bone_space import (
    BoneSpace,
    affine,
    learn,
    spreading,
    symmetric,
    turned_and_lengthened,
)


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


def test_small_bones_grow_as_they_did_in_people():
    """A distal phalanx that grows by five per cent; across a rod, too thin to tell how, hardly less."""
    generator = np.random.default_rng(2)
    for half, least in (([0.004, 0.004, 0.004], 0.999), ([0.003, 0.002, 0.008], 0.999), ([0.005, 0.005, 0.2], 0.98)):
        points = generator.uniform(-1, 1, (200, 3)) * half
        found = affine(points, 0.05 * points[None])
        share = np.diagonal(found[:, :3, 0]) / 0.05
        assert (share > least).all()
        assert (share < 1.001).all()


def test_bones_are_linear_in_the_betas():
    generator = np.random.default_rng(1)
    bones = some_bones(generator)
    one, other = generator.standard_normal((2, 1, 10))
    change = bones.at(one) + bones.at(other) - 2 * bones.template
    assert np.allclose(bones.at(one + other) - bones.template, change)
    assert np.abs(change).max() > 1e-3


def test_the_side_that_moves_leads_on_the_midline():
    twin = np.array([1, 0, 3, 2])
    moves = np.array([[0.002, 0.001, 0], [0, 0, 0], [0.001, 0, 0.003], [-0.001, 0, 0.001]])
    found = symmetric(moves, twin)
    assert np.allclose(found[:2], [[0.002, 0.001, 0], [-0.002, 0.001, 0]])
    assert np.allclose(found[twin] * [-1, 1, 1], found)


def test_moves_spread_and_fade():
    points = np.column_stack([np.linspace(0, 0.1, 101), np.zeros(101), np.zeros(101)])
    moved = spreading(points, 0.005) @ np.eye(101)[50]
    assert moved.argmax() == 50
    assert moved[abs(points[:, 0] - 0.05) > 0.0101].max() == 0
    patch = spreading(points, 0.005) @ np.ones(101)
    assert np.allclose(patch[15:86], 1, atol=0.01)


def test_flat_bones_are_not_blown_up_across():
    flat = np.random.default_rng(2).normal(size=(60, 3)) * [0.05, 0.05, 0.0]
    linear = affine(flat, np.broadcast_to([0.0, 0.0, 0.001], (1, 60, 3)))
    assert np.abs(linear[:, :3]).max() < 1e-6
    assert np.allclose(linear[2, 3, 0], 0.001)


def test_a_rod_whose_end_moves_turns_and_lengthens():
    generator = np.random.default_rng(5)
    along, miss = generator.normal(size=3), generator.normal(size=(3, 7)) * 0.1
    found = turned_and_lengthened(along, miss)
    assert np.allclose(np.einsum("ack,c->ak", found, along), miss)
    # What is sheared or grown is what makes it longer, along itself, and nothing else.
    strain = (found + found.transpose(1, 0, 2)) / 2
    unit = along / np.linalg.norm(along)
    longer = unit @ miss / np.linalg.norm(along)
    assert np.allclose(strain, np.einsum("a,c,k->ack", unit, unit, longer))


def test_a_part_is_moved_by_itself():
    bones = some_bones(np.random.default_rng(6))
    alone = bones.only("tibia_r")
    betas = np.random.default_rng(7).standard_normal((3, 10))
    assert np.array_equal(alone.at(betas), bones.at(betas, bones.members("tibia_r")))
    moved = bones.with_part(alone.moved(alone.template + 1.0, alone.maps * 2))
    tibia = moved.members("tibia_r")
    assert np.array_equal(moved.template[tibia], bones.template[tibia] + 1.0)
    assert np.array_equal(moved.maps[1], bones.maps[1] * 2)
    others = np.flatnonzero(moved.parts != 1)
    assert np.array_equal(moved.at(betas, others), bones.at(betas, others))
