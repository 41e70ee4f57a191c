import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from osteon.core import cli
from osteon.core.anatomy.joints import JOINT_INDEX, POSE_INDEX
from osteon.core.anatomy.limits import within
from osteon.core.bodies.load import load_body
from osteon.core.bodies.skel import Skel
from osteon.core.bodies.stature import betas_for
from osteon.core.learning.report import bone_growth, report, sampling, sites
from osteon.core.learning.report.summary import summary
from osteon.core.learning.report.tables import Table, as_markdown, as_text


@pytest.fixture(scope="module")
def body():
    return load_body("open-male")


def test_distances_of_segments():
    a, b, c, d = (np.array(p, float) for p in zip(*SEGMENT_PAIRS, strict=True))
    assert sampling.segment_distances(a, b, c, d) == pytest.approx([2, 1, 1, 0, 5])


SEGMENT_PAIRS = [
    ((0, 0, 0), (1, 0, 0), (0, 2, 0), (1, 2, 0)),  # parallel
    ((-1, 0, 0), (1, 0, 0), (0, -1, 1), (0, 1, 1)),  # across
    ((0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0)),  # one behind the other
    ((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0)),  # crossing
    ((0, 0, 0), (0, 0, 0), (3, 4, 0), (3, 4, 9)),  # a point
]


def test_random_poses_keep_limits_and_distance(body):
    poses, shapes, rejected = sampling.random_poses(body, 5, seed=3)
    assert poses.shape == (5, 46)
    assert np.abs(shapes).max() <= sampling.BETA_BOUND
    assert within(poses, body.limits).all()
    assert (poses[:, :3] == 0).all()  # the root stays
    assert 0 <= rejected < 0.95
    starts, ends = sampling.capsule_ends(body, body(torch.tensor(poses), torch.tensor(shapes), skin=False), shapes)
    radii, touching = sampling.resting_capsules(body, shapes)
    for *capsules, most in zip(starts, ends, radii, touching, strict=True):
        assert (sampling.overlap(*capsules) <= most + sampling.ROUNDING).all()


def test_limbs_are_as_thick_as_the_shape_has_them(body):
    shapes = 2.0 * np.eye(10)[:3]
    radii = sampling.resting_capsules(body, shapes)[0]
    alone = np.concatenate([sampling.resting_capsules(body, shape[None])[0] for shape in shapes])
    assert np.abs(radii - alone).max() < 1e-12
    assert np.abs(radii - sampling.resting_capsules(body, np.zeros((1, 10)))[0]).max(1).min() > 0.002
    arm_at_the_side = np.zeros((1, 46))
    arm_at_the_side[0, POSE_INDEX["shoulder_r_x"]] = np.radians(80)
    lean, stout = (betas_for(body, stature=1.76, mass=mass)[None] for mass in (60, 110))
    assert sampling.limbs_apart(body, arm_at_the_side, lean)
    assert not sampling.limbs_apart(body, arm_at_the_side, stout)


def test_limbs_that_touch_in_the_t_pose_go_no_deeper():
    """A thigh against its own side's trunk, on whose end it turns: as deep until it is flexed beyond a right angle."""
    neutral = load_body("open-neutral")
    stout = betas_for(neutral, stature=1.70, mass=125)[None]
    trunk = [{sampling.CAPSULES[i], sampling.CAPSULES[k]} for i, k in sampling.PAIRS].index({"trunk_r", "thigh_r"})
    assert sampling.resting_capsules(neutral, stout)[1][0, trunk] > 0.01
    poses = np.zeros((3, 46))
    poses[1:, POSE_INDEX["hip_flexion_r"]] = np.radians([60, 115])
    assert sampling.limbs_apart(neutral, poses, stout).tolist() == [True, True, False]


def test_capsules_end_where_the_bones_of_the_shape_do(body):
    shapes = np.array([[0.0] * 10, [-2.0, 0, 1.5, *[0] * 7]])
    out = body(torch.zeros(2, 46, dtype=torch.float64), torch.tensor(shapes), skin=False, bones=True)
    starts, ends = sampling.capsule_ends(body, out, shapes)
    middles = out.bones[:, body.bone_labels == JOINT_INDEX["head"]].mean(1).numpy()
    head = sampling.CAPSULES.index("head")
    assert np.abs((starts[:, head] + ends[:, head]) / 2 - middles).max() < 1e-9


def test_harsh_poses_bend_spines_and_shoulders_farther_and_have_rarer_shapes(body):
    trunk = [
        i for name, i in POSE_INDEX.items() if name.startswith(("lumbar", "thorax", "head", "scapula", "shoulder"))
    ]
    usual, harsh = (sampling.random_poses(body, 60, 5, harsh=way) for way in (False, True))
    for poses, shapes, _ in (usual, harsh):
        assert within(poses, body.limits).all()
        assert np.abs(shapes).max() <= sampling.BETA_BOUND
    assert harsh[1].std() > 1.1 * usual[1].std()
    assert np.abs(harsh[0][:, trunk]).mean() > 1.1 * np.abs(usual[0][:, trunk]).mean()


@pytest.mark.parametrize(
    ("angles", "through"),
    [
        ({}, set()),
        ({"shoulder_r_x": 78, "shoulder_l_x": -78}, set()),  # hanging arms
        ({"hip_flexion_r": 90, "knee_angle_r": 90}, set()),
        ({"hip_adduction_r": 30, "hip_adduction_l": 30}, {("thigh_l", "thigh_r")}),
        ({"shoulder_r_x": 115}, {("trunk_r", "upper_arm_r"), ("forearm_r", "trunk_r")}),
        ({"shoulder_r_y": 37, "elbow_flexion_r": 142, "shoulder_r_z": 8}, {("chest", "hand_r")}),
    ],
)
def test_limbs_that_pass_through_the_body_are_seen(body, angles, through):
    pose = torch.zeros(1, 46, dtype=torch.float64)
    for name, degrees in angles.items():
        pose[0, POSE_INDEX[name]] = np.radians(degrees)
    mean = np.zeros((1, 10))
    starts, ends = sampling.capsule_ends(body, body(pose, skin=False), mean)
    overlap = sampling.overlap(starts[0], ends[0], sampling.resting_capsules(body, mean)[0][0])
    found = {tuple(sorted(sampling.CAPSULES[k] for k in pair)) for pair in sampling.PAIRS[overlap > 0]}
    assert found >= through
    assert bool(found) == bool(through), found


def test_sites_lie_where_their_names_say(body):
    found = sites.find_sites(body)
    rest = body(torch.zeros(1, 46, dtype=torch.float64), skin=False, bones=True)
    at = {name: rest.bones[0, k].numpy() for name, k in found.items()}
    for name in at:
        if name.endswith("_r"):
            assert at[name] * [-1, 1, 1] == pytest.approx(at[name[:-1] + "l"], abs=0.002), name
    assert at["asis_r"][2] > at["psis_r"][2] + 0.08
    assert at["iliocristale_r"][1] > at["asis_r"][1] > at["trochanterion_r"][1] > at["ischium_r"][1]
    assert at["vertex"][1] > at["forehead"][1] > at["chin"][1] > at["spinous_c7"][1] > at["sternum"][1]
    assert at["olecranon_r"][2] < min(at["humerus_lateral_epicondyle_r"][2], at["humerus_medial_epicondyle_r"][2])
    assert at["acromion_r"][0] < at["clavicle_r"][0] < 0
    assert at["tibial_tuberosity_r"][1] < at["tibiale_r"][1]
    assert at["patella_r"][2] > at["femur_lateral_epicondyle_r"][2]
    parts = {name: body.bone_part_names[body.bone_parts[k]] for name, k in found.items()}
    assert parts["mt2_plantar_l"] == "metatarsal_2_l"
    assert parts["gonion_l"] == "mandible"


def test_tables():
    table = Table("Heights", ("what", "mm", "note"), [("stature", "1800.0", "a|b"), ("knee", "-5", "")], ("A note.",))
    assert as_text(table).splitlines()[2:] == [
        "what         mm  note",
        "---------------------",
        "stature  1800.0  a|b",
        "knee         -5",
        "A note.",
    ]
    assert "| stature | 1800.0 | a/b |" in as_markdown(table)


def test_a_bone_that_is_flattened_or_turned_inside_out_is_seen(body):
    maps = np.zeros_like(body.data.part_shapedirs)
    maps[0, 0, 0, 0] = 0.5  # three times as long with beta 4, as thin as a third with beta -4/3
    maps[2, 2, 2, 1] = -0.5
    maps[3, :2, :2, 2] = [[0, -1], [1, 0]]  # turns, and grows the same both ways
    changed = Skel(replace(body.data, part_shapedirs=maps))
    betas = np.zeros((4, 10))
    betas[0, 0], betas[1, 0], betas[2, 1], betas[3, 2] = 4, -4 / 3, 4, 1
    found = bone_growth.unequal_growth(changed, betas)
    assert found[:2, 0] == pytest.approx(3)
    assert np.isinf(found[2, 2])
    assert found[3, 3] == pytest.approx(np.sqrt(2))
    assert (found[:, 4:] == 1).all()
    worst = bone_growth.growth_report(changed, betas)
    assert [row["bone"] for row in worst["bones"][:2]] == ["sacrum", "hip_bone_r"]
    assert [row["marked"] for row in worst["bones"]] == [True, True, *[False] * 6]
    assert bone_growth.times(worst["worst"]) == "inside out"
    json.dumps(worst, allow_nan=False)


def test_official_bodies_have_no_growth_of_single_bones(body):
    assert bone_growth.growth_report(Skel(replace(body.data, part_shapedirs=None, patella_path=None)), None) is None


def few(monkeypatch):
    for name, value in {"QUICK_SHAPES": 2, "QUICK_POSES": 2, "QUICK_MEASURED": 1}.items():
        monkeypatch.setattr(report, name, value)


def check(answer):
    part = answer["inside"]["posed"]
    assert 0 < part["share_inside_worst"] <= part["share_inside_mean"] <= 1
    assert {row["joint"] for row in answer["joint_centres"]} == {"hip", "shoulder", "knee", "ankle", "elbow", "wrist"}
    assert all(np.isfinite(row["ours"]) for row in answer["anthropometry"])
    assert all(row["rest"]["least"] <= row["rest"]["mean"] <= row["rest"]["most"] for row in answer["soft_tissue"])
    assert len(answer["hip_centre"]) == 3


def test_bench_writes_its_report(monkeypatch, tmp_path, capsys):
    few(monkeypatch)
    folder = tmp_path / "report"
    assert cli.main(["bench", "body", "open-female", "--quick", "--out", str(folder)]) == 0
    printed = capsys.readouterr().out
    (written,) = json.loads((folder / "report.json").read_text())
    check(written)
    assert printed.startswith("Summary")
    shown = summary([written, written | {"bone_growth": None}])
    assert {len(row) for row in shown.rows} == {4}
    (growth,) = (row for row in shown.rows if row[0].startswith("bones grow unequally"))
    assert growth[2]
    assert not growth[3]
    assert shown.rows[0][2:] == [f"{written['inside']['rest']['share_inside_mean']:.2%}, 0.0 mm"] * 2
    for title in ("bones inside the skin", "soft tissue", "bones against bones", "scapulae and ribs", "dimensions"):
        assert title in printed
        assert title in (folder / "report.md").read_text()


def test_bench_of_an_unknown_body_is_an_error(capsys):
    assert cli.main(["bench", "body", "nobody", "--quick"]) == 2
    assert "nobody" in capsys.readouterr().err


@pytest.mark.slow
def test_quick_bench_as_json_in_two_processes(capsys):
    assert cli.main(["bench", "body", "open-male", "--quick", "--processes", "2", "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["bodies"]
    assert answer["shapes"] == report.QUICK_SHAPES
    check(answer)


def test_a_thumb_does_not_enter_the_head():
    """A hand at the chin: its capsule is beside the head's, its thumb is in the jaw."""
    male = load_body("open-male")
    pose = np.zeros((1, 46))
    degrees = {
        "head_bending": 33, "head_extension": -15, "head_twist": -31, "scapula_abduction_r": -8, "scapula_elevation_r": -6,
        "scapula_upward_rot_r": 14, "shoulder_r_x": -13, "shoulder_r_y": 19, "shoulder_r_z": 82, "elbow_flexion_r": 130,
        "pro_sup_r": 9, "wrist_flexion_r": 18, "wrist_deviation_r": 8,
    }  # fmt: skip
    for name, angle in degrees.items():
        pose[0, POSE_INDEX[name]] = np.radians(angle)
    mean = np.zeros((1, 10))
    assert not sampling.hands_off_head(male, pose, mean)
    assert sampling.hands_off_head(male, np.zeros((1, 46)), mean)
    for drawn, shape in zip(*sampling.random_poses(male, 40, 3)[:2], strict=True):
        assert sampling.hands_off_head(male, drawn[None], shape[None])
