import itertools

import numpy as np
import pytest
import trimesh
from osteon.core.bodies.load import load_body
from osteon.core.learning.inside import Skin
from osteon.core.learning.report.articulation import articulations
from osteon.core.learning.report.contact import Parts, depth_within, intersections, scapular_gaps


def parts_of(meshes, joined=()):
    """Parts as `cut` makes them, of named meshes, and all their vertices."""
    names = tuple(meshes)
    starts = np.cumsum([0, *(len(m.vertices) for m in meshes.values())])
    ids = [np.arange(a, b) for a, b in itertools.pairwise(starts)]
    apart = np.array([[a != b and {a, b} not in joined for b in names] for a in names])
    faces = [np.asarray(m.faces) for m in meshes.values()]
    return Parts(names, ids, faces, apart, {}), np.concatenate([m.vertices for m in meshes.values()])


def ball(x, radius=0.01, y=0.0):
    return trimesh.creation.icosphere(4, radius).apply_translation([x, y, 0])


def test_two_spheres_enter_each_other_as_deep_as_their_centres_say():
    parts, points = parts_of({"a": ball(0), "b": ball(0.015), "c": ball(0.05)})
    (found,) = intersections(parts, points)
    assert {found.one, found.other} == {"a", "b"}
    assert found.depth == pytest.approx(5, abs=0.1)  # 10 + 10 - 15 mm


def test_bones_that_share_a_joint_may_touch():
    parts, points = parts_of({"a": ball(0), "b": ball(0.015)}, joined=[{"a", "b"}])
    assert intersections(parts, points) == []


def test_depth_is_negative_outside():
    mesh = ball(0)
    solid = Skin(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    depth = depth_within(solid, np.array([[0.0, 0, 0], [0.008, 0, 0], [0, 0.013, 0]]))
    assert depth == pytest.approx([0.010, 0.002, -0.003], abs=2e-4)


@pytest.mark.parametrize(("behind", "gap", "within"), [(0.005, 5, 0), (-0.004, -4, 4)])
def test_gap_between_scapula_and_ribs(behind, gap, within):
    """Ribs as a stack of slabs whose backs are at z = 0."""
    ribs = {}
    for side, x in (("r", -0.06), ("l", 0.06)):
        for n in range(2, 9):
            box = trimesh.creation.box((0.12, 0.02, 0.1)).apply_translation([x, -0.02 * n, 0.05])
            ribs[f"rib_{n:02d}_{side}"] = box
    parts, points = parts_of(ribs)
    blade = np.array([[x, y, -behind] for x in (-0.08, -0.06) for y in (-0.1, -0.09)])
    parts.costal["r"] = np.arange(len(points), len(points) + len(blade))
    found = scapular_gaps(parts, np.concatenate([points, blade]))
    assert found["r"] == pytest.approx((gap, within), abs=0.01)


@pytest.fixture(scope="module")
def names():
    return load_body("open-male").bone_part_names


def test_articulations_join_all_bones_to_one_skeleton(names):
    pairs = articulations(names)
    reached, border = {"sacrum"}, {"sacrum"}
    while border:
        border = {bone for pair in pairs if pair & border for bone in pair} - reached
        reached |= border
    assert reached == set(names)


def test_articulations_are_the_same_on_both_sides(names):
    def mirrored(name):
        return name[:-1] + {"r": "l", "l": "r"}[name[-1]] if name[-2:] in ("_r", "_l") else name

    pairs = articulations(names)
    assert {frozenset(map(mirrored, pair)) for pair in pairs} == pairs
    assert all(len(pair) == 2 for pair in pairs)


@pytest.mark.parametrize(
    ("one", "other", "joined"),
    [
        ("femur_r", "patella_r", True),
        ("rib_05_l", "vertebra_t04", True),
        ("rib_01_l", "vertebra_c7", False),
        ("rib_11_r", "sternum", False),
        ("scapula_r", "rib_04_r", False),
        ("scapula_r", "clavicle_r", True),
        ("tibia_r", "patella_r", False),
        ("lunate_l", "radius_l", True),
        ("talus_r", "navicular_r", True),
        ("hip_bone_r", "hip_bone_l", True),
        ("femur_r", "hip_bone_l", False),
        ("vertebra_t12", "vertebra_l1", True),
        ("vertebra_c3", "vertebra_c5", False),
        ("metatarsal_1_r", "phalanx_proximal_foot_1_r", True),
    ],
)
def test_single_articulations(names, one, other, joined):
    assert (frozenset((one, other)) in articulations(names)) == joined
