"""osteon convert: from an AMASS-like file to a SKEL motion, and nothing left where it fails or is stopped."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from osteon.core import cli, jobs
from osteon.core.anatomy.joints import POSE_NAMES
from osteon.core.bodies.licensed import licensed_body
from osteon.core.bodies.load import load_body
from osteon.core.bodies.smpl_file import write_smpl
from osteon.core.errors import FileError, InputError
from osteon.core.exchange.motion import Motion
from osteon.core.exchange.motion_files import load_motion, save_motion

FPS = 120.0


def walk(frames):
    from synthetic_smpl import fit_sequence

    poses, betas, trans = (a.astype(float) for a in fit_sequence(51, frames, FPS))
    return Motion("smpl", poses, betas[0], trans, "male", FPS)


@pytest.fixture
def amass(tmp_path, skel_and_smpl):
    """Eight frames as AMASS lays them out, Z up."""
    return written(walk(8), tmp_path / "walk_poses.npz", skel_and_smpl[1])


def written(motion, path, smpl):
    rest = smpl(torch.zeros(1, 72), torch.as_tensor(motion.betas)[None], skin=False).joints
    save_motion(motion, path, rest[0, 0].numpy())
    return path


@pytest.fixture
def arguments(amass, model_folder, tmp_path):
    models = str(model_folder)
    return ["convert", str(amass), "-o", str(tmp_path / "walk.npz"), "--smpl", models, "--skel", models]


def refused(arguments, capfd):
    assert cli.main(arguments) == 2
    captured = capfd.readouterr()
    assert captured.err.startswith("osteon: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_amass_becomes_skel(arguments, skel_and_smpl, tmp_path, capfd):
    assert cli.main([*arguments, "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert (answer["frames"], answer["fps"], answer["gender"], answer["failed"]) == (8, FPS, "male", [])
    assert answer["vertex_error"] < 0.0115  # the two made-up bodies cannot come closer than about 9 mm
    motion, source = load_motion(tmp_path / "walk.npz"), walk(8)
    assert motion.kind == "skel"
    # The person stands where and as the source says.
    skel, smpl = skel_and_smpl
    own, target = (
        body(*(torch.as_tensor(a).float() for a in (m.poses, m.betas[None], m.trans))).skin
        for body, m in ((skel, motion), (smpl, source))
    )
    apart = (own - target).norm(dim=2).mean(1)
    assert abs(apart.mean() - answer["vertex_error"]) < 1e-4
    assert np.abs(apart.numpy() - answer["frame_errors"]).max() < 1e-4
    assert {path.name for path in tmp_path.iterdir()} == {"walk.npz", "walk_poses.npz"}


def test_another_frame_rate(arguments, tmp_path, capfd):
    assert cli.main([*arguments, "--fps", "30"]) == 0
    assert "2 frames at 30 a second, male" in capfd.readouterr().out
    found = load_motion(tmp_path / "walk.npz")
    assert (len(found), found.body) == (2, "skel_male")


def test_smoothness(arguments, tmp_path, capfd):
    found = []
    for value in ("0", "3"):
        assert cli.main([*arguments, "--smoothness", value]) == 0
        found.append(load_motion(tmp_path / "walk.npz").poses)
    bends = [np.abs(np.diff(poses, 2, axis=0)).mean() for poses in found]
    assert bends[1] < 0.7 * bends[0]
    assert "smoothness is -1: give 0" in refused([*arguments, "--smoothness", "-1"], capfd)
    motion = str(tmp_path / "walk.npz")
    for to in ("skel", "smpl"):
        again = ["convert", motion, "-o", str(tmp_path / "again.npz"), *arguments[4:], "--smoothness", "1", "--to", to]
        assert "Only a SKEL fit" in refused(again, capfd)


def test_stopped_in_the_middle_it_leaves_nothing_and_finishes_later(arguments, amass, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("osteon.core.fitting.surface.CHUNK", 3)
    chunks = []

    def stop(self, fraction, text):
        if text == "pose":
            chunks.append(fraction)
            if len(chunks) == 2:
                raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(cli.ProgressBar, "__call__", stop)
        assert cli.main(arguments) == 130
    assert capfd.readouterr().err == "osteon: stopped\n"
    assert 0 < chunks[0] < chunks[1] < 1
    assert os.listdir(tmp_path) == [amass.name]
    assert cli.main(arguments) == 0
    assert len(load_motion(tmp_path / "walk.npz")) == 8


@pytest.mark.slow
def test_a_long_file_of_amass(arguments, amass, skel_and_smpl, tmp_path, monkeypatch, capfd):
    """SMPL-H, 23 seconds at 120 frames a second: stopped in the middle, then to the end."""
    content = dict(np.load(written(walk(2751), amass, skel_and_smpl[1])))
    content["betas"] = np.append(content["betas"], np.zeros(6))
    assert content["poses"].shape == (2751, 156)
    np.savez(amass, **content)
    told = []

    def stop(self, fraction, text):
        told.append(fraction)
        if fraction > 0.5:
            raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(cli.ProgressBar, "__call__", stop)
        assert cli.main(arguments) == 130
    assert len(told) > 40
    assert told == sorted(told)
    assert os.listdir(tmp_path) == [amass.name]
    capfd.readouterr()
    assert cli.main([*arguments, "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert (answer["frames"], answer["fps"], answer["failed"]) == (2751, FPS, [])
    assert answer["vertex_error"] < 0.0115
    assert len(load_motion(tmp_path / "walk.npz")) == 2751


def test_stopped_while_writing_it_leaves_the_older_result(arguments, amass, tmp_path, monkeypatch, capfd):
    assert cli.main(arguments) == 0
    before = (tmp_path / "walk.npz").read_bytes()

    def stop(file, **content):
        file.write_bytes(before[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr("osteon.core.exchange.motion_files.np.savez_compressed", stop)
    assert cli.main(arguments) == 130
    assert sorted(os.listdir(tmp_path)) == ["walk.npz", amass.name]
    assert (tmp_path / "walk.npz").read_bytes() == before


def test_the_motion_itself_is_not_overwritten(arguments, amass, capfd):
    before = amass.read_bytes()
    arguments[3] = str(amass.parent / "." / amass.name)
    assert "is the motion itself" in refused(arguments, capfd)
    assert amass.read_bytes() == before


def test_failed_frames_are_known_from_the_file(arguments, amass, tmp_path, monkeypatch, capfd):
    from osteon.core.fitting import surface
    from osteon.core.jobs import convert

    failed = np.arange(8) == 5

    def some_fail(*args, **kwargs):
        return replace(surface.fit_skel(*args, **kwargs), failed=failed)

    monkeypatch.setattr(convert, "fit_skel", some_fail)
    assert cli.main(arguments) == 0
    assert "1 frame failed, somewhere more than 6 cm off: 5" in capfd.readouterr().out
    found = load_motion(tmp_path / "walk.npz")
    assert np.array_equal(found.failed, failed)
    assert cli.main(["convert", str(tmp_path / "walk.npz"), "-o", str(tmp_path / "b.pkl"), "--fps", "240"]) == 0
    # Between two frames it has failed if either has.
    assert np.flatnonzero(load_motion(tmp_path / "b.pkl").failed).tolist() == [9, 10, 11]
    (tmp_path / "walk.npz").unlink()
    failed[:] = True
    assert "In no frame of" in refused(arguments, capfd)
    assert not (tmp_path / "walk.npz").exists()


def test_a_skel_motion_is_written_anew(tmp_path, capfd):
    motion = Motion("skel", np.zeros((5, 46)), np.zeros(10), np.zeros((5, 3)), "female", 120.0)
    save_motion(motion, tmp_path / "a.npz")
    assert cli.main(["convert", str(tmp_path / "a.npz"), "-o", str(tmp_path / "b.pkl"), "--fps", "60"]) == 0
    found = load_motion(tmp_path / "b.pkl")
    assert (len(found), found.fps, found.gender) == (3, 60.0, "female")


def test_skel_becomes_smpl_in_the_layout_of_amass(model_folder, skel_and_smpl, tmp_path, capfd):
    skel, smpl = skel_and_smpl
    poses = np.zeros((3, 46))
    poses[:, POSE_NAMES.index("knee_angle_r")] = 0.2, 0.4, 0.6
    motion = Motion("skel", poses, 0.5 * np.ones(10), np.tile([0.5, 1, 0.2], (3, 1)), "male", 60.0)
    save_motion(motion, tmp_path / "skel.npz")
    out, models = tmp_path / "smpl.npz", str(model_folder)
    arguments = ["convert", str(tmp_path / "skel.npz"), "-o", str(out), "--to", "smpl", "--smpl", models]
    assert cli.main([*arguments, "--skel", models, "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert (answer["kind"], answer["frames"], answer["failed"]) == ("smpl", 3, [])
    assert answer["vertex_error"] < 0.0115
    found = load_motion(out)
    assert (found.kind, found.fps) == ("smpl", 60.0)
    np.testing.assert_allclose(found.betas, motion.betas, atol=1e-6)
    rest = smpl(torch.zeros(1, 72), torch.as_tensor(motion.betas)[None], skin=False).joints[0, 0].numpy()
    found = load_motion(out, pelvis=rest)
    own, target = (
        body(*(torch.as_tensor(a).float() for a in (m.poses, m.betas[None], m.trans))).skin
        for body, m in ((skel, motion), (smpl, found))
    )
    off = (own - target).norm(dim=2).mean()
    assert abs(off - answer["vertex_error"]) < 2e-3  # SMPL's hand joints, which AMASS has not, are missing


def test_missing_models_are_asked_for(arguments, tmp_path, capfd):
    line = refused(arguments[:4], capfd)
    assert "--smpl" in line
    assert "https://smpl.is.tue.mpg.de" in line
    line = refused(arguments[:6], capfd)
    assert "--skel" in line
    assert "https://skel.is.tue.mpg.de" in line
    for name in ("typo", "typo.pkl"):
        line = refused([*arguments[:5], str(tmp_path / name)], capfd)
        assert f"There is no file or folder {tmp_path / name}: " in line
    (tmp_path / "empty").mkdir()
    line = refused([*arguments[:5], str(tmp_path / "empty")], capfd)
    assert "no male SMPL or SMPL-H model" in line


def test_the_wrong_model_is_refused(arguments, amass, model_folder, tmp_path, capfd):
    skel, smpl = str(model_folder / "skel_male.pkl"), str(model_folder / "SMPL_MALE.pkl")
    assert "holds a SKEL model instead of SMPL or SMPL-H" in refused([*arguments[:5], skel, "--skel", skel], capfd)
    assert "holds a SMPL model instead of SKEL" in refused([*arguments[:5], smpl, "--skel", smpl], capfd)
    save_motion(replace(walk(2), gender="female"), amass)
    assert "is male, but the motion is female" in refused([*arguments[:5], smpl, "--skel", skel], capfd)
    assert not (tmp_path / "walk.npz").exists()


def test_a_model_whose_gender_nothing_tells_is_taken_as_it_is(model_folder, tmp_path):
    shutil.copy(model_folder / "SMPL_MALE.pkl", tmp_path / "mine.pkl")
    assert licensed_body(tmp_path / "mine.pkl", ("SMPL",), "female", "--smpl").kind == "SMPL"
    (tmp_path / "neutral").mkdir()
    for name in ("SMPL_NEUTRAL.pkl", "neutral/mine.pkl"):
        shutil.copy(model_folder / "SMPL_MALE.pkl", tmp_path / name)
        with pytest.raises(FileError, match="is neutral, but the motion is female"):
            licensed_body(tmp_path / name, ("SMPL",), "female", "--smpl")
    content = load_body(model_folder / "SMPL_MALE.pkl").data
    write_smpl(replace(content, gender="neutral"), tmp_path / "mine.npz")
    with pytest.raises(FileError, match="is neutral, but the motion is female"):
        licensed_body(tmp_path / "mine.npz", ("SMPL",), "female", "--smpl")


def test_another_topology_is_refused(arguments, amass, capfd):
    assert "skin vertices" in refused([*arguments[:6], "--skel", "open-male"], capfd)
    assert "skin vertices" in refused([*arguments[:5], "open-smpl-male", *arguments[6:]], capfd)
    save_motion(replace(walk(2), kind="smplx"), amass)
    line = refused(arguments, capfd)
    assert "10475 vertices" in line
    assert "SMPL-H version" in line


def test_what_cannot_be_written_is_said_before_the_work(arguments, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("osteon.core.jobs.convert.load_motion", lambda *args: pytest.fail("the work began"))
    (tmp_path / "f.npz").mkdir()
    for name, words in (
        ("walk.bvh", "ends in .npz or .pkl"),
        ("nowhere/walk.npz", "cannot be written"),
        ("f.npz", "a folder"),
    ):
        assert words in refused([*arguments[:3], str(tmp_path / name), *arguments[4:]], capfd)


def test_wrong_usage(arguments, capfd):
    assert cli.main([*arguments, "--up", "x"]) == 2
    capfd.readouterr()
    for rate in ("0", "abc", "nan"):
        assert cli.main([*arguments, "--fps", rate]) == 2
        assert f"argument --fps: {rate} is no number of frames a second" in capfd.readouterr().err
    assert cli.main(["convert", "--help"]) == 0
    assert "example: osteon convert walk_poses.npz" in capfd.readouterr().out.replace("\n", " ")


def test_the_job_refuses_what_the_command_line_would(arguments, tmp_path, monkeypatch):
    save_motion(replace(walk(2), kind="skel", poses=np.zeros((2, 46))), tmp_path / "skel.npz")
    names = ("output", "smpl", "skel")
    values = dict(zip(names, (arguments[3], arguments[5], arguments[7]), strict=True))
    for motion in (arguments[1], str(tmp_path / "skel.npz")):
        with pytest.raises(InputError, match="cannot have 0 frames a second"):
            jobs.run("convert_motion", values | {"motion": motion, "fps": 0})
    monkeypatch.setattr("osteon.core.jobs.convert.load_motion", lambda *args: pytest.fail("the work began"))
    with pytest.raises(InputError, match="to skel or smpl, not stl"):
        jobs.run("convert_motion", values | {"motion": arguments[1], "to": "stl"})


def test_the_job_reports_progress(arguments):
    seen = []
    names = ("motion", "output", "smpl", "skel")
    values = (arguments[1], arguments[3], arguments[5], arguments[7])
    jobs.run(
        "convert_motion", dict(zip(names, values, strict=True)), lambda fraction, text: seen.append((fraction, text))
    )
    assert [text for _, text in seen] == ["Loading", "surface", "shape", "pose", "pose"]
    assert sorted(seen)[-1][0] == 1.0
