"""Bones moved inside the skin of every shape, without losing their own shape."""

import numpy as np
import pytest
import trimesh
from osteon.core.learning.inside import Skin
from osteon.core.learning.skel import settle
from osteon.core.learning.skel.bone_names import Bone
from osteon.core.learning.skel.bone_space import TOGETHER, BoneSpace

RADIUS = 0.012
HALF = np.array([0.35, 0.08, 0.08])  # metres, of a box of skin
FALLS = 0.012  # metres by which its top comes down with the first beta


@pytest.fixture(scope="module")
def flesh():
    """A box of skin (N, 3), its shape directions (N, 3, 10) and triangles: its top comes down."""
    box = trimesh.creation.box(2 * HALF).subdivide_to_size(0.03)
    directions = np.zeros((len(box.vertices), 3, 10))
    directions[:, 1, 0] = -FALLS * (box.vertices[:, 1] / HALF[1] + 1) / 2
    return np.array(box.vertices), directions, np.array(box.faces)


def some_bones(small: str = "patella_r") -> tuple[BoneSpace, dict[str, Bone]]:
    """A small bone under the skin's top that does not go along with it, and those that must be there, out of the way."""
    ball = trimesh.creation.icosphere(2, RADIUS)
    others = sorted({name for group in TOGETHER for name in group})
    names = (small, *others)
    places = np.array(
        [[-0.05, HALF[1] - RADIUS - 0.005, 0], *([-0.1 - 0.05 * k, -0.03, 0] for k in range(len(others)))]
    )
    template = np.concatenate([ball.vertices + place for place in places])
    parts = np.repeat(np.arange(len(names)), len(ball.vertices))
    bones = BoneSpace(names, parts, template, np.zeros((len(names), 3, 4, 10)))
    return bones, {name: Bone(ball.vertices, ball.faces) for name in names}


def settled(flesh, held=()) -> BoneSpace:
    bones, meshes = some_bones()
    return settle.settle(bones, meshes, *flesh, stages=(3, 3), held=list(held), pool=40)


def growth(bones: BoneSpace, beta: float) -> np.ndarray:
    """(3,) the singular values of the small bone's own map."""
    return np.linalg.svd(np.eye(3) + bones.maps[0, :, :3, 0] * beta, compute_uv=False)


def test_a_small_bone_moves_inside_and_keeps_its_shape(flesh, monkeypatch):
    skin, directions, faces = flesh
    bones = settled(flesh)
    for beta in (-2.5, 0.0, 2.5):
        betas = np.eye(10)[:1] * beta
        there = bones.at(betas, bones.members("patella_r"))[0]
        assert Skin(skin + directions @ betas[0], faces).depth(there).min() > -0.0005
        assert growth(bones, beta).max() / growth(bones, beta).min() < 1.3
    monkeypatch.setattr(settle, "STRAIN", 0.0)
    collapsed = growth(settled(flesh), 2.5)
    assert collapsed.max() / collapsed.min() > 1.5


def test_a_bone_that_is_held_moves_less_there(flesh, monkeypatch):
    middle = some_bones()[0].template[some_bones()[0].members("patella_r")].mean(0)
    moves = []
    for firmness in (0.0, settle.HELD, 100 * settle.HELD):
        monkeypatch.setattr(settle, "HELD", firmness)
        maps = settled(flesh, [("patella_r", middle)]).maps[0, :, :, 0]
        moves.append(np.linalg.norm(maps @ [*middle, 1.0]))
    assert moves[1] < 0.85 * moves[0]
    assert moves[2] < 0.4 * moves[0]


def test_ribs_move_rather_than_shrink(flesh, monkeypatch):
    monkeypatch.setattr(settle, "DEPTHS", {})
    moves, growths = [], []
    for name in ("rib_09_r", "patella_r"):
        bones, meshes = some_bones(name)
        middle = bones.points(name).mean(0)
        bones = settle.settle(bones, meshes, *flesh, stages=(3, 3), held=[(name, middle)], pool=40)
        moves.append(np.linalg.norm(bones.maps[0, :, :, 0] @ [*middle, 1.0]))
        growths.append(growth(bones, 2.5).min())
    assert moves[0] > moves[1]
    assert growths[0] > growths[1]


def test_straining_counts_the_symmetric_part_alone():
    generator = np.random.default_rng(0)
    for maps in generator.normal(size=(5, 3, 4)):
        symmetric = (maps[:, :3] + maps[:, :3].T) / 2
        assert maps.ravel() @ settle.STRAINED @ maps.ravel() == pytest.approx((symmetric**2).sum())


def test_what_was_strained_before_counts_on():
    """Strain is of all that happened since settling began, to the mean bone and to its change with the shape."""
    bones = some_bones()[0]
    members = bones.members("patella_r")
    middle = bones.template[members].mean(0)
    template, maps = bones.template.copy(), bones.maps.copy()
    template[members] += (template[members] - middle) * [0.1, 0, 0]
    maps[0, :, :3, 4] += np.diag([0, 0.2, 0])
    found = settle._strain(bones.moved(template, maps), bones, members, 0)
    assert found[:, :3, 0] == pytest.approx(np.diag([0.1, 0, 0]), abs=1e-4)
    assert found[:, :3, 5] == pytest.approx(np.diag([0, 0.2, 0]))
    assert not found[:, 3].any()
    assert not found[..., [1, 2, 3, 4, 6, 7, 8, 9, 10]].any()


def test_bones_may_lie_shallower(flesh):
    bones, meshes = some_bones()
    deep, shallow = (
        settle.settle(bones, meshes, *flesh, stages=(3,), held=[], pool=40, shallower=less) for less in (0.0, 0.003)
    )
    betas = np.eye(10)[:1] * 2.5
    lower, higher = (found.at(betas, found.members("patella_r"))[0, :, 1].max() for found in (deep, shallow))
    assert higher > lower + 0.001
