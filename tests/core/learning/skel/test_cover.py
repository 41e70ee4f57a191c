"""Skin that gives way where posed bones would come through it."""

import numpy as np
import pytest
import trimesh
from osteon.core.anatomy.joints import JOINT_INDEX, JOINT_NAMES
from osteon.core.bodies.load import load_body
from osteon.core.bodies.skel import pose_features
from osteon.core.learning.inside import Skin
from osteon.core.learning.skel import correctives, cover
from osteon.core.learning.skel.correctives import corrected
from osteon.core.learning.skel.cover import MARGIN, Neighbourhood, Resting, covered, push, resting
from osteon.core.learning.skel.posed_people import Posed, pose_person
from osteon.core.learning.skel.skinning import blended
from scipy.spatial.transform import Rotation

RADIUS = 0.1
BALL = trimesh.creation.icosphere(2, RADIUS)  # edges of 30 mm: triangles lie 2 mm under the ball that they stand for
SKIN, FACES = np.array(BALL.vertices), np.array(BALL.faces)


def posed(bones: np.ndarray, features: np.ndarray) -> Posed:
    """A ball that does not move over bones (1 + B, V, 3) that do."""
    still = np.tile(np.eye(3, 4), (len(features), len(JOINT_NAMES), 1, 1))
    return Posed(SKIN, bones[0], bones[1:], still, features)


def test_a_bone_through_the_middle_of_a_triangle_is_seen():
    middle = SKIN[FACES[0]].mean(0)
    outside = middle / np.linalg.norm(middle) * (np.linalg.norm(middle) + 0.001)
    vertices = SKIN[FACES[0]]
    assert ((vertices - outside) * vertices).sum(1).min() > 0  # every vertex's own plane has it inside
    rest = np.array([0.9 * middle])
    around = Neighbourhood(SKIN, FACES)
    kept, at_rest = resting(posed(np.array([rest, [outside]]), np.zeros((1, 207))), FACES, around)
    assert kept.tolist() == [0]
    move = push(SKIN, FACES, np.array([outside]), at_rest, around)
    moved = np.flatnonzero(move.any(1))
    assert set(moved) & set(FACES[0])
    assert np.linalg.norm(move, axis=1).max() == pytest.approx(0.001 + MARGIN, abs=1e-4)
    assert not push(SKIN, FACES, rest, at_rest, around).any()


def test_skin_gives_way_to_a_bone_that_comes_out():
    """A point outside a ball's skin asks it outwards there and nowhere else; one inside asks for nothing."""
    ball = trimesh.creation.icosphere(4, 0.1)
    around = Neighbourhood(ball.vertices, ball.faces)
    rest = np.array([[0, 0, 0.08], [0.09, 0, 0]])
    at_rest = Resting(ball.vertices, rest, np.array([0.02, 0.01]))
    move = push(ball.vertices, ball.faces, np.array([[0, 0, 0.11], [0.09, 0, 0]]), at_rest, around)
    moved = np.linalg.norm(move, axis=1)
    top = ball.vertices[:, 2].argmax()
    assert move[top, 2] == pytest.approx(0.01 + MARGIN, abs=1e-3)
    assert moved[np.linalg.norm(ball.vertices - ball.vertices[top], axis=1) > 0.04].max() == 0
    assert moved.argmax() == top


def test_no_more_skin_is_asked_for_than_half_of_what_there_is_at_rest():
    ball = trimesh.creation.icosphere(4, RADIUS)
    around = Neighbourhood(ball.vertices, ball.faces)
    place = np.array([[0, 0, RADIUS - 0.0007]])
    for depth, asked in ((0.001, 0.0), (0.002, 0.0003), (0.02, MARGIN - 0.0007)):
        move = push(ball.vertices, ball.faces, place, Resting(ball.vertices, place, np.array([depth])), around)
        assert np.linalg.norm(move, axis=1).max() == pytest.approx(asked, abs=1e-4)


def test_what_only_a_fold_makes_seem_outside_asks_for_nothing():
    """A point within one ball, beyond the skin of another that enters it; also where little was over it at rest."""
    ball = trimesh.creation.icosphere(4, RADIUS)
    other = ball.vertices + [0, 0, 0.18]
    skin, faces = np.concatenate([ball.vertices, other]), np.concatenate([ball.faces, ball.faces + len(other)])
    place = np.array([[0, 0, 0.077]])  # 23 mm within the first, 3 mm outside the second whose skin is nearest
    around = Neighbourhood(skin, faces)
    for depth in (0.0002, 0.02):
        rest = Resting(skin, np.array([[0, 0, 0.07]]), np.array([depth]))
        assert not push(skin, faces, place, rest, around).any()
        alone = Resting(other, place, np.array([depth]))
        assert push(other, ball.faces, place, alone, Neighbourhood(other, ball.faces)).any()


def test_a_bone_beside_the_skin_of_another_toe_asks_for_nothing():
    """The nearest skin vertex is the other ball's, which the point lies 2 mm outside of."""
    ball = trimesh.creation.icosphere(4, RADIUS)
    other = ball.vertices + [0, 0, 0.182]
    skin, faces = np.concatenate([ball.vertices, other]), np.concatenate([ball.faces, ball.faces + len(other)])
    beside, own, out = [0, 0, 0.080], [0.09, 0, 0], [0, 0.102, 0]
    still = np.tile(np.eye(3, 4), (1, len(JOINT_NAMES), 1, 1))
    points = np.array([beside, own, out])
    kept, rest = resting(
        Posed(skin, points, points[None], still, np.zeros((1, 207))), faces, Neighbourhood(skin, faces)
    )
    assert kept.tolist() == [1, 2]
    assert rest.depth == pytest.approx([0.01, 0], abs=5e-4)


ACROSS = np.argmin(np.linalg.norm(SKIN[:, None] - SKIN * [-1, 1, 1], axis=2), 1)
WEIGHTS = np.eye(len(JOINT_NAMES))[[JOINT_INDEX["thorax"]] * len(SKIN)]
NOTHING = np.zeros((len(SKIN), 3, 207))


def bending(angles: np.ndarray) -> Posed:
    """A bone under the top comes up as the joint bends, to 5 mm outside; one under the bottom stays where it is."""
    height = 0.09 + 0.015 * np.sin(angles)
    bones = np.array([[[0, 0, h], [0, 0, -0.09]] for h in (0.09, *height)])
    turns = np.tile(np.eye(3), (len(angles), len(JOINT_NAMES), 1, 1))
    turns[:, JOINT_INDEX["thorax"]] = Rotation.from_rotvec(angles[:, None] * [1.0, 0, 0]).as_matrix()
    return posed(bones, pose_features(turns))


def depths(sample: Posed, posedirs: np.ndarray) -> np.ndarray:
    """(B, 2) metres under the skin of both bones."""
    skin, matrices = blended(sample, WEIGHTS)
    skin += corrected(sample, matrices, posedirs)
    return np.array([Skin(s, FACES).depth(b) for s, b in zip(skin, sample.bones, strict=True)])


def test_poses_in_which_most_is_lacking_are_looked_at_again(monkeypatch):
    """One pose in which a bone comes out is met in the first round only, beside fifty in which none does."""
    hard, easy = bending(np.array([1.5])), bending(np.linspace(0, 0.2, 50))
    features = np.concatenate([easy.features, hard.features])

    def depth() -> float:
        """Of the bone that comes out."""
        samples = lambda turn: [easy, hard] if turn == 0 else [easy]  # noqa: E731
        posedirs = covered(samples, features, easy.features[:1], WEIGHTS, NOTHING, FACES, ACROSS)
        return depths(hard, posedirs)[0, 0]

    again = depth()
    monkeypatch.setattr(cover, "ROUNDS", 1)
    once = depth()
    assert once < 0 < 0.001 < again, (once, again)


def test_the_hardest_poses_are_found_in_all_people(monkeypatch):
    people = [bending(np.linspace(0, 1, 4)), bending(np.linspace(1, 1.5, 3))]
    lack = np.array([0, 3, 0, 2, 0, 1, 4], np.float32) / 1000
    for again, wanted in ((3, ([1, 3], [2])), (5, ([1, 3], [1, 2])), (50, ([1, 3], [1, 2]))):
        monkeypatch.setattr(cover, "AGAIN", again)
        hardest = list(cover._hardest(people, lack))
        for person, found, poses in zip(people, hardest, wanted, strict=True):
            assert np.array_equal(found.features, person.features[poses])
            assert np.array_equal(found.bones, person.bones[poses])
            assert len(found.skinning) == len(poses)
    assert not list(cover._hardest(people, np.zeros_like(lack)))


def test_skin_gives_way_in_the_poses_that_ask_for_it_and_only_there(monkeypatch):
    sample = bending(np.linspace(0, 1.5, 16))
    posedirs = covered(lambda turn: [sample], sample.features, sample.features[:1], WEIGHTS, NOTHING, FACES, ACROSS)
    before, after = depths(sample, NOTHING), depths(sample, posedirs)
    assert before[:, 0].min() < -0.004
    assert after[:, 0].min() > -0.0005
    assert np.abs(after[:, 1] - before[:, 1]).max() < 1e-6
    assert abs(after[0, 0] - before[0, 0]) < 0.001
    # What usual poses are asked to keep they keep the more.
    usual = sample.features[8:9]
    monkeypatch.setattr(cover, "ROUNDS", 1)
    monkeypatch.setattr(correctives, "LEAST", 0.0)  # what is left out of so few features would be seen
    moved = []
    for firmness in (0.0, 30.0, 1e5):
        monkeypatch.setattr(cover, "HELD", firmness)
        held = covered(lambda turn: [sample], sample.features, usual, WEIGHTS, NOTHING, FACES, ACROSS)
        moved.append(np.linalg.norm(held @ usual[0], axis=1).max())
    assert moved[0] > 1.1 * moved[1] > 20 * moved[2], moved


def test_at_rest_no_bone_asks_skin_to_give_way():
    body = load_body("open-child")
    around = cover.Neighbourhood(body.data.skin_template, body.faces)
    # In these shapes toes differ in how near they are to each other.
    for beta in (np.zeros(10), np.r_[2.5, np.zeros(9)], np.r_[0, -2.5, np.zeros(8)]):
        posed = pose_person(body, beta, np.zeros((1, 46)))
        assert np.abs(posed.bones[0] - posed.resting_bones).max() < 1e-9
        kept, rest = cover.resting(posed, body.faces, around)
        assert len(kept) > 5000
        assert len(kept) > 0.98 * len(posed.resting_bones)
        assert not cover.push(posed.skin, body.faces, posed.bones[0][kept], rest, around).any()
