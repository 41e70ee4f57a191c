"""Ribs bent one by one, off each other and under the skin."""

import numpy as np
import pytest
import trimesh
from osteon.core.learning.inside import Skin
from osteon.core.learning.skel import ribs
from osteon.core.learning.skel.bone_names import Bone
from osteon.core.learning.skel.bone_space import BoneSpace

COMES_DOWN = -0.001  # metres with the first beta, of the upper rib


@pytest.fixture(scope="module")
def two_ribs():
    """Two ribs 4 mm apart, of which one comes down on the other with a beta, at two vertebrae."""
    rod = trimesh.creation.capsule(height=0.2, radius=0.004, count=[12, 12]).subdivide()
    ball = trimesh.creation.icosphere(2, 0.009)
    names = ("rib_05_r", "rib_04_r", "vertebra_t05", "vertebra_t04")
    meshes = dict(zip(names, [Bone(m.vertices, m.faces) for m in (rod, rod, ball, ball)], strict=True))
    places = [[-0.1, 0, 0], [-0.1, 0.012, 0], [-0.1, -0.008, -0.118], [-0.1, 0.02, -0.118]]
    points = [bone.vertices + place for bone, place in zip(meshes.values(), places, strict=True)]
    maps = np.zeros((4, 3, 4, 10))
    maps[1, 1, 3, 0] = COMES_DOWN
    return BoneSpace(names, np.repeat(range(4), [len(p) for p in points]), np.concatenate(points), maps), meshes


def skin_above(height: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Template (N, 3), shape directions (N, 3, 10) and triangles (F, 3) of a box whose top is at a height, metres."""
    box = trimesh.creation.box([0.6, 0.5, 0.6]).subdivide_to_size(0.04)
    vertices = np.array(box.vertices) + [0, height - 0.25, 0]
    return vertices, np.zeros((len(vertices), 3, 10)), np.array(box.faces)


def test_ribs_that_shapes_bring_together_are_bent_apart(two_ribs):
    bones, meshes = two_ribs
    after = ribs.ribs_apart(bones, meshes, *skin_above(0.2))
    lower, upper = (bones.members(name) for name in bones.names[:2])
    gaps = []
    for space in (bones, after):
        low, high = space.at(np.eye(10)[:1] * 2.5, lower)[0], space.at(np.eye(10)[:1] * 2.5, upper)[0]
        near = np.abs(low[:, 2]) < 0.05, np.abs(high[:, 2]) < 0.05
        gaps.append(high[near[1], 1].min() - low[near[0], 1].max())
    assert gaps[0] < 0.002
    assert gaps[1] > 0.0025
    ends = lower[bones.template[lower, 2] < -0.1]  # at the vertebrae
    assert np.abs(after.template[ends] - bones.template[ends]).max() < 0.0007


def test_ribs_are_bent_under_the_skin(two_ribs):
    """The skin is level with the upper rib's top, which goes in, and the lower one makes way for it."""
    bones, meshes = two_ribs
    template, directions, faces = skin_above(0.016)
    after = ribs.ribs_apart(bones, meshes, template, directions, faces)
    lower, upper = (bones.members(name) for name in bones.names[:2])
    middle = upper[np.abs(bones.template[upper, 2]) < 0.05]
    skin = Skin(template, faces)
    assert skin.depth(bones.template[middle]).min() < 0.0005
    assert skin.depth(after.template[middle]).min() > 0.7 * ribs.DEPTH
    assert after.template[lower, 1].mean() < bones.template[lower, 1].mean() - 0.0005
