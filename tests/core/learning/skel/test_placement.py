"""Where the template's bones go in a body."""

import functools

import numpy as np
import pytest
from osteon.core.learning.skel import build, joints, learned
from osteon.core.learning.skel.bone_names import SPINE
from osteon.core.learning.skel.people import People, sources
from osteon.core.learning.skel.placement import proportioned, ray


def test_a_ray_has_its_joints_between_its_bones():
    bones = [(np.array([0.0, 0, 0]), np.array([6.0, 0, 0])), (np.array([8.0, 0, 0]), np.array([12.0, 0, 2]))]
    assert ray(bones).tolist() == [[0, 0, 0], [7, 0, 0], [12, 0, 2]]


def test_bones_keep_their_proportions_around_a_bend():
    bones = (4.0, 2.0, 1.0)
    way = [np.array(p) for p in ([0.0, 0, 0], [0, 0, 10], [0, 4, 10])]  # 14 long, bent after 10
    assert proportioned(bones, way) == pytest.approx(np.array([[0, 0, 0], [0, 0, 8], [0, 2, 10], [0, 4, 10]]))
    straight = [np.array(p) for p in ([0.0, 0, 0], [0, 0, 9], [0, 0, 12], [0, 0, 14])]  # joints elsewhere on the way
    assert proportioned(bones, straight)[:, 2] == pytest.approx([0, 8, 12, 14])


@functools.cache
def bones():
    people = People(sources())
    return people, build.bone_space(people, learned.read(learned.FOLDER / "open-neutral.npz"))


def test_vertebrae_and_joints_are_held():
    people, space = bones()
    held = joints.held(space, joints.joint_points(space, people.marks))
    by_bone = {name: [point for bone, point in held if bone == name] for name, _ in held}
    assert set(SPINE) <= set(by_bone)
    for name, points in by_bone.items():
        for point in points:
            away = np.linalg.norm(space.template[space.members(name)] - point, axis=1).min()
            assert away < 0.03, name  # as far as a head's centre is from its surface
    assert len(by_bone["humerus_r"]) >= 2  # at both ends
