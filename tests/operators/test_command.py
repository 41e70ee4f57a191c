"""`blender --command osteon`: the photo is read by Blender, and a scene and a picture come with the tables."""

import json
import os

import bpy
import numpy as np
import pytest
from osteon.core import jobs
from osteon.operators import command
from PIL import Image


def person(shift):
    return {
        "pose": np.zeros(46),
        "betas": np.zeros(10),
        "trans": np.array([shift, 0.0, -3.0]),
        "box": np.array([1.0, 2.0, 30.0, 40.0]),
        "reprojection": 1.25,
        "relative_reprojection": 0.0125,
    }


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(3).integers(0, 256, (24, 40, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def one_person(monkeypatch):
    def run(name, arguments, progress):
        assert arguments["image"].shape == (24, 40, 3), "Blender reads the photo"
        return {"people": [person(0.0)], "body": "open-neutral", "image_size": [40, 24], "focal": 48.0, "seconds": {}}

    monkeypatch.setattr(jobs, "run", run)


def test_image_with_scene_and_picture(photo, one_person, tmp_path, capfd):
    out = tmp_path / "out"
    assert command.main(["image", str(photo), "-o", str(out), "--json"]) == 0
    captured = capfd.readouterr()
    files = ["angles.csv", "motion.npz", "overlay.png", "scene.blend"]
    assert json.loads(captured.out)["files"] == sorted(os.listdir(out)) == files
    assert Image.open(out / "overlay.png").size == (40, 24)
    bpy.ops.wm.open_mainfile(filepath=str(out / "scene.blend"))
    assert [obj.type for obj in bpy.data.objects].count("ARMATURE") == 1
    assert bpy.context.scene.camera.data.background_images[0].image.packed_file


def test_errors(tmp_path, capfd):
    (tmp_path / "text.jpg").write_text("no picture")
    for name in ("text.jpg", "absent.jpg"):
        assert command.main(["image", str(tmp_path / name), "-o", str(tmp_path / "out")]) == 2
        captured = capfd.readouterr()
        assert captured.err.startswith("osteon: ")
        assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert os.listdir(tmp_path) == ["text.jpg"]
