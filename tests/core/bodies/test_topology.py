"""A body's skin is found in a mesh whatever the order of its vertices, and other meshes are refused with the reason."""

import time

import numpy as np
import pytest
from osteon.core.bodies.load import load_body
from osteon.core.bodies.topology import match_topology, part_sizes
from osteon.core.errors import InputError
from trimesh.creation import icosphere
from trimesh.remesh import subdivide


@pytest.fixture(scope="module")
def skin():
    body = load_body("open-male")
    return body.data.skin_template, body.faces


def shuffled(points, triangles, seed=0):
    """The same mesh with vertices, triangles and the corners of each triangle in another order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(points))
    place = np.argsort(order)
    triangles = place[triangles][rng.permutation(len(triangles))]
    turn = (np.arange(3) + rng.integers(0, 3, (len(triangles), 1))) % 3
    return points[order], np.take_along_axis(triangles, turn, 1)


def split(points, triangles, cut):
    """The mesh with the triangles `cut` on vertices of their own, as at the seams of a texture."""
    own, local = np.unique(triangles[cut], return_inverse=True)
    triangles = triangles.copy()
    triangles[cut] = len(points) + local.reshape(-1, 3)
    return np.concatenate([points, points[own]]), triangles


def check(skin, points, triangles):
    found = match_topology(points, triangles, *skin)
    np.testing.assert_allclose(points[found], skin[0], atol=1e-6)


def test_the_body_itself(skin):
    assert np.array_equal(match_topology(*skin, *skin), np.arange(len(skin[0])))


def test_another_order_is_found_at_once(skin):
    points, triangles = shuffled(*skin)
    started = time.perf_counter()
    check(skin, points, triangles)
    assert time.perf_counter() - started < 2


def test_split_along_seams(skin):
    cut = skin[0][skin[1]].mean(1)[:, 0] > 0.03
    points, triangles = split(*skin, cut)
    assert len(points) > len(skin[0]) + 50
    rounding = np.random.default_rng(1).normal(0, 1e-7, points.shape)
    check(skin, *shuffled(points + rounding, triangles))
    assert part_sizes(points, triangles) == [len(skin[0])]


def test_every_triangle_by_itself(skin):
    started = time.perf_counter()
    check(skin, *shuffled(skin[0][skin[1]].reshape(-1, 3), np.arange(skin[1].size).reshape(-1, 3)))
    assert time.perf_counter() - started < 2


def test_beside_other_parts(skin):
    ball = icosphere(2, 0.05)
    points = np.concatenate([ball.vertices + 1, skin[0]])
    triangles = np.concatenate([ball.faces, skin[1] + len(ball.vertices)])
    check(skin, *shuffled(points, triangles))
    assert part_sizes(points, triangles) == [len(skin[0]), len(ball.vertices)]


def test_triangles_that_face_inward(skin):
    points, triangles = shuffled(*skin)
    check(skin, points, triangles[:, ::-1])


def test_turned_diagonals_in_the_bodys_order(skin):
    points, triangles = skin
    # Every hundredth pair of triangles along an edge, far from others.
    turned, used = triangles.copy(), np.zeros(len(points), bool)
    by_edge = {(int(a), int(b)): k for k, t in enumerate(triangles) for a, b in zip(t, np.roll(t, -1), strict=True)}
    count = 0
    for (a, b), k in by_edge.items():
        other = by_edge[b, a]
        c, d = (next(v for v in triangles[i] if v not in (a, b)) for i in (k, other))
        if not used[[a, b, c, d]].any():
            turned[k], turned[other] = (c, a, d), (c, d, b)
            used[[a, b, c, d]] = True
            count += 1
    assert count > 1000
    assert np.array_equal(match_topology(points, turned, *skin), np.arange(len(points)))
    with pytest.raises(InputError, match="connected otherwise"):
        match_topology(*shuffled(points, turned), *skin)


def test_mirrored_meshes_are_refused(skin):
    for points, triangles in (skin, shuffled(*skin)):
        with pytest.raises(InputError, match=r"^Cube is the skin of the body mirrored: undo"):
            match_topology(points * [-1, 1, 1], triangles, *skin, "Cube")


def test_other_meshes_are_refused(skin):
    points, triangles = skin
    some = np.random.default_rng(0).choice(len(triangles), len(triangles) - 7, replace=False)
    fine = subdivide(points, triangles)
    for other, said in (
        (shuffled(points, triangles[some]), "12,169 vertices and 24,327 triangles instead of 12,169 and 24,334"),
        (fine[:2], f"{len(fine[0]):,} vertices and {4 * len(triangles):,} triangles"),
        ((icosphere(2).vertices, icosphere(2).faces), "largest part has 162 vertices and 320 triangles"),
        ((points, np.empty((0, 3), int)), "largest part has 0 vertices"),
    ):
        with pytest.raises(InputError, match=f"^Cube is not the skin of the body: .*{said}.*; take the mesh as"):
            match_topology(*other, *skin, "Cube")


def test_vertices_that_are_nowhere(skin):
    points = skin[0].copy()
    points[5, 1] = np.nan
    with pytest.raises(InputError, match="Cube has vertices that are not finite"):
        match_topology(points, skin[1], *skin, "Cube")
