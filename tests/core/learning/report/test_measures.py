"""Measures, sites and soft tissue on a man of boxes, whose dimensions are known."""

from types import SimpleNamespace

import numpy as np
import pytest
import trimesh
from osteon.core.anatomy.joints import JOINT_INDEX, JOINT_NAMES
from osteon.core.learning.inside import Skin
from osteon.core.learning.report import anthropometry, centres, containment, sites, soft_tissue

# Low and high corners, metres; the right side is at negative x.
SKIN = {
    "trunk": ((-0.18, 0.80, -0.10), (0.18, 1.50, 0.12)),
    "head": ((-0.08, 1.50, -0.09), (0.08, 1.80, 0.11)),
    "arm_r": ((-0.90, 1.35, -0.05), (-0.18, 1.45, 0.05)),
    "leg_r": ((-0.17, 0.06, -0.08), (-0.03, 0.80, 0.08)),
    "foot_r": ((-0.15, 0.00, -0.06), (-0.05, 0.06, 0.21)),
}
BONES = {
    "skull": ((-0.072, 1.60, -0.084), (0.072, 1.794, 0.105)),
    "mandible": ((-0.04, 1.55, 0.02), (0.04, 1.62, 0.10)),
    "sternum": ((-0.02, 1.25, 0.08), (0.02, 1.43, 0.11)),
    "vertebra_c7": ((-0.03, 1.48, -0.09), (0.03, 1.50, 0.02)),
    **{f"vertebra_l{n}": ((-0.03, 1.20 - 0.03 * n, -0.09), (0.03, 1.22 - 0.03 * n, 0.0)) for n in range(1, 6)},
    "clavicle_r": ((-0.15, 1.42, 0.02), (-0.01, 1.44, 0.04)),
    "scapula_r": ((-0.17, 1.28, -0.08), (-0.08, 1.44, -0.06)),
    "humerus_r": ((-0.48, 1.38, -0.02), (-0.17, 1.42, 0.02)),
    "ulna_r": ((-0.72, 1.39, -0.03), (-0.46, 1.41, 0.0)),
    "radius_r": ((-0.72, 1.39, 0.0), (-0.48, 1.41, 0.03)),
    **{f"metacarpal_{n}_r": ((-0.82, 1.39, 0.05 - 0.02 * n), (-0.74, 1.41, 0.065 - 0.02 * n)) for n in range(1, 6)},
    **{
        f"phalanx_{kind}_hand_{n}_r": ((low, 1.39, 0.05 - 0.02 * n), (high, 1.41, 0.065 - 0.02 * n))
        for n in range(1, 6)
        for kind, low, high in (("proximal", -0.86, -0.82), ("middle", -0.88, -0.86), ("distal", -0.89, -0.88))
        if (n, kind) != (1, "middle")
    },
    "hip_bone_r": ((-0.14, 0.85, -0.06), (0.0, 1.06, 0.09)),
    "femur_r": ((-0.16, 0.46, -0.03), (-0.06, 0.91, 0.03)),
    "tibia_r": ((-0.14, 0.07, -0.03), (-0.06, 0.44, 0.03)),
    "fibula_r": ((-0.15, 0.06, -0.03), (-0.14, 0.42, 0.0)),
    "rib_10_r": ((-0.13, 1.13, -0.05), (-0.02, 1.25, 0.05)),
    "patella_r": ((-0.12, 0.46, 0.04), (-0.08, 0.50, 0.06)),
    "calcaneus_r": ((-0.1001, 0.018, -0.04), (-0.0999, 0.05, 0.03)),
    "metatarsal_1_r": ((-0.08, 0.015, 0.05), (-0.06, 0.03, 0.15)),
    "metatarsal_2_r": ((-0.1001, 0.015, 0.05), (-0.0999, 0.03, 0.12)),
}
LANDMARKS = {  # bone, and the corner: share of its extent along x, y, z
    "femur_lateral_epicondyle": ("femur", (0, 0, 0.5)),
    "femur_medial_epicondyle": ("femur", (1, 0, 0.5)),
    "medial_malleolus": ("tibia", (1, 0, 0.5)),
    "lateral_malleolus": ("fibula", (0, 0, 0.5)),
    "humerus_lateral_epicondyle": ("humerus", (0, 1, 0.5)),
    "humerus_medial_epicondyle": ("humerus", (0, 0, 0.5)),
    "radial_styloid": ("radius", (0, 0.5, 1)),
    "ulnar_styloid": ("ulna", (0, 0.5, 0)),
}
CENTRES = {  # right side
    "femur": (-0.09, 0.90, 0.0),
    "tibia": (-0.11, 0.46, 0.0),
    "talus": (-0.105, 0.07, -0.0075),
    "humerus": (-0.18, 1.40, 0.0),
    "ulna": (-0.48, 1.40, 0.0),
    "hand": (-0.72, 1.40, 0.0),
}


def grid(low, high):
    """A box whose faces carry a grid of 9 x 9 vertices."""
    box = trimesh.creation.box(bounds=[low, high])
    for _ in range(3):
        box = box.subdivide()
    return box


def both_sides(boxes):
    for name, (low, high) in boxes.items():
        yield name, low, high
        if name.endswith("_r"):
            yield name[:-1] + "l", (-high[0], *low[1:]), (-low[0], *high[1:])


@pytest.fixture(scope="module")
def man():
    """Body, skin, bones and joints of the man of boxes."""
    meshes = {name: grid(low, high) for name, low, high in both_sides(BONES)}
    bones = np.concatenate([mesh.vertices for mesh in meshes.values()])
    parts = np.repeat(np.arange(len(meshes)), [len(mesh.vertices) for mesh in meshes.values()])
    names = tuple(meshes)
    landmarks = {}
    for name, (bone, share) in LANDMARKS.items():
        for side in "rl":
            own = np.flatnonzero(parts == names.index(f"{bone}_{side}"))
            low, high = bones[own].min(0), bones[own].max(0)
            x = share[0] if side == "r" else 1 - share[0]
            wanted = low + (high - low) * [x, *share[1:]]
            landmarks[f"{name}_{side}"] = own[[np.argmin(np.linalg.norm(bones[own] - wanted, axis=1))]]
    sphere = trimesh.creation.icosphere(2, 0.024).vertices
    for joint, head in centres.HEADS.items():
        for side, sign in (("r", 1), ("l", -1)):
            landmarks[f"{head}_{side}"] = np.arange(len(bones), len(bones) + len(sphere))
            bones = np.concatenate([bones, sphere + np.array(CENTRES[joint]) * [sign, 1, 1]])
            parts = np.concatenate([parts, np.full(len(sphere), -1)])
    joints = np.zeros((len(JOINT_NAMES), 3))
    for joint, place in CENTRES.items():
        joints[JOINT_INDEX[f"{joint}_r"]] = place
        joints[JOINT_INDEX[f"{joint}_l"]] = np.array(place) * [-1, 1, 1]
    skin = trimesh.util.concatenate([grid(low, high) for _, low, high in both_sides(SKIN)])
    body = SimpleNamespace(
        gender="male", bone_parts=parts, bone_part_names=names, data=SimpleNamespace(landmarks=landmarks)
    )
    return body, Skin(np.asarray(skin.vertices), np.asarray(skin.faces)), bones, joints


@pytest.fixture(scope="module")
def found(man):
    body, _, bones, _ = man
    return sites.locate(bones, body.bone_parts, body.bone_part_names, body.data.landmarks)


@pytest.fixture(scope="module")
def dimensions(man, found):
    body, skin, bones, joints = man
    return anthropometry.measure(body, found, skin, bones, joints)


@pytest.mark.parametrize(
    ("measure", "millimetres"),
    {
        "stature": 1800,
        "span": 1800,
        "C7 height": 1490,  # between its spinous process's top and bottom
        "suprasternale height": 1430,
        "tenth rib height": 1130,
        "iliocristale height": 1060,
        "trochanterion height": 910,
        "crotch height": 800,
        "mid-patella height": 480,
        "lateral femoral epicondyle height": 460,
        "tibiale height": 440,
        "lateral malleolus height": 60,
        "sitting height": 950,
        "trochanterion to epicondyle": 450,
        "bicristal breadth": 280,
        "chest breadth": 360,
        "chest depth": 220,
        "waist breadth": 360,
        "hip breadth": 360,
        "buttock depth": 220,
        "head breadth": 160,
        "head length": 200,
        "foot length": 270,
        "foot breadth": 100,
        "femoral bicondylar breadth": 100,
        "humeral bicondylar breadth": 40,
        "bitrochanteric breadth": 320,
        "upper arm": 300,
        "forearm": 240,
        "hand": 101,  # to the top of the end of the metacarpal
        "thigh": 1000 * np.hypot(0.02, 0.44),
        "femoral head radius": 24,
        "femur": 1000 * np.sqrt(0.1**2 + 0.45**2 + 0.06**2),
        "clavicle": 1000 * np.sqrt(0.14**2 + 0.02**2 + 0.02**2),
        "sternum": 180,
        "between hip centres": 180,
        "ball of foot length": 200,
    }.items(),
)
def test_measures_of_the_man_of_boxes(dimensions, measure, millimetres):
    # Where all vertices of a face are as extreme, the site is any of them: half a bone's thickness is free.
    free = {"C7 height": 12, "ball of foot length": 11}.get(measure, 1)
    assert dimensions[measure] == pytest.approx(millimetres, abs=free)


@pytest.mark.parametrize(("finger", "lengths"), [("thumb", (80, 40, 10)), ("middle", (80, 40, 20, 10))])
def test_metacarpals_are_shares_of_rays(dimensions, finger, lengths):
    diagonals = np.sqrt(np.square(lengths) + 20.0**2 + 15.0**2)
    assert dimensions[f"metacarpal / ray, {finger}"] == pytest.approx(diagonals[0] / diagonals.sum(), abs=1e-6)


def test_every_published_measure_is_taken(dimensions):
    from osteon.core.learning.report import published

    wanted = {*published.ANSUR_II, *published.BONE_LENGTHS, *published.SEGMENTS, *published.RAYS, *published.SHARES}
    assert wanted <= set(dimensions)
    assert set(published.REGRESSIONS) <= set(published.ANSUR_II)


def test_mass_is_volume_times_density(dimensions):
    litres = sum(1000 * np.prod(np.subtract(high, low)) for _, low, high in both_sides(SKIN))
    assert dimensions["mass"] == pytest.approx(anthropometry.DENSITY / 1000 * litres, rel=1e-6)


def test_limbs_are_told_by_the_joint_centres(man):
    body, _, bones, joints = man
    misses = centres.misses(body, bones, joints)
    assert misses["femur_r"] == pytest.approx(0, abs=0.1)
    assert misses["hand_l"] == pytest.approx(0, abs=0.1)
    assert misses["tibia_r"] == pytest.approx(0, abs=0.1)
    moved = joints.copy()
    moved[JOINT_INDEX["tibia_r"]] += [0, 0.003, 0.004]
    assert centres.misses(body, bones, moved)["tibia_r"] == pytest.approx(5, abs=0.1)


def test_soft_tissue_over_the_boxes(man, found):
    _, skin, bones, _ = man
    depths = soft_tissue.depths(found, skin, bones, at_rest=True)
    assert set(depths) == set(soft_tissue.PUBLISHED)
    assert depths["vertex"] == pytest.approx([6], abs=0.01)
    assert depths["occiput"] == pytest.approx([6], abs=0.01)
    assert depths["zygion"] == pytest.approx([8, 8], abs=0.01)
    assert depths["sternum"] == pytest.approx([10], abs=0.01)
    assert depths["patella"] == pytest.approx([20, 20], abs=0.01)
    assert depths["heel pad"] == pytest.approx([18, 18], abs=0.01)
    assert depths["thigh, middle, in front"] == pytest.approx([50, 50], abs=0.01)
    assert depths["calf, behind the tibia"] == pytest.approx([50, 50], abs=0.01)
    assert depths["lumbar spinous processes"] == pytest.approx([10] * 5, abs=0.01)
    posed = soft_tissue.depths(found, skin, bones, at_rest=False)
    assert "calf, behind the tibia" not in posed


def test_marks_of_soft_tissue():
    site = soft_tissue.PUBLISHED["patella"]
    none = np.array([])
    assert soft_tissue.mark(site, np.array([4.0, 8.0]), none) == ""
    assert soft_tissue.mark(site, np.array([14.0, 16.0]), none) == "deep"
    assert soft_tissue.mark(site, np.array([0.5, 2.0]), none) == "shallow, through the skin"
    assert soft_tissue.mark(site, np.array([5.0]), np.array([6.0, -1.0])) == "through when posed"
    assert soft_tissue.reason("patella", np.array([5.0]), np.array([6.0, -1.0]))
    assert not soft_tissue.reason("patella", np.array([5.0]), np.array([6.0, -9.0]))  # no reason explains so much
    assert not soft_tissue.reason("patella", np.array([0.5, 9.0]), none)
    assert not soft_tissue.reason("sternum", np.array([30.0]), none)


def test_off_what_is_typical():
    heel, patella = soft_tissue.PUBLISHED["heel pad"], soft_tissue.PUBLISHED["patella"]
    assert soft_tissue.off_typical(heel, np.array([15.8, 17.8])) == pytest.approx(-2.0)
    assert soft_tissue.off_typical(patella, np.array([5.0, 6.0])) == 0
    assert soft_tissue.off_typical(patella, np.array([7.0])) == pytest.approx(1.0)


def test_depths_are_those_of_every_single_winding_number():
    """Around a fold, where the nearest skin misleads: a ball with a thin slit from above."""
    ball = trimesh.creation.icosphere(4, 0.1)
    slit = (np.abs(ball.vertices[:, 0]) < 0.012) & (ball.vertices[:, 1] > 0)
    ball.vertices[slit, 1] = -0.05
    skin = Skin(np.asarray(ball.vertices), np.asarray(ball.faces))
    points = np.random.default_rng(0).uniform(-0.12, 0.12, (2000, 3))
    depth = skin.true_depth(points)
    assert np.abs(depth) == pytest.approx(np.abs(skin.depth(points)))
    assert ((depth > 0) == ((skin.depth(points) > 0) | (skin.winding(points) > 0.5))).all()
    assert (depth > 0).any()
    assert (depth < 0).any()


def test_a_bone_that_sticks_out_is_found(man):
    body, skin, bones, _ = man
    assert containment.breach(body, skin, bones[body.bone_parts == body.bone_part_names.index("skull")]).inside == 1
    out = bones.copy()
    patella = np.flatnonzero(body.bone_parts == body.bone_part_names.index("patella_l"))
    out[patella[0], 2] = 0.095  # the skin is at 0.08
    found = containment.breach(body, skin, out)
    assert found.bone == "patella_l"
    assert found.furthest == pytest.approx(15, abs=0.01)
