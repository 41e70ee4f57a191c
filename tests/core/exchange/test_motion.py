"""Motions: turning and resampling keep what a body does; files of every layout say the same motion."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from osteon.core.bodies.load import load_body
from osteon.core.errors import FileError, InputError
from osteon.core.exchange.motion import Motion, continuous, resampled, turned
from osteon.core.exchange.motion_files import load_motion, save_motion
from scipy.spatial.transform import Rotation

F = 5
Z_UP_TO_Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def motion(kind="smpl", frames=F, fps=30.0):
    """A standing person who looks around and walks a little, Y up."""
    rng = np.random.default_rng(3)
    poses = 0.1 * rng.standard_normal((frames, 46 if kind == "skel" else 72))
    if kind != "skel":
        poses[:, 66:] = 0
    trans = np.linspace([0.1, 0.9, 0], [0.3, 0.92, 0.5], frames)
    return Motion(kind, poses, rng.standard_normal(10), trans, "female", fps)


def same(found, expected):
    for name in ("poses", "betas", "trans"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-6, err_msg=name)
    assert (found.kind, found.gender, found.fps) == (expected.kind, expected.gender, expected.fps)


def in_z_up(motion):
    """What a file in AMASS' axes holds of it."""
    return turned(motion, Z_UP_TO_Y_UP.T)


def in_camera(motion):
    return turned(motion, np.diag([1.0, -1, -1]))


# What programs write, of the motion `m`: each function gives the content of a file.


def amass(m, columns=156, **more):
    z = in_z_up(m)
    poses = np.concatenate([z.poses[:, :66], np.full((len(m), columns - 66), 0.2)], 1)  # fingers bent
    betas = np.concatenate([m.betas, np.ones(6)])
    return {
        "trans": z.trans,
        "gender": "female",
        "mocap_framerate": 120.0,
        "betas": betas,
        "dmpls": np.zeros((len(m), 8)),
        "poses": poses,
    } | more


def amass_smplx(m):
    content = amass(m, 165, surface_model_type="smplx", mocap_frame_rate=120.0, pose_jaw=np.zeros((len(m), 3)))
    del content["mocap_framerate"]
    return content


def plain_smpl(m):
    return {"pose": m.poses, "betas": m.betas[None], "transl": m.trans, "gender": "f", "fps": 120}


def axis_angles(m):
    parts = {
        "global_orient_axis_angle": m.poses[:, None, :3],
        "body_pose_axis_angle": m.poses[:, 3:].reshape(-1, 23, 3),
    }
    return parts | {"betas": m.betas, "trans": m.trans, "gender": b"female", "fps": 120.0}


def matrices(m):
    c = in_camera(m)
    turns = Rotation.from_rotvec(c.poses.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    betas = np.tile(m.betas, (len(m), 1))
    return {"global_orient": turns[:, :1], "body_pose": turns[:, 1:], "betas": betas, "pred_cam_t_full": c.trans}


def hmr2(m):
    content = matrices(m)
    return {"cam_t": content.pop("pred_cam_t_full"), "pred_smpl_parms": content, "gender": "female", "fps": 120}


def in_frames(content, k):
    return {key: value[k] for key, value in content.items()}


def tracked(m):
    """4D-Humans: another person in every frame, the one in all but the third, and a lost track at the end."""
    content, frames = matrices(m), {}
    other = replace(m, poses=m.poses * 0.5)
    for k in range(len(m)):
        people = [in_frames(matrices(other), k)] + ([in_frames(content, k)] if k != 2 else [])
        frames[f"img/{k:06d}.jpg"] = {
            "time": k,
            "tid": [7, 3][: len(people)],
            "smpl": [{n: p[n] for n in ("global_orient", "body_pose", "betas")} for p in people] + [{}],
            "camera": [p["pred_cam_t_full"] for p in people],
            "bbox": [[0, 0, 1, 1]],
        }
    return frames


def wham(m):
    c = in_camera(m)
    person = {"pose": c.poses, "trans": c.trans, "pose_world": m.poses, "trans_world": m.trans}
    person |= {"betas": np.tile(m.betas, (len(m), 1)), "frame_ids": np.arange(10, 10 + len(m))}
    short = {key: value[:2] for key, value in person.items()}
    return {0: short, 4: person}


def skel(m):
    return {"poses": m.poses, "betas": np.tile(m.betas, (len(m), 1)), "trans": m.trans, "gender": "female", "fps": 120}


LAYOUTS = {"amass": amass, "plain": plain_smpl, "axis angles": axis_angles, "skel": skel}
NAMELESS = {"matrices": matrices, "wham": wham}  # of which files say neither gender nor frame rate


def written(path, content):
    if path.suffix == ".npz":
        np.savez(path, **content)
    else:
        path.write_bytes(pickle.dumps(content))
    return path


@pytest.mark.parametrize("ending", ["npz", "pkl"])
@pytest.mark.parametrize("layout", [*LAYOUTS, "hmr2"])
def test_every_layout_says_the_same_motion(layout, ending, tmp_path):
    m = motion("skel" if layout == "skel" else "smpl", fps=120.0)
    path = written(tmp_path / f"walk.{ending}", LAYOUTS.get(layout, hmr2)(m))
    found = load_motion(path)
    same(found, m)
    assert found.name == "walk"


@pytest.mark.parametrize("layout", NAMELESS)
def test_trackers_say_neither_gender_nor_rate(layout, tmp_path):
    m = replace(motion(), gender="neutral")
    same(load_motion(written(tmp_path / "people.pkl", NAMELESS[layout](m))), m)


def test_matrices_of_one_frame_are_in_the_axes_of_a_camera_too(tmp_path):
    m = replace(motion(), gender="neutral")
    found = load_motion(written(tmp_path / "one.npz", in_frames(matrices(m), 0)))
    same(found, replace(m, poses=m.poses[:1], trans=m.trans[:1]))


def test_a_person_of_a_tracker_is_chosen_and_its_gaps_are_filled(tmp_path):
    m = replace(motion(), gender="neutral")
    path = written(tmp_path / "people.pkl", tracked(m))
    same(load_motion(path), replace(m, poses=m.poses * 0.5))
    found = load_motion(path, person=3)
    assert len(found) == F
    known = [0, 1, 3, 4]
    np.testing.assert_allclose(found.poses[known], m.poses[known], atol=1e-6)
    np.testing.assert_allclose(found.trans[2], (m.trans[1] + m.trans[3]) / 2, atol=1e-6)
    with pytest.raises(FileError, match=r"people\.pkl holds no person 1: there are 3, 7\."):
        load_motion(path, person=1)
    with pytest.raises(FileError, match="does not number people"):
        load_motion(written(tmp_path / "one.npz", amass(m)), person=1)


def test_lost_tracks_are_not_believed(tmp_path):
    """4D-Humans goes on with a copy of where a track was last, first or last in its lists, and says since when."""
    m = replace(motion(frames=6), gender="neutral")
    lost = {3: {2, 5}, 7: {0, 3, 4, 5}}  # by track; 7 is seen in two frames, 3 in four
    frames = {}
    for k in range(6):
        tracks = [3, 7][:: 1 if k % 2 else -1]
        shown = [in_frames(matrices(m), 0 if k in lost[track] else k) for track in tracks]
        frames[f"{k:06d}.jpg"] = {
            "time": k,
            "tid": tracks,
            "smpl": [{n: p[n] for n in ("global_orient", "body_pose", "betas")} for p in shown],
            "camera": [p["pred_cam_t_full"] for p in shown],
            "tracked_time": [int(k in lost[track]) for track in tracks],
        }
    path = written(tmp_path / "people.pkl", frames)
    found = load_motion(path)
    assert len(found) == 5  # person 3, without the lost end
    np.testing.assert_allclose(found.trans, m.trans[:5], atol=1e-6)  # of even steps, which the gap is filled with
    np.testing.assert_allclose(found.poses[[0, 1, 3, 4]], m.poses[[0, 1, 3, 4]], atol=1e-6)
    np.testing.assert_allclose(load_motion(path, person=7).poses, m.poses[1:3], atol=1e-6)


def test_a_person_of_hsmr_is_one_frame(tmp_path):
    m = motion("skel")
    c = in_camera(m)
    content = {"poses": c.poses, "betas": np.tile(m.betas, (F, 1)), "full_cam_t": c.trans, "patch_cam_t": c.trans}
    found = load_motion(written(tmp_path / "HSMR-photo.npz", content), person=1)
    np.testing.assert_allclose(found.poses, m.poses[1:2], atol=1e-6)
    np.testing.assert_allclose(found.trans, m.trans[1:2], atol=1e-6)


def test_smplx_is_told_from_smpl(tmp_path):
    m = motion("smplx", fps=120.0)
    same(load_motion(written(tmp_path / "x.npz", amass_smplx(m))), m)


@pytest.mark.parametrize("face", ["jaw_pose", "expression", "leye_pose", "pose_jaw"])
def test_parts_of_a_body_with_a_face_are_smplx(face, tmp_path):
    m = motion(fps=120.0)
    content = {"global_orient": m.poses[:, :3], "body_pose": m.poses[:, 3:66], "betas": m.betas, "transl": m.trans}
    content |= {"gender": "female", "fps": 120.0}
    same(load_motion(written(tmp_path / "body.npz", content)), m)
    same(load_motion(written(tmp_path / "x.npz", content | {face: np.zeros((F, 3))})), replace(m, kind="smplx"))
    same(load_motion(written(tmp_path / "none.pkl", content | {face: None})), m)
    content["body_pose"] = m.poses[:, 3:]
    same(load_motion(written(tmp_path / "smpl.npz", content | {face: np.zeros((F, 3))})), m)


def test_amass_without_a_rate_has_z_up_all_the_same(tmp_path):
    m = motion()
    content = amass(m)
    del content["mocap_framerate"]
    found = load_motion(written(tmp_path / "x.npz", content))
    assert found.fps == 30.0
    same(replace(found, fps=m.fps), m)


@pytest.mark.parametrize("layout", [amass, plain_smpl])
def test_the_axis_that_points_up_can_be_said(layout, tmp_path):
    m = motion(fps=120.0)
    content = layout(m)
    path = written(tmp_path / "walk.npz", content)
    y, z = load_motion(path, up="y"), load_motion(path, up="z")
    same(y if layout is plain_smpl else z, m)
    same(z, turned(y, Z_UP_TO_Y_UP))
    with pytest.raises(InputError, match="y or z"):
        load_motion(path, up="x")


@pytest.mark.parametrize("ending", ["npz", "pkl"])
def test_skel_motions_are_written_and_read(ending, tmp_path):
    m = replace(motion("skel", fps=120.0), body="open-female")
    save_motion(m, tmp_path / f"m.{ending}")
    found = load_motion(tmp_path / f"m.{ending}")
    same(found, m)
    assert found.body == "open-female"


def test_what_else_is_called_body_is_no_name(tmp_path):
    m = motion("skel")
    for body in ({"a": 1}, [[1], [2, 3]], np.zeros(3)):
        content = {"poses": m.poses, "betas": m.betas, "trans": m.trans, "gender": "female", "fps": 30.0, "body": body}
        (tmp_path / "m.pkl").write_bytes(pickle.dumps(content))
        same(load_motion(tmp_path / "m.pkl"), m)
        assert load_motion(tmp_path / "m.pkl").body == ""


@pytest.mark.parametrize(("kind", "columns"), [("smpl", 156), ("smplx", 165)])
def test_smpl_motions_are_written_as_amass_writes_them(kind, columns, tmp_path):
    m = motion(kind, fps=120.0)
    save_motion(m, tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as file:
        assert file["poses"].shape == (F, columns)
        assert str(file["gender"]) == "female"
        height = file["trans"][:, 2] - file["trans"][:, 1]
        assert (height > 0).all()
    same(load_motion(tmp_path / "m.npz"), m)


def test_other_endings_are_refused_before_anything_is_written(tmp_path):
    for kind, name in (("smpl", "m.pkl"), ("skel", "m.bvh")):
        with pytest.raises(FileError, match=r"ends in \.npz"):
            save_motion(motion(kind), tmp_path / name)
    assert not list(tmp_path.iterdir())


def without(content, key):
    return {k: v for k, v in content.items() if k != key}


def with_nan(values):
    values = values.copy()
    values.flat[7] = np.nan
    return values


M = motion()
BAD = {
    "a model": ({"v_template": np.zeros((3, 3)), "shapedirs": np.zeros((3, 3, 10))}, "no poses"),
    "other poses": (amass(M, 150), "150 values"),
    "short trans": (amass(M, trans=np.zeros((F - 1, 3))), r"trans has the shape \(4, 3\)"),
    "poses that are not finite": (amass(M, poses=with_nan(np.zeros((F, 156)))), "poses holds values"),
    "poses beyond sense": (amass(M, poses=np.full((F, 156), 1e300)), "poses holds values beyond"),
    "few betas": (amass(M, betas=np.zeros(4)), "betas has the shape"),
    "no frame": (amass(M, poses=np.zeros((0, 156)), trans=np.zeros((0, 3))), "poses is empty"),
    "no rate": (amass(M, mocap_framerate=0.0), "frames a second"),
    "a text": (amass(M, poses=np.array(["x"])), "numbers"),
    "another model": (amass(M, surface_model_type="star"), "model star"),
    "mirrors": (matrices(M) | {"body_pose": -np.tile(np.eye(3), (F, 23, 1, 1))}, "holds no motion"),
    "no rotations": (
        matrices(M) | {"body_pose": np.zeros((F, 23, 3, 3))},
        "body_pose holds matrices that are no rotations",
    ),
    "frames out of order": (plain_smpl(M) | {"frame_ids": np.arange(F)[::-1]}, "order"),
    "frames far apart": (plain_smpl(M) | {"frame_ids": np.arange(F) * 10**9}, "order"),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("ending", ["npz", "pkl"])
def test_what_is_no_sound_motion_is_refused_in_a_sentence(what, ending, tmp_path):
    content, words = BAD[what]
    path = written(tmp_path / f"bad.{ending}", content)
    with pytest.raises(FileError, match=words) as caught:
        load_motion(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_motion_file_is_no_program(tmp_path):
    path = tmp_path / "bad.pkl"
    path.write_bytes(b"cos\nsystem\n.")
    with pytest.raises(FileError, match="refused"):
        load_motion(path)
    with pytest.raises(FileError, match="There is no file"):
        load_motion(tmp_path / "none.npz")


def test_turning_a_motion_turns_the_bodies(skel_and_smpl):
    rotation = Z_UP_TO_Y_UP
    # The pelvis of the made-up SKEL body does not lie in the T pose as SKEL's does, that of the open bodies does.
    for kind, body in (("skel", load_body("open-male")), ("smpl", skel_and_smpl[1])):
        m = motion(kind)
        pelvis = body(torch.zeros(1, m.poses.shape[1]).double(), torch.as_tensor(m.betas)[None], skin=False).joints[
            0, 0
        ]
        t = turned(m, rotation, pelvis.numpy())
        before, after = (
            body(*(torch.as_tensor(a) for a in (x.poses, x.betas[None], x.trans)), skin=False).joints for x in (m, t)
        )
        np.testing.assert_allclose(after, before.numpy() @ rotation.T, atol=1e-9)


def test_a_person_who_stands_in_z_up_stands_in_y_up(tmp_path):
    m = replace(motion(fps=120.0), poses=np.zeros((F, 72)))
    content = amass(m)
    np.testing.assert_allclose(content["poses"][:, :3], np.tile([np.pi / 2, 0, 0], (F, 1)), atol=1e-9)
    np.testing.assert_allclose(np.diff(content["trans"][:, 2]), np.diff(m.trans[:, 1]))  # height is z
    found = load_motion(written(tmp_path / "stand.npz", content))
    np.testing.assert_allclose(found.poses[:, :3], 0, atol=1e-9)


@pytest.mark.parametrize("kind", ["smpl", "skel"])
def test_resampling(kind):
    m = motion(kind, frames=9, fps=120.0)
    slow = resampled(m, 30)
    assert (len(slow), slow.fps) == (3, 30.0)
    np.testing.assert_allclose(slow.poses, m.poses[::4], atol=1e-12)
    np.testing.assert_allclose(slow.trans, m.trans[::4], atol=1e-12)
    fast = resampled(m, 240)
    assert len(fast) == 17
    np.testing.assert_allclose(fast.poses[::2], m.poses, atol=1e-9)
    np.testing.assert_allclose(fast.trans[1::2], (m.trans[1:] + m.trans[:-1]) / 2, atol=1e-12)
    for fps in (0, np.nan, 1e9):
        with pytest.raises(InputError, match="frames a second"):
            resampled(m, fps)


def test_resampling_goes_the_shortest_way():
    poses = np.zeros((2, 72))
    poses[:, 1] = 3.0, -3.0
    half = resampled(Motion("smpl", poses, np.zeros(10), np.zeros((2, 3)), "male", 1.0), 2)
    assert abs(abs(half.poses[1, 1]) - np.pi) < 1e-9
    angles = np.zeros((2, 46))
    angles[:, 2] = 3.1, -3.1
    half = resampled(Motion("skel", angles, np.zeros(10), np.zeros((2, 3)), "male", 1.0), 2)
    assert abs(abs(half.poses[1, 2]) - np.pi) < 1e-9


def test_angles_that_mean_the_same_are_brought_together():
    root = np.array([[0.1, 0.2, 3.1], [0.1, 0.2, -3.1], [0.1 - np.pi, np.pi - 0.2, -3.1 + np.pi]])
    pose = np.zeros((3, 46))
    pose[:, :3] = root
    found = continuous(pose)[:, :3]
    assert np.abs(np.diff(found, axis=0)).max() < 0.1


def test_between_frames_whose_angles_mean_the_same_nothing_moves():
    """As programs write that fit each frame for itself: two triples of the root's angles are one rotation."""
    poses = np.zeros((3, 46))
    poses[:, :3] = [0.3, 0.4, 1.0]
    poses[1, :3] = [0.3 - np.pi, np.pi - 0.4, 1.0 - np.pi]
    still = resampled(Motion("skel", poses, np.zeros(10), np.zeros((3, 3)), "male", 30.0), 60)
    turns = Rotation.from_euler("zxy", still.poses[:, :3])
    assert (turns * turns[0].inv()).magnitude().max() < 1e-6
