"""Long work: the same answer here and in a worker process; progress, cancel, errors; nothing is left behind."""

import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from osteon.core import errors, jobs
from osteon.core.jobs import values

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def sample_jobs_importable(monkeypatch):
    monkeypatch.syspath_prepend(HERE)


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    """Where workers put their folders, so that a test sees whether one is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir()), "a worker's folder is left"


def alive(pid):
    """Whether a process runs; one that has ended and waits for its parent's notice does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def until(condition, limit=20.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


ARRAYS = [
    np.arange(6, dtype=dtype).reshape(2, 3)
    for dtype in ("u1", "i1", "<i2", ">i4", "i8", "u8", "f2", "f4", "f8", "c8", "c16")
] + [
    np.array([True, False]),
    np.array(["Äpfel", "x"]),
    np.array([b"bytes"]),
    np.array(["2026-11-21"], "M8[D]"),
    np.array(3.5),
    np.zeros((0, 3)),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(20)[::3],
    np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
]
VALUES = {
    "text": "Grüße \n\0 end",
    "numbers": [1, -2.5, float("inf"), 2**70],
    "nothing": None,
    "flags": [True, False],
    "nested": {"people": [{"pose": np.ones(46)}, {"pose": np.zeros(46)}]},
}


def test_worker_gives_what_the_process_itself_gives():
    arguments = {**VALUES, "arrays": ARRAYS, "scalar": np.float32(0.5), "pair": (1, 2)}
    here = jobs.run("sample_jobs:give_back", arguments)
    with jobs.start("sample_jobs:give_back", arguments) as worker:
        there = worker.result()
    assert there.keys() == here.keys()
    for sent, received in zip(ARRAYS, there["arrays"], strict=True):
        assert (received.dtype, received.shape) == (sent.dtype, sent.shape)
        np.testing.assert_array_equal(received, sent)
    for key in ("text", "numbers", "nothing", "flags"):
        assert there[key] == VALUES[key]
    assert there["scalar"] == 0.5
    assert there["pair"] == [1, 2]
    np.testing.assert_array_equal(there["nested"]["people"][0]["pose"], np.ones(46))


def test_waiting_threads_of_a_worker_give_way_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert jobs.start("sample_jobs:waiting", {}).result() == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert jobs.start("sample_jobs:waiting", {}).result() == "ACTIVE"


def test_progress_here():
    seen = []
    jobs.run("sample_jobs:give_back", {}, lambda fraction, text: seen.append((fraction, text)))
    assert seen == [(0.0, "Step 0"), (0.25, "Step 1"), (0.5, "Step 2"), (0.75, "Step 3"), (1.0, "Done")]


def test_progress_here_can_stop_the_work():
    def stop(fraction, text):
        if fraction > 0.4:
            raise errors.Cancelled("Enough.")

    with pytest.raises(errors.Cancelled):
        jobs.run("sample_jobs:give_back", {}, stop)


def test_progress_of_a_worker_only_grows():
    worker = jobs.start("sample_jobs:give_back", {})
    states = [worker.poll()]
    while not states[-1].done:
        states.append(worker.poll())
    worker.result()
    fractions = [state.fraction for state in states]
    assert fractions == sorted(fractions)
    assert states[0].text == "Starting"
    assert states[-1] == jobs.State(True, 1.0, "Done")


def test_part_of_progress():
    seen = []
    stage = jobs.named.part(lambda fraction, text: seen.append((fraction, text)), 0.2, 0.6)
    for fraction in (0.0, 0.5, 1.0, 1.5):
        stage(fraction, "Fitting")
    assert [fraction for fraction, _ in seen] == pytest.approx([0.2, 0.4, 0.6, 0.6])


@pytest.mark.parametrize("kind", ["OsteonError", "FileError", "AssetError", "InputError", "Cancelled"])
def test_errors_cross_the_pipe(kind):
    with pytest.raises(errors.OsteonError, match=r"^The picture Äpfel.png holds no apples.$") as caught:
        jobs.start("sample_jobs:complain", {"kind": kind}).result()
    assert type(caught.value) is getattr(errors, kind)


def test_unexpected_error_is_named_and_logged(caplog):
    with caplog.at_level(logging.ERROR), pytest.raises(jobs.WorkerError, match="ZeroDivisionError: by nought"):
        jobs.start("sample_jobs:stumble", {}).result()
    assert "in stumble" in caplog.text


def test_result_that_cannot_be_written(caplog):
    with caplog.at_level(logging.ERROR), pytest.raises(jobs.WorkerError, match="a object cannot be handed"):
        jobs.start("sample_jobs:unwritable", {}).result()


def test_crash_is_told(caplog):
    with caplog.at_level(logging.ERROR), pytest.raises(jobs.WorkerError, match="ended unexpectedly with code 7"):
        jobs.start("sample_jobs:crash", {}).result()
    assert "last words" in caplog.text


def test_cancel_ends_the_whole_tree_within_a_second(tmp_path):
    note = tmp_path / "note"
    worker = jobs.start("sample_jobs:sleep", {"note": str(note)})
    until(lambda: worker.poll().fraction == 0.5)
    first, second, folder = note.read_text().split(maxsplit=2)
    assert alive(first)
    assert alive(second)
    started = time.monotonic()
    worker.cancel()
    until(lambda: not alive(first) and not alive(second), limit=1)
    assert time.monotonic() - started < 1
    assert not Path(folder).exists()
    assert worker.poll().done
    with pytest.raises(errors.Cancelled):
        worker.result()
    worker.cancel()


def test_cancel_before_the_work_begins():
    worker = jobs.start("sample_jobs:give_back", {})
    worker.cancel()
    assert worker.poll().done


def test_worker_ends_when_its_caller_dies(tmp_path, own_temporary_folder):
    note = tmp_path / "note"
    code = f"""
import sys, tempfile, time
sys.path.insert(0, {str(HERE)!r})
tempfile.tempdir = {str(own_temporary_folder)!r}
from osteon.core import jobs
worker = jobs.start("sample_jobs:sleep", {{"note": {str(note)!r}}})
time.sleep(60)
"""
    caller = subprocess.Popen([sys.executable, "-c", code])
    until(lambda: note.exists() and len(note.read_text().split()) == 3)
    caller.kill()
    caller.wait()
    first, second, folder = note.read_text().split(maxsplit=2)
    until(lambda: not alive(first) and not alive(second) and not Path(folder).exists(), limit=3)


def test_worker_has_our_path_and_no_standard_input():
    there = jobs.start("sample_jobs:describe", {}).result()
    assert there["path"] == [os.path.abspath(entry) for entry in sys.path]
    assert there["stdin"] == ""
    assert there["python"] == sys.executable


def test_package_under_blenders_name_runs_its_own_jobs():
    """As an extension the package is `bl_ext.user_default.osteon`; its worker still has it as `osteon`."""
    root = Path(jobs.__file__).parents[2]
    code = f"""
import importlib.util, sys, types
for name in ("bl_ext", "bl_ext.user_default"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = []
name = "bl_ext.user_default.osteon"
spec = importlib.util.spec_from_file_location(name, {str(root / "__init__.py")!r},
                                              submodule_search_locations=[{str(root)!r}])
sys.modules[name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules[name])
sys.meta_path = [finder for finder in sys.meta_path if "Editable" not in str(finder)]
jobs = importlib.import_module(name + ".core.jobs")
errors = importlib.import_module(name + ".core.errors")
for run in (jobs.run, lambda *call: jobs.start(*call).result()):
    try:
        run("image_to_skeleton", {{"image": "no such file"}})
    except errors.FileError as error:
        print(error)
assert "osteon" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    here, there = done.stdout.splitlines(), done.stderr
    assert len(here) == 2, there
    assert here[0] == here[1]
    assert "no such file" in here[0]


def test_unknown_job():
    with pytest.raises(errors.InputError, match="no job named sing: there are convert_motion, fit_surface, image_"):
        jobs.run("sing", {})
    with pytest.raises(errors.InputError, match="no job named sing"):
        jobs.start("sing", {}).result()


def test_missing_package():
    with pytest.raises(errors.AssetError, match="package not_installed_here is missing"):
        jobs.run("not_installed_here:work", {})


def test_python_that_does_not_start():
    with pytest.raises(jobs.WorkerError, match="cannot start"):
        jobs.start("sample_jobs:describe", {}, python="/no/such/python")


def test_find_python(monkeypatch, tmp_path):
    assert jobs.worker.find_python() == sys.executable
    program = tmp_path / "bin" / ("python.exe" if os.name == "nt" else "python3")
    program.parent.mkdir()
    program.touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/usr/bin/blender")
    assert jobs.worker.find_python() == str(program)


@pytest.mark.parametrize("value", [np.array([object()]), {"x": {1, 2}}, {1: "x"}, {"__array__": "x"}, b"bytes"])
def test_what_json_and_arrays_cannot_say_is_refused(value, tmp_path):
    with pytest.raises(TypeError):
        values.write_values(tmp_path / "x.npz", value)
    assert not list((tmp_path).glob("*.npz"))


def test_no_pickle_is_read(tmp_path):
    np.savez(tmp_path / "x.npz", json=np.array([{"a": 1}], dtype=object))
    with pytest.raises(errors.FileError, match="or is damaged"):
        values.read_values(tmp_path / "x.npz")


@pytest.mark.parametrize("content", [b"", b"PK\3\4 and then nothing", b"\x93NUMPY", b"text"])
def test_damaged_file(content, tmp_path):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(errors.FileError, match=r"x\.npz"):
        values.read_values(tmp_path / "x.npz")
    with pytest.raises(errors.FileError, match="cannot be read"):
        values.read_values(tmp_path / "absent.npz")
