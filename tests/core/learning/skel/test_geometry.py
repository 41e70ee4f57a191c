import numpy as np
import trimesh
from osteon.core.learning.inside import Skin
from osteon.core.learning.skel.geometry import merge, pieces, read_vtp
from osteon.core.learning.skel.skin import boundary_loops
from osteon.core.learning.skel.template_landmarks import fit_sphere, joint_head

QUAD_FILE = """<?xml version="1.0"?>
<VTKFile type="PolyData"><PolyData><Piece NumberOfPoints="5" NumberOfPolys="2">
<Points><DataArray NumberOfComponents="3" format="ascii">0 0 0 1 0 0 1 1 0 0 1 0 1 1 0</DataArray></Points>
<Polys><DataArray Name="connectivity" format="ascii">0 1 2 3 0 4 3</DataArray>
<DataArray Name="offsets" format="ascii">4 7</DataArray></Polys>
</Piece></PolyData></VTKFile>"""


def test_vtp_polygons_become_triangles_and_seams_close(tmp_path):
    (tmp_path / "x.vtp").write_text(QUAD_FILE)
    points, triangles = read_vtp(tmp_path / "x.vtp")
    assert len(points) == 4  # the fifth lies on the third
    assert len(triangles) == 2  # the second polygon repeats half of the first
    assert np.isclose(trimesh.Trimesh(points, triangles, process=False).area, 1)


def test_pieces_come_largest_first():
    a, b = trimesh.creation.icosphere(1), trimesh.creation.box()
    both = trimesh.util.concatenate([b, a])
    parts = pieces(*merge(np.array(both.vertices), np.array(both.faces)))
    assert [len(points) for points, _ in parts] == [42, 8]


def test_depth_of_a_sphere():
    ball = trimesh.creation.icosphere(4, radius=0.1)
    skin = Skin(np.array(ball.vertices), np.array(ball.faces))
    points = np.random.default_rng(1).uniform(-0.15, 0.15, (500, 3))
    expected = 0.1 - np.linalg.norm(points, axis=1)
    assert np.abs(skin.depth(points) - expected).max() < 4e-4
    assert np.array_equal(skin.winding(points).round() == 1, skin.depth(points) > 0)
    shallow = set(skin.shallow(points, 0.01))
    assert set(np.flatnonzero(expected < 0.01)) <= shallow
    assert np.allclose(skin.span(np.zeros(3) + 1e-4, 1), (-0.1, 0.1), atol=4e-4)


def test_winding_numbers_are_whole():
    """That far triangles are taken as dipoles hardly shows, however close a point is, and where triangles are slivers."""
    blade = trimesh.creation.icosphere(4).apply_scale([0.3, 0.1, 0.02])
    needle = trimesh.creation.cylinder(0.02, 0.5, sections=90)  # triangles of 500 by 1.4 mm
    generator = np.random.default_rng(3)
    for solid in (blade, needle):  # both are convex, about the origin
        skin = Skin(np.array(solid.vertices), np.array(solid.faces))
        off = generator.choice([-1, 1], 2000) * 10 ** generator.uniform(-3, -2, 2000)
        shares = generator.dirichlet([0.5] * 3, 2000)
        points = np.einsum("pk,pkc->pc", shares, skin.corners[generator.integers(len(skin.corners), size=2000)])
        points = points * (1 + off[:, None])
        assert np.abs(skin.winding(points) - (off < 0)).max() < 0.03
    assert skin.winding(np.empty((0, 3))).shape == (0,)


def test_folded_skin_is_read_by_winding():
    """Two overlapping balls: a point in the overlap is inside although the nearest skin faces it from the other ball."""
    balls = [trimesh.creation.icosphere(3, radius=0.1).apply_translation([x, 0, 0]) for x in (-0.09, 0.09)]
    both = trimesh.util.concatenate(balls)
    skin = Skin(np.array(both.vertices), np.array(both.faces))
    assert skin.true_depth(np.array([[0.0, 0, 0]]))[0] > 0
    assert skin.winding(np.array([[0.0, 0, 0]]))[0] > 1.9


def test_sphere_and_joint_head_are_found():
    ball = trimesh.creation.icosphere(3, radius=0.024).apply_translation([0.1, 0.2, 0.3])
    centre, radius = fit_sphere(np.array(ball.vertices)[::7])
    assert np.allclose(centre, [0.1, 0.2, 0.3])
    assert np.isclose(radius, 0.024)
    shaft = np.column_stack([np.full(50, 0.1), np.linspace(-0.1, 0.16, 50), np.full(50, 0.3)])
    bone = np.concatenate([np.array(ball.vertices), shaft])
    ids = joint_head(bone, np.array([0.103, 0.196, 0.302]), 0.022)
    assert set(ids) <= set(range(len(ball.vertices)))
    assert len(ids) > 0.9 * len(ball.vertices)


def test_open_box_has_one_loop():
    box = np.array([[0, 1, 2, 3], [0, 4, 5, 1], [1, 5, 6, 2], [2, 6, 7, 3], [3, 7, 4, 0]])
    (loop,) = boundary_loops(box)
    assert sorted(loop) == [4, 5, 6, 7]
