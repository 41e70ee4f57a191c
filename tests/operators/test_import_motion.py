"""Motion files become keyed bodies, on the scene's frames."""

import bpy
import numpy as np
import pytest
import torch
from osteon.core.anatomy.joints import JOINT_INDEX
from osteon.core.bodies.load import load_body
from osteon.core.exchange.motion import Motion
from osteon.core.exchange.motion_files import save_motion
from osteon.scene.axes import from_blender
from osteon.scene.errors import REPORT
from osteon.scene.rig import curves, get_pose

FPS = 48.0


@pytest.fixture
def skel_motion(tmp_path):
    """Nine frames of a bending right knee at 48 a second."""
    poses, trans = np.zeros((9, 46)), np.zeros((9, 3))
    poses[:, 6] = np.linspace(0, 0.8, 9)
    trans[:, 2] = np.linspace(0, 0.4, 9)
    save_motion(Motion("skel", poses, np.full(10, 0.5), trans, "female", FPS), tmp_path / "Bend.npz")
    return str(tmp_path / "Bend.npz"), poses, trans


def keys(rig):
    return {tuple(key.co.x for key in curve.keyframe_points) for curve in curves(rig)}


def test_skel_motion_at_the_scenes_rate(context, skel_motion):
    path, poses, trans = skel_motion
    scene = context.scene
    scene.frame_start, scene.frame_end, scene.render.fps = 10, 12, 24
    assert bpy.ops.osteon.import_motion(filepath=path) == {"FINISHED"}
    rig = context.object
    assert rig.data["osteon_body"] == "open-female"
    assert rig.data[REPORT] == "open-female, 5 frames, the shape is the open body's, not the file's"
    assert list(rig.data["osteon_betas"]) == [0.5] * 10
    assert rig.name.startswith("Bend")
    assert keys(rig) == {(10, 11, 12, 13, 14)}
    assert (scene.frame_end, scene.render.fps) == (14, 24)
    for k, frame in enumerate(range(10, 15)):
        scene.frame_set(frame)
        q, t = get_pose(rig)
        assert np.abs(q - poses[2 * k]).max() < 1e-5
        assert np.abs(t - trans[2 * k]).max() < 1e-5


def test_the_scene_takes_the_motions_rate(context, skel_motion):
    context.scene.frame_end = 100
    bpy.ops.osteon.import_motion(filepath=skel_motion[0], body="open-male", set_rate=True)
    assert context.object.data["osteon_body"] == "open-male"
    assert keys(context.object) == {tuple(range(1, 10))}
    render = context.scene.render
    assert render.fps / render.fps_base == FPS
    assert context.scene.frame_end == 100


def test_limits_give_way_to_what_the_file_says(context, tmp_path):
    """A knee bent the wrong way round: it is shown as it is."""
    poses = np.zeros((2, 46))
    poses[:, 6] = -0.3, 0.2
    save_motion(Motion("skel", poses, np.zeros(10), np.zeros((2, 3)), "male", 24.0), tmp_path / "x.pkl")
    bpy.ops.osteon.import_motion(filepath=str(tmp_path / "x.pkl"))
    rig = context.object
    for frame, q in ((1, poses[0]), (2, poses[1])):
        context.scene.frame_set(frame)
        heel = JOINT_INDEX["calcn_r"]
        expected = load_body("open-male")(torch.tensor(q)[None]).joints[0, heel].numpy()
        assert np.abs(from_blender(np.array(rig.pose.bones["calcn_r"].head)) - expected).max() < 1e-4


def smpl_walk(path, gender, pelvis=None):
    """Six frames of SMPL at 24 a second, as AMASS has them: Z up."""
    poses = np.zeros((6, 72))
    poses[:, 3] = np.linspace(0, -0.5, 6)
    poses[:, 0] = 0.2
    trans = np.outer(np.arange(6), (0, 0, 0.1))
    save_motion(Motion("smpl", poses, np.zeros(10), trans, gender, 24.0), path, pelvis)
    return poses, trans


def skins(rig):
    skin = next(child for child in rig.children if child.name.endswith("Skin"))
    for frame in range(1, 7):
        bpy.context.scene.frame_set(frame)
        evaluated = skin.evaluated_get(bpy.context.evaluated_depsgraph_get())
        points = np.empty(3 * len(evaluated.data.vertices), np.float32)
        evaluated.data.vertices.foreach_get("co", points)
        yield from_blender(points.reshape(-1, 3))


@pytest.mark.parametrize("body", ["open-male", "auto"])
def test_amass_becomes_skel(body, context, settings, models, tmp_path):
    """With the open bodies, and with the user's models."""
    if body == "auto":
        settings.models = str(models)
    smpl = load_body("open-smpl-male" if body == "open-male" else models / "SMPL_MALE.pkl")
    pelvis = smpl(torch.zeros(1, 72)).joints[0, 0].numpy()
    poses, trans = smpl_walk(tmp_path / "walk_poses.npz", "male", pelvis)
    assert bpy.ops.osteon.import_motion(filepath=str(tmp_path / "walk_poses.npz"), body=body) == {"FINISHED"}
    rig = context.object
    assert rig.data["osteon_body"] == ("open-male" if body == "open-male" else "skel_male")
    assert keys(rig) == {tuple(range(1, 7))}
    target = smpl(torch.tensor(poses), None, torch.tensor(trans)).skin.numpy()
    errors = [np.linalg.norm(a - b, axis=1).mean() for a, b in zip(skins(rig), target, strict=True)]
    assert rig.data[REPORT].startswith(
        f"{rig.data['osteon_body']}, 6 frames, mean {1e3 * np.mean(errors):.1f} mm, worst "
    )
    assert np.mean(errors) < 0.004


@pytest.mark.parametrize(
    ("kind", "gender", "made_with", "folder", "expected"),
    [
        ("skel", "child", "", True, "open-child"),
        ("skel", "neutral", "", True, "open-neutral"),
        ("skel", "male", "", True, "skel_male"),
        ("skel", "male", "skel_male", True, "skel_male"),
        ("skel", "male", "open-male", True, "open-male"),
        ("skel", "male", "/etc/passwd", False, "open-male"),
        ("smpl", "child", "", True, "open-child"),
        ("smpl", "neutral", "", False, "open-neutral"),
    ],
)
def test_which_body_moves(context, settings, models, tmp_path, kind, gender, made_with, folder, expected):
    if folder:
        settings.models = str(models)
    poses = np.zeros((2, 46 if kind == "skel" else 72))
    motion = Motion(kind, poses, np.zeros(10), np.zeros((2, 3)), gender, 24.0, body=made_with)
    save_motion(motion, tmp_path / "m.npz")
    bpy.ops.osteon.import_motion(filepath=str(tmp_path / "m.npz"))
    assert context.object.data["osteon_body"] == expected
    assert ("gender not known" in context.object.data[REPORT]) == (gender == "neutral")


def test_failure_half_way(unchanged, skel_motion, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("osteon.scene.fit._mark", fail)
    with unchanged("Import Motion failed: ZeroDivisionError: by nought"):
        bpy.ops.osteon.import_motion(filepath=skel_motion[0], set_rate=True)


def test_refusals(unchanged, settings, models, tmp_path):
    path = tmp_path / "walk_poses.npz"
    smpl_walk(path, "male")
    with unchanged("walk_poses.npz moves a SMPL body: set the folder with your SMPL or SMPL-H models in Preferences"):
        settings.skel_male = str(models / "skel_male.pkl")
        bpy.ops.osteon.import_motion(filepath=str(path))
    with unchanged("No motion is chosen: name a .npz or .pkl file"):
        bpy.ops.osteon.import_motion()
    (tmp_path / "none.npz").write_bytes(b"PK")
    with unchanged("none.npz"):
        bpy.ops.osteon.import_motion(filepath=str(tmp_path / "none.npz"))
    with unchanged("absent.pkl"):
        bpy.ops.osteon.import_motion(filepath=str(tmp_path / "absent.pkl"))
    smpl_walk(path, "female")
    with unchanged("The model open-smpl-male is male, but the motion is female: give the female model"):
        bpy.ops.osteon.import_motion(filepath=str(path), body="open-male")


def test_one_step_to_undo(context, skel_motion):
    context.scene.frame_end = 3
    bpy.ops.ed.undo_push(message="Before")
    before = sorted(obj.name for obj in bpy.data.objects), 3
    bpy.ops.osteon.import_motion("EXEC_DEFAULT", True, filepath=skel_motion[0])
    assert bpy.context.scene.frame_end == 5
    bpy.ops.ed.undo()
    assert (sorted(obj.name for obj in bpy.data.objects), bpy.context.scene.frame_end) == before
