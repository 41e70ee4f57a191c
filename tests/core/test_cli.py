"""The command line: answers, and for every error exit code 2, one line, and nothing left on the disk."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from osteon.core import cli, jobs
from osteon.core.anatomy.joints import POSE_NAMES
from osteon.core.bodies.load import OPEN_BODIES
from osteon.core.exchange import folder as folders


def person(shift=0.0):
    return {
        "pose": np.full(46, shift),
        "betas": np.zeros(10),
        "trans": np.array([shift, 0.0, -3.0]),
        "box": np.array([1.0, 2.0, 30.0, 40.0]),
        "reprojection": 1.25,
        "relative_reprojection": 0.0125,
    }


@pytest.fixture
def fake_photo_job(monkeypatch, tmp_path):
    """The job `image_to_skeleton` without its seconds of work."""
    module = tmp_path / "modules" / "fake_photo_job.py"
    module.parent.mkdir()
    module.write_text("def work(progress, **arguments):\n    return answer(progress, **arguments)\n")
    monkeypatch.syspath_prepend(module.parent)
    monkeypatch.setitem(jobs.JOBS, "image_to_skeleton", "fake_photo_job:work")

    def answering(answer):
        import fake_photo_job

        monkeypatch.setattr(fake_photo_job, "answer", answer, raising=False)

    return answering


def found(*people):
    return lambda progress, **arguments: {"focal": 1000.0, "people": list(people), "seconds": {"fit": 1.0}}


@pytest.fixture
def fake_body(monkeypatch):
    class Body:
        name, gender = "open-female", "female"

    monkeypatch.setattr("osteon.core.bodies.load.load_skel", lambda name: Body())


def refused(arguments, capfd):
    """The one line on standard error of a call that fails."""
    assert cli.main(arguments) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("\n")
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("osteon: ")
    return captured.err


def test_image_writes_angles_and_motion(tmp_path, fake_photo_job, fake_body, capfd):
    fake_photo_job(found(person(0.1)))
    out = tmp_path / "new" / "out"
    assert cli.main(["image", "photo.jpg", "-o", str(out), "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["files"] == ["angles.csv", "motion.npz"] == sorted(os.listdir(out))
    assert answer["people"] == [{"box": [1, 2, 30, 40], "reprojection": 1.25, "relative_reprojection": 0.0125}]
    with np.load(out / "motion.npz") as motion:
        np.testing.assert_array_equal(motion["poses"], np.full((1, 46), 0.1))
        np.testing.assert_array_equal(motion["trans"], [[0.1, 0, -3]])
        assert motion["betas"].shape == (10,)
        assert (motion["gender"], motion["body"]) == ("female", "open-female")
    header, row = (out / "angles.csv").read_text().splitlines()
    assert header == ",".join(["person", "frame", *POSE_NAMES])
    assert row.startswith("0,0,5.730,")


def test_image_with_several_people_keeps_what_is_there(tmp_path, fake_photo_job, fake_body, capfd):
    fake_photo_job(found(person(), person(0.5)))
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "angles.csv").write_text("old")
    assert cli.main(["image", "photo.jpg", "-o", str(tmp_path)]) == 0
    assert {"mine.txt", "angles.csv", "motion_1.npz", "motion_2.npz"} == set(os.listdir(tmp_path)) - {"modules"}
    assert len((tmp_path / "angles.csv").read_text().splitlines()) == 3
    shown = capfd.readouterr().out.splitlines()
    assert shown[1] == "person 2: landmarks within 1.2 pixels (1.2% of the height)"
    assert shown[2].endswith("angles.csv, motion_1.npz, motion_2.npz")


def test_photo_that_is_missing_or_none(tmp_path, capfd):
    out = tmp_path / "out"
    assert "nowhere.jpg" in refused(["image", str(tmp_path / "nowhere.jpg"), "-o", str(out)], capfd)
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    assert "text.jpg" in refused(["image", str(text), "-o", str(out)], capfd)
    assert os.listdir(tmp_path) == ["text.jpg"]


def test_photo_without_a_person(tmp_path, capfd):
    from PIL import Image

    photo = tmp_path / "grey.png"
    Image.new("RGB", (320, 240), (120, 130, 140)).save(photo)
    line = refused(["image", str(photo), "-o", str(tmp_path / "out")], capfd)
    assert line.startswith(f"osteon: No person was found in {photo}: ")
    assert os.listdir(tmp_path) == ["grey.png"]


def test_missing_asset(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("OSTEON_ASSETS", str(tmp_path))
    photo = tmp_path / "grey.png"
    from PIL import Image

    Image.new("RGB", (32, 24)).save(photo)
    line = refused(["image", str(photo), "-o", str(tmp_path / "out")], capfd)
    assert "open-neutral.npz is missing" in line
    assert os.listdir(tmp_path) == ["grey.png"]


def test_folder_that_cannot_be_written(tmp_path, fake_photo_job, capfd):
    fake_photo_job(lambda progress, **arguments: pytest.fail("the work began before the folder was tried"))
    file = tmp_path / "file"
    file.write_text("in the way")
    for folder in (file, file / "below"):
        assert f"The folder {folder} cannot be written" in refused(["image", "p.jpg", "-o", str(folder)], capfd)
    assert file.read_text() == "in the way"


def test_filling_leaves_nothing_when_the_block_fails(tmp_path):
    def fill(folder):
        with folders.filling(folder) as stage:
            (stage / "x").write_text("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fill(tmp_path / "a" / "b")
    assert not os.listdir(tmp_path)
    (tmp_path / "x").write_text("old")
    with pytest.raises(ZeroDivisionError):
        fill(tmp_path)
    assert os.listdir(tmp_path) == ["x"]
    assert (tmp_path / "x").read_text() == "old"


def models_in(arguments, capfd):
    assert cli.main(["models", *map(str, arguments), "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    n_shipped = len(OPEN_BODIES) + 1
    return answer[:n_shipped], answer[n_shipped:]


def test_models(tmp_path, capfd):
    wrong = tmp_path / "skel_male.pkl"
    wrong.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    shipped, (own, *missing) = models_in([wrong], capfd)
    assert [model["name"] for model in shipped] == [*OPEN_BODIES, "pose_landmarker_heavy"]
    assert all(model["found"] for model in shipped)
    assert not own["found"]
    assert "skel_male.pkl" in own["what"]
    assert [model["name"] for model in missing] == ["SKEL", "SMPL", "STAR", "SMPL-H", "SMPL-X"]
    assert all("https://" in model["what"] and not model["found"] for model in missing)


def test_models_of_a_folder(tmp_path, capfd):
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "bodies"))
    from synthetic_smpl import make_star_model

    (tmp_path / "star" / "female").mkdir(parents=True)
    np.savez(tmp_path / "star" / "female" / "model.npz", **make_star_model(21, "female"))
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    (tmp_path / "readme.txt").write_text("no model")
    _, (other, star, *missing) = models_in([tmp_path], capfd)
    assert not other["found"]
    assert "holds no body model" in other["what"]
    assert star["found"]
    assert star["what"] == "STAR, female, 6890 skin vertices, 20 shape parameters"
    assert [model["name"] for model in missing] == ["SKEL", "SMPL", "SMPL-H", "SMPL-X"]
    assert cli.main(["models", str(tmp_path)]) == 0
    shown = capfd.readouterr().out
    assert "+ model " in shown
    assert "- SMPL-H " in shown


def test_models_go_on_where_a_path_is_missing(tmp_path, capfd):
    (tmp_path / "good").mkdir()
    np.savez(tmp_path / "good" / "other.npz", a=np.zeros(3))
    typo = tmp_path / "typo"
    (tmp_path / "no_model").write_text("text")
    paths = [tmp_path / "good", typo, tmp_path / "typo.pkl", tmp_path / "no_model", "open-smpl-male"]
    _, (other, folder, file, text, body, *_) = models_in(paths, capfd)
    assert other["name"] == "other"
    for path, answer in ((typo, folder), (tmp_path / "typo.pkl", file)):
        assert not answer["found"]
        assert answer["what"].startswith(f"There is no file or folder {path}: ")
    assert "There is no" not in text["what"]
    assert "There is no" not in body["what"]


def test_job_from_files(tmp_path, capfd):
    arguments, result = tmp_path / "arguments.npz", tmp_path / "result.npz"
    jobs.write_values(arguments, {"a": np.arange(3)})
    (tmp_path / "cluster_job.py").write_text("def double(progress, a):\n    return {'b': 2 * a}\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    call = [sys.executable, "-m", "osteon", "job", "cluster_job:double", str(arguments), str(result)]
    subprocess.run(call, check=True, env=environment, timeout=60, stdout=subprocess.DEVNULL)
    np.testing.assert_array_equal(jobs.read_values(result)["b"], [0, 2, 4])
    capfd.readouterr()
    assert "no job named sing" in refused(["job", "sing", str(arguments), str(result)], capfd)


@pytest.mark.parametrize("arguments", [[], ["sing"], ["image"], ["image", "p", "-o", "x", "--max-people", "0"]])
def test_wrong_usage(arguments, capfd):
    assert cli.main(arguments) == 2
    assert "usage: osteon" in capfd.readouterr().err


@pytest.mark.parametrize("verb", [verb.name for verb in cli.VERBS])
def test_help_has_an_example(verb, capfd):
    assert cli.main([verb, "--help"]) == 0
    assert f"example: osteon {verb}" in capfd.readouterr().out


def test_unexpected_error_shows_what_libraries_printed(monkeypatch, capfd):
    def fail(options, progress):
        print("library: print")
        sys.stdout.flush()
        os.write(1, b"library: to stdout\n")
        os.write(2, b"library: to stderr\n")
        raise ZeroDivisionError

    verb = cli.Verb("fail", "Fail.", "osteon fail", lambda parser: None, fail, str)
    with pytest.raises(ZeroDivisionError):
        cli.main(["fail"], [verb])
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == "library: print\nlibrary: to stdout\nlibrary: to stderr\n"


def test_progress_bar_comes_after_two_seconds_and_goes(monkeypatch, capfd):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = cli.ProgressBar()
    bar(0.1, "Too early")
    assert capfd.readouterr().err == ""
    bar.after = 0.0
    bar(0.5, "Fitting 1 person")
    assert "██████████░░░░░░░░░░  50%  Fitting 1 person" in capfd.readouterr().err
    bar.clear()
    assert capfd.readouterr().err.endswith("\r")


@pytest.mark.parametrize("flag", [[], ["--check"]])
def test_training_a_body_that_does_not_exist(flag, capfd):
    for words in ("open-giant", *flag), (*flag, "open-giant"):
        said = refused(["train", "skel", *words], capfd)
        assert "There is no open body open-giant: there are open-male, " in said
