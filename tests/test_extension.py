"""The extension's zip: its manifest and wheels, and that Blender can live from it alone."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from itertools import product
from pathlib import Path

import pytest
from osteon.core.learning.packages import POSE2SIM, unpacked
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import extension, wheel_lock

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
TARGETS = list(product(wheel_lock.PLATFORM_TAGS, wheel_lock.PACKAGES))
NOT_BUNDLED = {"numpy", "setuptools"}  # Blender's own; only for compiling


def test_manifest_is_valid_in_the_source_tree():
    extension.blender_tool("validate", str(ROOT))


def test_manifest_agrees_with_pyproject_and_lock():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert MANIFEST["version"] == project["version"]
    assert sorted(MANIFEST["platforms"]) == sorted(wheel_lock.PLATFORM_TAGS)
    assert MANIFEST["license"] == [f"SPDX:{project['license']}"]


@pytest.mark.parametrize(("platform", "python"), TARGETS)
def test_lock_has_one_wheel_of_each_package(platform, python):
    running = [wheel for wheel in wheel_lock.locked_wheels() if wheel.runs_on(platform, python)]
    names = [wheel.name for wheel in running]
    assert len(names) == len(set(names))
    assert set(wheel_lock.PACKAGES[python]) <= set(names)
    assert not {"numpy", "pip", "setuptools", "wheel"} & set(names)
    chosen = wheel_lock.wheels_for(platform, python)
    assert [wheel.name for wheel in chosen] == sorted(wheel_lock.PACKAGES[python])
    cuda = [
        wheel.file for wheel in chosen if platform == "linux-x64" and wheel.name == "torch" and "+cpu" not in wheel.file
    ]
    assert not cuda


def test_lock_has_the_versions_that_are_tested_and_no_more():
    pins = {canonicalize_name(name): version for name, version in PINS.items()} | {"colorama": wheel_lock.COLORAMA}
    wheels = wheel_lock.locked_wheels()
    assert {(w.name, w.version.removesuffix("+cpu")) for w in wheels} == {(w.name, pins[w.name]) for w in wheels}
    assert all(re.fullmatch("[0-9a-f]{64}", wheel.sha256) for wheel in wheels)
    used = {wheel for target in TARGETS for wheel in wheel_lock.wheels_for(*target)}
    assert used == set(wheels)


def test_unknown_target_is_refused():
    with pytest.raises(wheel_lock.WheelError, match="linux-arm64"):
        wheel_lock.wheels_for("linux-arm64", "3.11")


def test_changed_wheel_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(wheel_lock, "WHEELS", tmp_path)
    wheel = wheel_lock.wheels_for("linux-x64", "3.11")[0]
    (tmp_path / wheel.file).write_bytes(b"something else")
    with pytest.raises(wheel_lock.WheelError, match="has not the hash"):
        wheel_lock.fetch([wheel], "linux-x64", "3.11")


def test_zip_holds_what_runs_and_no_more(tmp_path):
    path = extension.build("linux-x64", "3.11", with_wheels=False, output=tmp_path / "osteon.zip")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert "wheels" not in tomllib.loads(archive.read("blender_manifest.toml").decode())
    contents = {"blender_manifest.toml", *extension.CONTENTS, *(path.name for path in ROOT.glob("*.py"))}
    assert {name.split("/")[0] for name in names} == contents
    assert {f"assets/{name}" for name in extension.ASSETS} <= set(names)
    assert not [name for name in names if "__pycache__" in name or "/." in name]
    assert os.listdir(tmp_path) == ["osteon.zip"]


def test_failed_build_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise extension.BuildError("refused")

    monkeypatch.setattr(extension, "blender_tool", refuse)
    with pytest.raises(extension.BuildError, match="refused"):
        extension.build("linux-x64", "3.11", with_wheels=False, output=tmp_path / "osteon.zip")
    assert not os.listdir(tmp_path)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """The whole zip for this platform and Blender 4.5."""
    folder = tmp_path_factory.mktemp("release")
    return extension.build(extension.this_platform(), "3.11", with_wheels=True, output=folder / "osteon.zip")


@pytest.fixture(scope="module")
def blender(tmp_path_factory):
    """Runs `installed_extension.py` in a new environment that has `bpy` alone, in a new profile; returns its report."""
    folder = tmp_path_factory.mktemp("blender")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", str(python), "install", f"bpy=={PINS['bpy']}"]
    subprocess.run(pip, check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OSTEON"))}
    environment["BLENDER_USER_RESOURCES"] = str(folder / "profile")

    def run(*arguments):
        call = [str(python), "-I", str(ROOT / "tests" / "installed_extension.py"), *map(str, arguments)]
        done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, timeout=400)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr, f"{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout.strip().splitlines()[-1])

    run.profile = folder / "profile"
    return run


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A frame with the gymnast, as a PNG file."""
    import av

    (video,) = unpacked(POSE2SIM).rglob("Demo_SinglePerson/videos/cam03.mp4")
    path = tmp_path_factory.mktemp("photo") / "gymnast.png"
    with av.open(str(video)) as container:
        next(container.decode(video=0)).to_image().save(path)
    return path


@pytest.mark.slow
def test_wheels_have_all_that_they_ask_for(release):
    with zipfile.ZipFile(release) as archive:
        wheels = [name for name in archive.namelist() if name.endswith(".whl")]
        asked, given = set(), set()
        for wheel in wheels:
            with archive.open(wheel) as file, zipfile.ZipFile(file) as inner:
                (metadata,) = [name for name in inner.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
                message = Parser().parsestr(inner.read(metadata).decode())
            given.add(canonicalize_name(message["Name"]))
            requirements = [Requirement(text) for text in message.get_all("Requires-Dist", [])]
            asked |= {
                canonicalize_name(r.name) for r in requirements if not r.marker or r.marker.evaluate({"extra": ""})
            }
    assert asked - given == NOT_BUNDLED
    assert len(wheels) == len(given)


@pytest.mark.slow
def test_blender_lives_from_the_zip_alone(release, blender, photo):
    report = blender("use", release, photo)
    assert not report["had_torch"]
    assert "OSTEON_OT_add_body" in report["enabled"]
    assert "OSTEON_OT_image_to_skeleton" in report["enabled"]
    bundled = str(blender.profile / "extensions" / ".local")
    outside = {name: file for name, file in report["files"].items() if not file.startswith(bundled)}
    assert list(outside) == ["numpy"], outside
    body, people = report["scenes"]["add_body"], report["scenes"]["image_to_skeleton"]
    assert (body["ARMATURE"], body["MESH"]) == (1, 2)
    assert people["ARMATURE"] == body["ARMATURE"] + people["CAMERA"]
    assert report["worker"].startswith("No person was found")
    assert report["left"] == []

    report = blender("enable")
    assert report["left"] == []
    assert report["heavy"] == []
    assert max(report["seconds"]) < 0.3
