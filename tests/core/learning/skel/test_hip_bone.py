"""The fine hip bone in the template: closed, in the coarse one's place, fitting femur, sacrum and its mirror image."""

import numpy as np
import pytest
import trimesh
from osteon.core.learning.inside import Skin
from osteon.core.learning.skel import template_landmarks
from osteon.core.learning.skel.bone_names import OPENSIM_TO_BODY, load_template
from osteon.core.learning.skel.geometry import read_vtp
from osteon.core.learning.skel.hip_bone import CARTILAGE, HEAD_RADIUS, seat, similarity, surface_samples
from osteon.core.learning.skel.people import sources


@pytest.fixture(scope="module")
def bones():
    packages = sources()
    return load_template(packages.opensim, packages.osim_rl)


@pytest.fixture(scope="module")
def coarse():
    vertices, _ = read_vtp(sources().opensim / "Geometry" / "r_pelvis.vtp")
    return vertices @ OPENSIM_TO_BODY.T


def depth(bone, points):
    """How deep points lie in a bone, negative outside."""
    mesh = Skin(bone.vertices, bone.faces)
    return np.abs(mesh.depth(points)) * np.where(mesh.winding(points) > 0.5, 1, -1)


def socket_centre(hip, start):
    """Centre of the sphere through the walls of the socket: what faces the head from around it, not its deeper floor."""
    corners = hip.vertices[hip.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    ray = corners.mean(1) - start
    far = np.linalg.norm(ray, axis=1)
    facing = ((ray * normals).sum(1) < -0.5 * far * np.linalg.norm(normals, axis=1)) & (np.abs(far - 0.025) < 0.006)
    axis = (ray[facing] / far[facing, None] * np.linalg.norm(normals[facing], axis=1)[:, None]).sum(0)
    walls = facing & (ray @ axis < 0.75 * far * np.linalg.norm(axis))
    return template_landmarks.fit_sphere(surface_samples(hip.vertices, hip.faces[walls]))[0]


def test_it_is_fine_and_closed_and_its_normals_point_outwards(bones):
    mesh = trimesh.Trimesh(bones["hip_bone_r"].vertices, bones["hip_bone_r"].faces, process=False)
    assert len(mesh.vertices) == 845
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume > 0
    assert mesh.euler_number == 0  # one hole: the obturator foramen
    assert mesh.edges_unique_length.min() > 3e-4


def test_it_lies_where_the_coarse_one_lay(bones, coarse):
    hip = bones["hip_bone_r"]
    distance = np.abs(Skin(hip.vertices, hip.faces).depth(coarse))
    assert distance.mean() < 0.0040
    assert np.percentile(distance, 90) < 0.010
    assert np.abs(hip.vertices.min(0) - coarse.min(0)).max() < 0.010
    assert np.abs(hip.vertices.max(0) - coarse.max(0)).max() < 0.008


def test_landmarks_are_near_the_coarse_ones(bones, coarse):
    fine = bones["hip_bone_r"].vertices
    for low, axis, pick in ((-0.02, 2, np.argmax), (0.0, 2, np.argmin), (-1, 1, np.argmin), (-1, 0, np.argmax)):
        a, b = (v[v[:, 1] > low] for v in (fine, coarse))  # asis, psis, ischium, symphysis
        assert abs(a[pick(a[:, axis]), axis] - b[pick(b[:, axis]), axis]) < 0.010


def test_the_femoral_head_sits_in_the_socket(bones):
    hip, femur = bones["hip_bone_r"], bones["femur_r"]
    _, ids = template_landmarks.find(bones)["femoral_head_r"]
    centre, radius = template_landmarks.fit_sphere(femur.vertices[ids])
    assert abs(radius - HEAD_RADIUS) < 1e-4
    assert np.linalg.norm(seat(hip.vertices, hip.faces, centre, HEAD_RADIUS + CARTILAGE) - centre) < 0.002
    assert np.linalg.norm(socket_centre(hip, centre) - centre) < 0.0025
    points = surface_samples(femur.vertices, femur.faces)
    points = points[np.linalg.norm(points - centre, axis=1) < 0.06]
    deepest = depth(hip, points).max()
    assert -0.002 < deepest < 0.001


def test_the_sides_meet_at_the_symphysis_and_the_sacrum(bones):
    hip, sacrum = bones["hip_bone_r"], bones["sacrum"]
    assert -0.003 < hip.vertices[:, 0].max() < -0.001
    deepest = max(
        depth(hip, surface_samples(sacrum.vertices, sacrum.faces)).max(),
        depth(sacrum, surface_samples(hip.vertices, hip.faces)).max(),
    )
    assert -0.006 < deepest < 0.002


def test_similarity_is_found_back():
    points = np.random.default_rng(0).normal(size=(20, 3))
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    found = similarity(points, 1.3 * points @ turn.T + [1, 2, 3])
    assert np.allclose(found, np.column_stack([1.3 * turn, [1, 2, 3]]))
