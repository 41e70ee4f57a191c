"""The open bodies against anatomy: bones inside the skin, joints where their bones meet, angles that turn the right way."""

import functools

import numpy as np
import pytest
import torch
import trimesh
from osteon.core.anatomy.joints import JOINT_INDEX, POSE_INDEX
from osteon.core.anatomy.limits import mirror_pose
from osteon.core.bodies.load import load_body
from osteon.core.learning.inside import Skin
from osteon.core.learning.report import contact
from osteon.core.learning.report.bone_growth import unequal_growth
from osteon.core.learning.report.containment import breach
from osteon.core.learning.report.sampling import random_poses, random_shapes
from osteon.core.learning.skel.template_landmarks import fit_sphere
from osteon.core.learning.skel.train import OTHER_SIDE
from scipy.spatial import cKDTree

GENDERS = ("male", "female", "neutral", "child")
SIDES = "rl"
LIMB_CENTRES = {  # joint: the two landmarks on whose middle it lies
    "tibia": ("femur_lateral_epicondyle", "femur_medial_epicondyle"),
    "talus": ("lateral_malleolus", "medial_malleolus"),
    "ulna": ("humerus_lateral_epicondyle", "humerus_medial_epicondyle"),
    "hand": ("radial_styloid", "ulnar_styloid"),
}


@functools.cache
def open_body(gender):
    return load_body(f"open-{gender}")


def shapes(count):
    betas = np.clip(np.random.default_rng(2).standard_normal((count, 10)), -2.5, 2.5)
    betas[0] = 0
    return torch.tensor(betas)


def at_rest(body, betas=None):
    betas = torch.zeros(1, 10, dtype=torch.float64) if betas is None else betas
    return body(torch.zeros(len(betas), 46, dtype=torch.float64), betas, bones=True)


def check_shape(body, beta):
    """How much of the bones is inside, the deepest breach, and the joints' misses, of one shape at rest; metres."""
    rest = at_rest(body, beta[None])
    bones, joints = rest.bones[0].numpy(), rest.joints[0].numpy()
    skin = Skin(rest.skin[0].numpy(), body.faces)
    near = skin.shallow(bones, 0.002)
    depth = skin.true_depth(bones[near])
    marks = body.data.landmarks
    misses = {}
    for side in SIDES:
        for bone, mark in (("femur", "femoral_head"), ("humerus", "humeral_head")):
            head = fit_sphere(bones[marks[f"{mark}_{side}"]])[0]
            misses[f"{bone}_{side}"] = np.linalg.norm(head - joints[JOINT_INDEX[f"{bone}_{side}"]])
        for joint, ends in LIMB_CENTRES.items():
            middle = np.mean([bones[marks[f"{end}_{side}"]].mean(0) for end in ends], 0)
            misses[f"{joint}_{side}"] = np.linalg.norm(middle - joints[JOINT_INDEX[f"{joint}_{side}"]])
    return 1 - (depth < 0).sum() / len(bones), max(0.0, -depth.min()), misses


@pytest.mark.parametrize(
    ("gender", "count"),
    [*((gender, 3) for gender in GENDERS), *(pytest.param(g, 101, marks=pytest.mark.slow) for g in GENDERS)],
)
def test_bones_are_inside_and_joints_between_their_bones(gender, count):
    body = open_body(gender)
    for beta in shapes(count):
        inside, furthest, misses = check_shape(body, beta)
        assert inside >= 0.997, beta
        assert furthest <= 0.001, beta
        heads = ("femur", "humerus")
        assert max(miss for joint, miss in misses.items() if joint.startswith(heads)) <= 0.003, misses
        assert max(misses.values()) <= 0.005, misses


@pytest.mark.parametrize(
    ("gender", "count"),
    [*((gender, 3) for gender in GENDERS), *(pytest.param(g, 40, marks=pytest.mark.slow) for g in GENDERS)],
)
def test_posed_bones_are_inside(gender, count):
    body = open_body(gender)
    breaches = []
    for pose, beta in zip(*random_poses(body, count, seed=3)[:2], strict=True):
        out = body(torch.tensor(pose[None]), torch.tensor(beta[None]), bones=True)
        breaches.append(breach(body, Skin(out.skin[0].numpy(), body.faces), out.bones[0].numpy()))
    assert np.mean([b.inside for b in breaches]) >= 0.999
    assert np.mean([b.furthest for b in breaches]) <= 1.5
    assert max(b.furthest for b in breaches) <= 8, max(breaches, key=lambda b: b.furthest)


@pytest.mark.slow
@pytest.mark.parametrize("gender", GENDERS)
def test_posed_bones_keep_apart(gender):
    """Bones that share no joint do not enter each other, and scapulae glide on the ribs: neither in them nor far off."""
    body = open_body(gender)
    parts = contact.cut(body, at_rest(body).bones[0].numpy())
    for pose, beta in zip(*random_poses(body, 40, seed=3)[:2], strict=True):
        posed = body(torch.tensor(pose[None]), torch.tensor(beta[None]), skin=False, bones=True).bones[0].numpy()
        deepest = max(contact.intersections(parts, posed), key=lambda pair: pair.depth, default=None)
        assert deepest is None or deepest.depth <= 2, deepest
        for gap, entered in contact.scapular_gaps(parts, posed).values():
            assert 1 <= gap <= 20
            assert entered < 15


@pytest.mark.parametrize("gender", GENDERS)
def test_shoulders_are_smooth_when_arms_hang(gender):
    """Skin that gives way to bones in harsh poses shall have no corner in the most usual one."""
    body = open_body(gender)
    q = np.zeros(46)
    for name, degrees in {"shoulder_r_x": 70, "scapula_upward_rot_r": -12, "elbow_flexion_r": 8}.items():
        q[POSE_INDEX[name]] = np.radians(degrees)
    skins = body(torch.tensor(np.array([np.zeros(46), q + mirror_pose(q)]))).skin.numpy()
    weights = body.data.skin_weights[:, [JOINT_INDEX["humerus_r"], JOINT_INDEX["scapula_r"]]].sum(1)
    shoulder = np.flatnonzero(np.asarray(weights).ravel() > 0.3)
    neighbours = trimesh.Trimesh(skins[0], body.faces, process=False).vertex_neighbors
    rest, hanging = (
        np.array([np.linalg.norm(skin[v] - skin[neighbours[v]].mean(0)) for v in shoulder]) for skin in skins
    )
    assert hanging.max() <= 1.1 * rest.max()
    assert np.percentile(hanging, 99) <= 1.1 * np.percentile(rest, 99)


@pytest.mark.parametrize("gender", GENDERS)
def test_bones_keep_their_shape(gender):
    """A bone that in some shape is flattened, or turned inside out, is no bone of a human."""
    unequal = unequal_growth(open_body(gender), random_shapes(500, 11))
    assert unequal.max() < 3.0  # of 500, 13 women have a flat clavicle, three men a thin sternum, a child a flat L5
    assert np.percentile(unequal, 95, axis=0).max() < 1.8


@pytest.mark.parametrize("gender", GENDERS)
def test_left_mirrors_right(gender):
    body = open_body(gender)
    rest = body.rest(shapes(4))
    mirror = torch.tensor([-1.0, 1, 1], dtype=torch.float64)
    for name, j in JOINT_INDEX.items():
        other = JOINT_INDEX[name[:-1] + "l"] if name.endswith("_r") else j
        if not name.endswith("_l"):
            assert torch.allclose(rest.joints[:, j] * mirror, rest.joints[:, other], atol=1e-6), name
    names = {name: part for part, name in enumerate(body.bone_part_names)}
    bones = at_rest(body).bones[0]
    for name, part in names.items():
        if name.endswith("_r"):
            left = bones[body.bone_parts == names[name[:-1] + "l"]]
            assert torch.allclose(bones[body.bone_parts == part] * mirror, left, atol=1e-6), name
    skin, across = body.data.skin_template, np.array([-1, 1, 1])
    distance, twin = cKDTree(skin).query(skin * across)
    assert distance.max() < 1e-6
    assert np.abs(body.data.shapedirs[twin] * across[:, None] - body.data.shapedirs).max() < 1e-6
    assert abs(body.data.skin_weights[twin][:, OTHER_SIDE] - body.data.skin_weights).max() < 1e-6


@pytest.mark.parametrize("gender", GENDERS)
def test_the_patellar_ligament_keeps_its_length(gender):
    """From the patella's apex to the tibial tuberosity, however the knee bends; and the patella stays before the femur."""
    body = open_body(gender)
    q = np.zeros((15, 46))
    q[:, POSE_INDEX["knee_angle_r"]] = np.radians(np.arange(0, 150, 10) * 135 / 140)
    bones = body(torch.tensor(q), skin=False, bones=True).bones.numpy()
    patella, tibia, femur = (
        bones[:, body.bone_parts == body.bone_part_names.index(f"{name}_r")] for name in ("patella", "tibia", "femur")
    )
    knee = body.template_joints[JOINT_INDEX["tibia_r"]]
    apex = patella[0, :, 1].argmin()
    below = knee[1] - tibia[0, :, 1]
    tuberosity = np.where((below > 0.03) & (below < 0.075), tibia[0, :, 2], -1).argmax()
    length = np.linalg.norm(patella[:, apex] - tibia[:, tuberosity], axis=1)
    assert 0.02 < length[0] < 0.08
    assert np.abs(length - length[0]).max() < 0.003
    faces = body.bone_faces[
        (np.asarray(body.bone_parts)[body.bone_faces] == body.bone_part_names.index("femur_r")).all(1)
    ]
    for there, thigh in zip(patella, femur, strict=True):
        gap = -Skin(thigh, faces - faces.min()).depth(there).max()
        assert -0.0005 < gap < 0.01


@pytest.mark.parametrize("gender", GENDERS)
def test_every_bone_is_there_and_whole(gender):
    body = open_body(gender)
    names = body.bone_part_names
    assert len(names) == len(set(names)) == 178
    for stem, count in {
        "vertebra": 24,
        "rib": 24,
        "phalanx": 56,
        "metacarpal": 10,
        "metatarsal": 10,
        "patella": 2,
    }.items():
        assert sum(name.startswith(stem) for name in names) == count
    # A bone's triangles stay within it, and its surface looks outwards.
    parts = np.asarray(body.bone_parts)[body.bone_faces]
    assert (parts == parts[:, :1]).all()
    corners = at_rest(body).bones[0].numpy()[body.bone_faces]
    volume = (corners[:, 0] * np.cross(corners[:, 1], corners[:, 2])).sum(1) / 6
    assert (np.bincount(parts[:, 0], volume) > 0).all()


@pytest.mark.parametrize("gender", GENDERS)
def test_weights_and_regressors_are_means(gender):
    data = open_body(gender).data
    for matrix in (data.skin_weights, data.bone_weights, data.joint_regressor):
        assert np.allclose(np.asarray(matrix.sum(1)), 1, atol=1e-6)
        assert matrix.data.min() >= 0
    # A vertebra is never bent: all its vertices have the same weights.
    for part, name in enumerate(data.bone_part_names):
        if name.startswith("vertebra"):
            rows = data.bone_weights[data.bone_parts == part].toarray()
            assert np.ptp(rows, axis=0).max() == 0


@pytest.mark.parametrize("gender", GENDERS)
def test_skin_is_closed_and_stands_in_the_t_pose(gender):
    data = open_body(gender).data
    edges = np.concatenate([data.faces[:, [i, (i + 1) % 3]] for i in range(3)])
    assert {(a, b) for a, b in edges.tolist()} == {(b, a) for a, b in edges.tolist()}
    joints = open_body(gender).template_joints
    at = {name: joints[j] for name, j in JOINT_INDEX.items()}
    arm = at["hand_l"] - at["humerus_l"]
    leg = at["talus_r"] - at["femur_r"]
    assert arm[0] > 0.99 * np.linalg.norm(arm)
    assert -leg[1] > 0.99 * np.linalg.norm(leg)
    assert data.skin_template[:, 2][data.skin_template[:, 1] < joints[3, 1]].max() > 0.1  # toes forward


def test_proportions_are_those_of_adults():
    """Stature within a standard deviation of ANSUR II; de Leva's segment ratios with margins."""
    for gender, stature in (("male", 1.756), ("female", 1.629)):
        body = open_body(gender)
        joints = body.template_joints
        height = np.ptp(body.data.skin_template[:, 1])
        assert abs(height - stature) < 0.068

        def length(a, b, joints=joints):
            return np.linalg.norm(joints[JOINT_INDEX[a]] - joints[JOINT_INDEX[b]])

        assert 0.225 < length("femur_r", "tibia_r") / height < 0.255
        assert 0.230 < length("tibia_r", "talus_r") / height < 0.260
        assert 0.145 < length("humerus_r", "ulna_r") / height < 0.175
        assert 0.130 < length("ulna_r", "hand_r") / height < 0.158  # MakeHuman's women have short forearms
        assert 0.090 < length("femur_r", "femur_l") / height < 0.110
        assert 0.180 < length("humerus_r", "humerus_l") / height < 0.215


# Which way a joint moves when its angle grows: (angle, joint that moves or bone, direction in SMPL axes).
# Arms are in the T pose; the signs are those of OpenSim's coordinates.
FORWARD, UP, LEFT = np.array([0, 0, 1.0]), np.array([0, 1.0, 0]), np.array([1.0, 0, 0])


def directions():
    for side, out in (("r", -LEFT), ("l", LEFT)):
        right = side == "r"
        yield f"hip_flexion_{side}", f"tibia_{side}", FORWARD
        yield f"hip_adduction_{side}", f"tibia_{side}", -out
        yield f"knee_angle_{side}", f"talus_{side}", -FORWARD
        yield f"ankle_angle_{side}", f"toes_{side}", UP
        yield f"hip_rotation_{side}", f"toes_{side}", -out
        yield f"subtalar_angle_{side}", f"toes_{side}", -out
        yield f"mtp_angle_{side}", f"phalanx_distal_foot_2_{side}", -UP
        yield f"shoulder_{side}_x", f"ulna_{side}", -UP if right else UP
        yield f"shoulder_{side}_y", f"ulna_{side}", FORWARD if right else -FORWARD
        yield f"shoulder_{side}_z", f"phalanx_distal_hand_1_{side}", UP
        yield f"elbow_flexion_{side}", f"hand_{side}", FORWARD
        yield f"pro_sup_{side}", f"phalanx_distal_hand_1_{side}", -UP
        yield f"wrist_flexion_{side}", f"phalanx_distal_hand_3_{side}", -UP
        yield f"wrist_deviation_{side}", f"phalanx_distal_hand_3_{side}", -FORWARD
        yield f"scapula_abduction_{side}", f"scapula_{side}", FORWARD if right else -FORWARD
        yield f"scapula_elevation_{side}", f"scapula_{side}", -UP if right else UP
        yield f"scapula_upward_rot_{side}", f"ulna_{side}", UP
    for region, joint in (("lumbar", "thorax"), ("thorax", "head"), ("head", "skull")):
        yield f"{region}_bending", joint, -LEFT
        yield f"{region}_extension", joint, -FORWARD
    yield "pelvis_tilt", "head", -FORWARD
    yield "pelvis_list", "head", -LEFT
    yield "pelvis_rotation", "humerus_r", FORWARD
    yield "lumbar_twist", "humerus_r", FORWARD
    yield "thorax_twist", "humerus_r", FORWARD
    yield "head_twist", "mandible", LEFT


@pytest.mark.parametrize(
    ("angle", "moved", "direction"), list(directions()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_angles_turn_the_way_their_names_say(angle, moved, direction):
    body = open_body("neutral")
    pose = torch.zeros(2, 46, dtype=torch.float64)
    pose[1, POSE_INDEX[angle]] = 0.1
    out = body(pose, torch.zeros(2, 10, dtype=torch.float64), bones=True)
    if moved in JOINT_INDEX:
        start, end = out.joints[:, JOINT_INDEX[moved]].numpy()
    else:
        start, end = out.bones[:, body.bone_parts == list(body.bone_part_names).index(moved)].numpy().mean(1)
    step = end - start
    assert step @ direction > 0.003
    assert step @ direction > 0.5 * np.linalg.norm(step)
