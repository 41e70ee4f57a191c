"""Ribs and clavicles stay at their joints while other bones, and they themselves, are moved."""

import numpy as np
import pytest
import trimesh
from osteon.core.learning.skel.attachments import attachments, kept
from osteon.core.learning.skel.bone_space import BoneSpace

NAMES = ("vertebra_t05", "rib_05_r", "sternum", "clavicle_r")
RADIUS = 0.01


@pytest.fixture
def bones() -> BoneSpace:
    """A rib from a vertebra to a sternum, and a clavicle that begins at it: 2 mm between each."""
    ball = trimesh.creation.icosphere(2, RADIUS).vertices
    rods = [np.linspace([-0.02, 0.05, z], [-0.02, 0.05, z + 0.15], 60) for z in (-0.1,)]
    rib = rods[0] + np.outer(np.sin(np.linspace(0, np.pi, 60)), [-0.1, 0, 0])
    vertebra, sternum = ball + rib[0] + [0, 0, -0.012], ball + rib[-1] + [0, 0, 0.012]
    clavicle = np.linspace(rib[-1] + [-0.012, 0, 0.012], rib[-1] + [-0.15, 0.02, 0], 40)
    parts = [vertebra, rib, sternum, clavicle]
    sizes = [len(points) for points in parts]
    return BoneSpace(NAMES, np.repeat(np.arange(4), sizes), np.concatenate(parts), np.zeros((4, 3, 4, 10)))


def gaps(bones: BoneSpace, betas: np.ndarray) -> np.ndarray:
    """(3, 3) from each attached end to the middle of what it meets, in a shape."""
    at = bones.at(betas[None])[0]
    vertebra, rib, sternum, clavicle = (at[bones.members(name)] for name in NAMES)
    return np.array([vertebra.mean(0) - rib[0], sternum.mean(0) - rib[-1], sternum.mean(0) - clavicle[0]])


def test_ends_go_along_with_what_they_meet_in_every_shape(bones):
    joints = attachments(bones)
    assert [(joint.bone, joint.other) for joint in joints] == [
        ("rib_05_r", "vertebra_t05"),
        ("rib_05_r", "sternum"),
        ("clavicle_r", "sternum"),
    ]
    template, maps = bones.template.copy(), bones.maps.copy()
    template[bones.members("sternum")] += [0, -0.01, 0.02]
    template[bones.members("rib_05_r")] += [0.015, 0, 0]
    maps[NAMES.index("vertebra_t05"), :, 3, 0] = [0, 0.004, -0.006]
    maps[NAMES.index("sternum"), :, 3, 1] = [0, 0, 0.005]
    maps[NAMES.index("clavicle_r"), :, 3, 2] = [0.003, 0.003, 0]
    after = kept(bones.moved(template, maps), bones, joints)
    for betas in (np.zeros(10), np.eye(10)[0] * 2, np.eye(10)[1] * -2, np.eye(10)[2] * 2):
        assert np.abs(gaps(after, betas) - gaps(bones, betas)).max() < 0.001
    # What others are attached to stays where it was put.
    assert np.array_equal(after.points("sternum"), template[bones.members("sternum")])
    assert np.array_equal(after.maps[NAMES.index("vertebra_t05")], maps[NAMES.index("vertebra_t05")])


def test_a_rib_still_narrows_between_its_ends(bones):
    """Skin may ask for a flatter rib: only what moves the ends is undone."""
    template = bones.template.copy()
    rib = bones.members("rib_05_r")
    template[rib, 0] = -0.02 + 0.8 * (template[rib, 0] + 0.02)
    after = kept(bones.moved(template), bones, attachments(bones))
    assert np.abs(gaps(after, np.zeros(10)) - gaps(bones, np.zeros(10))).max() < 0.001
    assert np.ptp(after.points("rib_05_r")[:, 0]) == pytest.approx(0.08, abs=0.002)


def test_bones_that_have_not_moved_stay(bones):
    after = kept(bones, bones, attachments(bones))
    assert np.abs(after.template - bones.template).max() < 1e-15
    assert not after.maps.any()


def test_a_rib_whose_end_is_taken_aside_turns_with_it(bones):
    """The sternum goes down with a beta: the rib tilts, and keeps its lengths and angles."""
    maps = bones.maps.copy()
    maps[NAMES.index("sternum"), :, 3, 0] = [0, -0.01, 0]
    after = kept(bones.moved(maps=maps), bones, attachments(bones))
    grown = np.linalg.svd(np.eye(3) + after.maps[NAMES.index("rib_05_r"), :, :3, 0], compute_uv=False)
    assert np.abs(after.maps[NAMES.index("rib_05_r"), :, :3, 0]).max() > 0.05
    assert grown.max() / grown.min() < 1.005
