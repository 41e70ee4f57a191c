"""Bones that come too near to each other."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import trimesh
from osteon.core.anatomy.limits import within
from osteon.core.bodies.load import load_body
from osteon.core.learning.skel import contacts
from osteon.core.learning.skel.bone_names import Bone
from osteon.core.learning.skel.bone_space import BoneSpace
from osteon.core.learning.skel.contacts import Contacts, apart

RADIUS = 0.02


def balls(*centres: tuple[str, list[float]]) -> tuple[BoneSpace, dict[str, Bone]]:
    ball = trimesh.creation.icosphere(4, RADIUS)
    names = tuple(name for name, _ in centres)
    template = np.concatenate([ball.vertices + centre for _, centre in centres])
    parts = np.repeat(np.arange(len(names)), len(ball.vertices))
    maps = np.zeros((len(names), 3, 4, 10))
    return BoneSpace(names, parts, template, maps), {name: Bone(ball.vertices, ball.faces) for name in names}


def test_each_of_two_bones_gives_half_of_the_way():
    bones, meshes = balls(("femur_r", [-0.1, 0, 0]), ("talus_r", [-0.1, 0.037, 0]))
    ids, lack, outward = Contacts(bones, meshes).lacking(bones.template)
    assert lack.max() == pytest.approx(0.0015, abs=2e-4)
    for part, way in ((0, 1), (1, -1)):  # against the other bone
        own = bones.parts[ids] == part
        assert own.any()
        assert (outward[own][:, 1] * way > 0.7).all()
        assert np.abs(bones.template[ids[own]] - [-0.1, 0.0185, 0]).max() < 0.01
    moved = bones.template.copy()
    moved[ids] -= outward * lack[:, None]
    assert Contacts(bones, meshes).lacking(moved)[1].max() < 5e-4


def test_bones_that_share_a_joint_may_meet():
    bones, meshes = balls(("femur_r", [-0.1, 0, 0]), ("tibia_r", [-0.1, 0.037, 0]), ("patella_r", [-0.1, 0.2, 0]))
    assert not len(Contacts(bones, meshes).lacking(bones.template)[0])


def test_ribs_give_way_to_a_scapula():
    bones, meshes = balls(("scapula_r", [-0.1, 0, 0]), ("rib_05_r", [-0.078, 0, 0.035]))
    ids, lack, _ = Contacts(bones, meshes).lacking(bones.template)
    assert set(bones.parts[ids]) == {1}
    assert lack.max() == pytest.approx(0.005 - (np.hypot(0.022, 0.035) - 2 * RADIUS), abs=5e-4)


def test_ribs_give_way_to_a_clavicle():
    bones, meshes = balls(("clavicle_r", [-0.1, 0, 0]), ("rib_02_r", [-0.1, -0.042, 0]))
    ids, lack, outward = Contacts(bones, meshes).lacking(bones.template)
    assert set(bones.parts[ids]) == {1}
    assert lack.max() == pytest.approx(0.002, abs=2e-4)
    assert (outward @ [0, 1, 0] > 0.7).all()


def test_ribs_hand_on_downwards_what_they_lack():
    for names in (("rib_02_r", "rib_03_r"), ("rib_03_r", "rib_02_r")):
        bones, meshes = balls((names[0], [-0.1, 0, 0]), (names[1], [-0.1, -0.037, 0]))
        ids, lack, _ = Contacts(bones, meshes).lacking(bones.template)
        given = {name: lack[bones.parts[ids] == part].max() for part, name in enumerate(names)}
        assert given["rib_03_r"] == pytest.approx(3 * given["rib_02_r"], rel=0.1)


def test_a_clavicle_between_the_vertices_of_a_coarse_rib_moves_these():
    """No vertex of the rib, whose top is four triangles, is in the clavicle that enters it in the middle."""
    ball = trimesh.creation.icosphere(4, 0.006)
    box = trimesh.creation.box((0.012, 0.012, 0.012)).subdivide()
    names, top = ("clavicle_r", "rib_02_r"), np.array([-0.1, 0.006, 0.0015])
    template = np.concatenate([ball.vertices + top + [0.003, 0.0055, 0], box.vertices + [-0.1, 0, 0]])
    parts = np.repeat([0, 1], [len(ball.vertices), len(box.vertices)])
    bones = BoneSpace(names, parts, template, np.zeros((2, 3, 4, 10)))
    meshes = {"clavicle_r": Bone(ball.vertices, ball.faces), "rib_02_r": Bone(box.vertices, box.faces)}
    found = Contacts(bones, meshes, resting=False)
    assert np.linalg.norm(template[parts == 1] - template[parts == 0].mean(0), axis=1).min() > 0.006
    ids, lack, outward = found.lacking(template)
    assert len(ids)
    assert set(parts[ids]) == {1}
    assert lack.max() > 0.0005
    deepest = lack.argmax()
    assert outward[deepest, 1] > 0.5  # the rib's top goes down


def test_bones_that_are_far_at_rest_are_looked_at_when_they_move_against_each_other():
    """Vertebrae of the neck do, each in its own way; ribs do not."""
    for stem, number in (("vertebra_c", 1), ("rib_0", 0)):
        both = [(f"{stem}{k}{'' if number else '_r'}", [-0.1, 0.03 * k, 0]) for k in (5, 7)]
        bones, meshes = balls(*both, ("femur_r", [-0.1, -1, 0]))
        assert len(Contacts(bones, meshes, resting=False, reach=0.09).pairs) == number


def test_bones_that_only_shapes_bring_together_are_looked_at():
    """Ribs move alike: 20 mm apart they are left alone, unless they come nearer with the shape."""
    for way, number in ((0.0, 0), (0.005, 1)):
        away = [-0.1, 2 * RADIUS + 0.02, 0]
        bones, meshes = balls(("rib_05_r", [-0.1, 0, 0]), ("rib_07_r", away), ("femur_r", [-0.1, -1, 0]))
        bones.maps[1, 1, 3, 4] = way  # metres a standard deviation
        assert len(Contacts(bones, meshes, resting=False).pairs) == number


def test_bones_that_are_far_at_rest_keep_more_room():
    """Balls 60 or 20 mm apart at rest and 1 mm posed: five or three are asked for, and each gives half."""
    for gap, asked in ((0.06, 0.005), (0.02, 0.003)):
        away = [-0.1, 2 * RADIUS + gap, 0]
        bones, meshes = balls(("vertebra_c5", [-0.1, 0, 0]), ("vertebra_c7", away), ("femur_r", [-0.1, -1, 0]))
        posed = bones.template - np.where(bones.parts == 1, gap - 0.001, 0)[:, None] * [0, 1, 0]
        lack = Contacts(bones, meshes, resting=False, reach=0.09).lacking(posed)[1]
        assert lack.max() == pytest.approx((asked - 0.001) / 2, abs=1e-4)


def test_ribs_beside_the_edge_of_a_scapula_go_inwards(monkeypatch):
    """Along the plate's own direction, not that of its rounded edge."""
    monkeypatch.setattr(contacts, "COSTAL", np.array([0.0, 0, 1]))
    bones, meshes = balls(("scapula_r", [-0.1, 0, 0]), ("rib_05_r", [-0.1, 0.025, 0.031]))
    _, lack, outward = Contacts(bones, meshes).lacking(bones.template)
    assert len(lack)
    assert (outward @ [0, 0, -1] > 0.7).all()
    assert np.ptp(outward, axis=0).max() < 1e-12


def test_right_bones_stay_on_their_side():
    bones, meshes = balls(("clavicle_r", [-0.018, 0, 0]), ("sternum", [0, 0.3, 0]))
    ids, lack, outward = Contacts(bones, meshes).lacking(bones.template)
    assert lack.max() == pytest.approx(0.0035, abs=1e-6)
    assert (outward == [1, 0, 0]).all()
    assert (bones.parts[ids] == 0).all()
    assert not len(Contacts(bones, meshes, resting=False).lacking(bones.template)[0])


def test_bones_keep_a_distance_in_poses():
    """Three millimetres, or half of what they have at rest."""
    for gap, asked in ((0.008, 0.002), (0.003, 0.0005)):
        bones, meshes = balls(("femur_r", [-0.1, 0, 0]), ("talus_r", [-0.1, 0.04 + gap, 0]))
        posed = bones.template - np.where(bones.parts == 1, gap - 0.001, 0)[:, None] * [0, 1, 0]
        lack = Contacts(bones, meshes, resting=False).lacking(posed)[1]
        assert lack.max(initial=0) == pytest.approx(asked / 2, abs=2e-4)


def test_a_pose_that_is_met_once_is_looked_at_again(monkeypatch):
    """The talus comes near in one pose of the first round; what one dent leaves, those of later rounds take away."""
    bones, meshes = balls(("femur_r", [-0.1, 0, 0]), ("talus_r", [-0.1, 0.046, 0]))

    def sampled(body, seed):
        return np.full((1, 46), float(seed == contacts.SEED)), np.zeros((1, 10))

    def motions(poses, betas):
        moved = torch.eye(3, 4, dtype=torch.float64).repeat(len(poses), 2, 1, 1)
        moved[:, 1, 1, 3] = -0.010 * poses[:, 0]
        return moved

    resting = Contacts(bones, meshes, resting=False)

    def lack(bones: BoneSpace) -> float:
        posed = bones.template - np.where(bones.parts == 1, 0.010, 0)[:, None] * [0, 1, 0]
        return resting.lacking(posed)[1].max(initial=0)

    monkeypatch.setattr(contacts, "sampled_poses", sampled)
    body = SimpleNamespace(bone_part_names=bones.names, part_motions=motions)
    once, often = (apart(bones, meshes, body, rounds=rounds) for rounds in (1, 10))
    assert lack(bones) == pytest.approx(0.0035, abs=3e-4)  # each gives half of seven millimetres
    assert lack(often) < 0.0005 < lack(once)


def test_trunks_are_also_bent_far_to_the_right():
    body = load_body("open-male")
    poses, betas = contacts.sampled_poses(body, 5)
    assert len(poses) == len(betas) == contacts.POSES + contacts.BENT + contacts.SHAPES
    assert within(poses, body.limits).all()
    bent = poses[contacts.POSES :][: contacts.BENT, contacts.BENDING] / body.limits[contacts.BENDING, 1]
    assert bent.min() >= 0.5
    assert bent.max() > 0.9


def rod_and_ball(monkeypatch, poses: int) -> tuple[BoneSpace, dict[str, Bone], SimpleNamespace]:
    """A clavicle of 12 cm, a sternum at its end, and a talus that comes 2 mm into it from below: in the pose 0 at the
    middle, in the pose 1 4 cm from there towards the sternum; each round looks at one of `poses`, in turn."""
    rod = trimesh.creation.cylinder(
        0.004, 0.12, 24, transform=trimesh.transformations.rotation_matrix(np.pi / 2, [0, 1, 0])
    ).subdivide_to_size(0.010)
    ball = trimesh.creation.icosphere(3, RADIUS)
    names, start = ("clavicle_r", "talus_r", "sternum"), np.array([-0.1, 0, 0])
    places = [start, start - [0, RADIUS + 0.020, 0], start + [0.06 + 0.004 + RADIUS, 0, 0]]
    meshes = [rod, ball, ball]
    template = np.concatenate([mesh.vertices + place for mesh, place in zip(meshes, places, strict=True)])
    parts = np.repeat(range(3), [len(mesh.vertices) for mesh in meshes])
    bones = BoneSpace(names, parts, template, np.zeros((3, 3, 4, 10)))

    def sampled(body, seed):
        return np.full((1, 46), float((seed - contacts.SEED) % poses)), np.zeros((1, 10))

    def motions(poses, betas):
        moved = torch.eye(3, 4, dtype=torch.float64).repeat(len(poses), 3, 1, 1)
        moved[:, 1, 1, 3] = 0.022
        moved[:, 1, 0, 3] = 0.04 * poses[:, 0]
        return moved

    monkeypatch.setattr(contacts, "sampled_poses", sampled)
    body = SimpleNamespace(bone_part_names=names, part_motions=motions)
    return bones, {name: Bone(m.vertices, m.faces) for name, m in zip(names, meshes, strict=True)}, body


def test_a_clavicle_bends_and_is_not_folded(monkeypatch):
    """Both of its sides go up, its ends less; the one at the sternum stays."""
    bones, meshes, body = rod_and_ball(monkeypatch, 1)
    change = apart(bones, meshes, body, reach=0.09, rounds=5).template - bones.template
    along = np.where(bones.parts == 0, bones.template[:, 0] + 0.1, np.inf)
    middle = np.abs(along) < 0.004
    thick = np.ptp((bones.template + change)[middle, 1])
    assert thick > 0.9 * np.ptp(bones.template[middle, 1]), thick
    assert change[middle, 1].mean() > 0.002 > 2 * np.abs(change[along < -0.055]).max()
    assert np.abs(change[(along > 0.055) & (bones.parts == 0)]).max() < 0.0004


def test_a_clavicle_goes_no_farther_with_every_round(monkeypatch):
    """Asked at one place and at another in turn, it comes clear of both and not farther."""
    bones, meshes, body = rod_and_ball(monkeypatch, 2)
    middle = (bones.parts == 0) & (np.abs(bones.template[:, 0] + 0.1) < 0.004)
    few, many = (apart(bones, meshes, body, reach=0.09, rounds=rounds).template for rounds in (6, 30))
    assert (few - bones.template)[middle, 1].mean() > 0.002
    assert np.abs(many - few)[middle].max() < 0.0005


def test_a_rib_that_gives_way_takes_its_neighbours_along():
    """The fourth of three ribs 22 mm apart is pressed in; their ends at the vertebrae stay."""
    along = np.linspace(0, 0.2, 80)
    ribs = [np.column_stack([-0.1 + 0 * along, 0.022 * k + 0 * along, along]) for k in range(3)]
    balls = [trimesh.creation.icosphere(2, 0.009).vertices + rib[0] - [0, 0, 0.011] for rib in ribs]
    names = tuple(f"{kind}{n:02d}{side}" for kind, side in (("rib_", "_r"), ("vertebra_t", "")) for n in (5, 4, 3))
    parts = np.repeat(range(6), [len(points) for points in (*ribs, *balls)])
    bones = BoneSpace(names, parts, np.concatenate([*ribs, *balls]), np.zeros((6, 3, 4, 10)))
    ((ids, held),) = contacts.rods(bones)
    assert set(parts[ids]) == {0, 1, 2}
    assert bones.template[ids[held], 2].max() < 0.01
    asked = np.zeros((len(ids), 3))
    middle = np.abs(bones.template[ids, 2] - 0.1) < 0.02
    asked[(parts[ids] == 1) & middle, 0] = 0.01
    inwards = contacts.bent(bones.template[ids], asked, held)[:, 0]
    pressed, beside = inwards[(parts[ids] == 1) & middle].min(), inwards[(parts[ids] != 1) & middle]
    assert pressed > 0.0095
    assert 0.3 * pressed < beside.min() < beside.max() < 0.8 * pressed
    assert inwards[held].max() < 0.0005


def test_bones_that_lack_much_everywhere_do_not_crowd_out_another(monkeypatch):
    lacks = np.zeros((50, 3))
    lacks[:40, 0] = np.linspace(0.010, 0.009, 40)
    lacks[45, 1] = 0.001
    monkeypatch.setattr(contacts, "WORST", 10)
    hardest = contacts._hardest(lacks)
    assert hardest[:2].tolist() == [0, 45]
    assert len(hardest) == 10
    assert lacks[hardest].max(1).min() > 0  # those in which nothing lacks are not looked at again
    assert contacts._hardest(np.zeros((50, 3))).size == 0


@pytest.mark.parametrize(("other", "given"), [("rib_05_r", 0.0015), ("vertebra_t07", 0.001), ("hip_bone_r", 0.0)])
def test_ribs_keep_from_each_other_and_from_vertebrae_at_rest(other, given):
    """3 mm, of which 2 are lacking: of two ribs the lower one gives more, others half. Other bones may touch."""
    bones, meshes = balls(("rib_04_r", [-0.1, 0, 0]), (other, [-0.1, 0.041, 0]))
    lack = Contacts(bones, meshes).lacking(bones.template)[1]
    assert lack.max(initial=0) == pytest.approx(given, abs=1e-4)
