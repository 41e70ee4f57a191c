"""Skin that gives way where posed bones would come through it."""

import numpy as np
import pytest
import trimesh
from osteon.core.anatomy.joints import JOINT_INDEX, JOINT_NAMES
from osteon.core.learning.inside import Skin
from osteon.core.learning.skel import cover, skinning
from osteon.core.learning.skel.cover import MARGIN, Neighbourhood, covered, push
from osteon.core.learning.skel.skinning import Posed, blended, corrected, pose_features
from scipy.spatial.transform import Rotation

RADIUS = 0.1
BALL = trimesh.creation.icosphere(2, RADIUS)  # edges of 30 mm: triangles lie 2 mm under the ball that they stand for
SKIN, FACES = np.array(BALL.vertices), np.array(BALL.faces)


def posed(bones: np.ndarray, features: np.ndarray) -> Posed:
    """A ball that does not move over bones (1 + B, V, 3) that do."""
    still = np.tile(np.eye(3, 4), (len(features), len(JOINT_NAMES), 1, 1))
    return Posed(SKIN, bones[0], Skin(SKIN, FACES).depth(bones[0]), bones[1:], still, features)


def test_a_bone_through_the_middle_of_a_triangle_is_seen():
    middle = SKIN[FACES[0]].mean(0)
    outside = middle / np.linalg.norm(middle) * (np.linalg.norm(middle) + 0.001)
    vertices = SKIN[FACES[0]]
    assert ((vertices - outside) * vertices).sum(1).min() > 0  # every vertex's own plane has it inside
    rest = np.array([0.9 * middle])
    sample = posed(np.array([rest, [outside]]), np.zeros((1, 207)))
    move = push(SKIN, FACES, np.array([outside]), sample, Neighbourhood(SKIN, FACES))
    moved = np.flatnonzero(move.any(1))
    assert set(moved) & set(FACES[0])
    assert np.linalg.norm(move, axis=1).max() == pytest.approx(0.001 + MARGIN, abs=1e-4)
    assert not push(SKIN, FACES, rest, sample, Neighbourhood(SKIN, FACES)).any()


def test_skin_gives_way_to_a_bone_that_comes_out():
    """A point outside a ball's skin asks it outwards there and nowhere else; one inside asks for nothing."""
    ball = trimesh.creation.icosphere(4, 0.1)
    around = Neighbourhood(ball.vertices, ball.faces)
    rest = np.array([[0, 0, 0.08], [0.09, 0, 0]])
    nothing = np.zeros((1, 1, 1))
    depth = np.array([0.02, 0.01])
    posed = Posed(ball.vertices, rest, depth, nothing, nothing, nothing)
    move = push(ball.vertices, ball.faces, np.array([[0, 0, 0.11], [0.09, 0, 0]]), posed, around)
    moved = np.linalg.norm(move, axis=1)
    top = ball.vertices[:, 2].argmax()
    assert move[top, 2] == pytest.approx(0.01 + MARGIN, abs=1e-3)
    assert moved[np.linalg.norm(ball.vertices - ball.vertices[top], axis=1) > 0.04].max() == 0
    assert moved.argmax() == top


def test_no_more_skin_is_asked_for_than_half_of_what_there_is_at_rest():
    ball = trimesh.creation.icosphere(4, RADIUS)
    around = Neighbourhood(ball.vertices, ball.faces)
    nothing = np.zeros((1, 1, 1))
    place = np.array([[0, 0, RADIUS - 0.0007]])
    for depth, asked in ((0.001, 0.0), (0.002, 0.0003), (0.02, MARGIN - 0.0007)):
        posed = Posed(ball.vertices, place, np.array([depth]), nothing, nothing, nothing)
        move = push(ball.vertices, ball.faces, place, posed, around)
        assert np.linalg.norm(move, axis=1).max() == pytest.approx(asked, abs=1e-4)


def test_skin_gives_way_in_the_poses_that_ask_for_it_and_only_there(monkeypatch):
    angles = np.linspace(0, 1.5, 16)

    def features(angles: np.ndarray) -> np.ndarray:
        turns = np.tile(np.eye(3), (len(angles), len(JOINT_NAMES), 1, 1))
        turns[:, JOINT_INDEX["thorax"]] = Rotation.from_rotvec(angles[:, None] * [1.0, 0, 0]).as_matrix()
        return pose_features(turns)

    # A bone under the top comes up as the joint bends, to 5 mm outside; one under the bottom stays where it is.
    height = 0.09 + 0.015 * np.sin(angles)
    bones = np.array([[[0, 0, h], [0, 0, -0.09]] for h in (0.09, *height)])
    sample = posed(bones, features(angles))
    weights = np.zeros((len(SKIN), len(JOINT_NAMES)))
    weights[:, JOINT_INDEX["thorax"]] = 1
    across = np.argmin(np.linalg.norm(SKIN[:, None] - SKIN * [-1, 1, 1], axis=2), 1)

    def depths(posedirs: np.ndarray) -> np.ndarray:
        skin, matrices = blended(sample, weights)
        skin += corrected(sample, matrices, posedirs)
        return np.array([Skin(s, FACES).depth(b) for s, b in zip(skin, sample.bones, strict=True)])

    nothing = np.zeros((len(SKIN), 3, 207))
    posedirs = covered(lambda turn: [sample], sample.features, sample.features[:1], weights, nothing, FACES, across)
    before, after = depths(nothing), depths(posedirs)
    assert before[:, 0].min() < -0.004
    assert after[:, 0].min() > -0.0005
    assert np.abs(after[:, 1] - before[:, 1]).max() < 1e-6
    assert abs(after[0, 0] - before[0, 0]) < 0.001
    # What usual poses are asked to keep they keep the more.
    usual = sample.features[8:9]
    monkeypatch.setattr(cover, "ROUNDS", 1)
    monkeypatch.setattr(skinning, "LEAST", 0.0)  # what is left out of so few features would be seen
    moved = []
    for firmness in (0.0, 30.0, 1e5):
        monkeypatch.setattr(cover, "HELD", firmness)
        held = covered(lambda turn: [sample], sample.features, usual, weights, nothing, FACES, across)
        moved.append(np.linalg.norm(held @ usual[0], axis=1).max())
    assert moved[0] > 1.1 * moved[1] > 20 * moved[2], moved
