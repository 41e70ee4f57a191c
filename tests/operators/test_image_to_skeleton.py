"""Photo to skeleton without a window: the whole of it in `execute`, and errors that leave everything as it was."""

import bpy
import numpy as np
import pytest
from osteon.core import jobs
from osteon.core.errors import FileError
from osteon.operators.photo import load_photo, read_photo
from osteon.scene import people as scene_people
from PIL import Image, ImageOps

PATTERN = np.random.default_rng(3).integers(0, 256, (24, 40, 3), np.uint8)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(PATTERN).save(path)
    return str(path)


@pytest.fixture
def two_people(monkeypatch):
    """The job's answer without its work; the test sees its arguments."""
    seen = {}

    def run(name, arguments, progress):
        seen.update(arguments, job=name)
        progress(0.5, "Half")
        people = [
            {
                "pose": np.zeros(46),
                "betas": np.zeros(10),
                "trans": np.array([shift, 0.0, -3.0]),
                "relative_reprojection": 0.01,
            }
            for shift in (0.0, 1.0)
        ]
        return {"people": people, "body": arguments["body"], "image_size": [40, 24], "focal": 48.0, "seconds": {}}

    monkeypatch.setattr(jobs, "run", run)
    return seen


def test_people_and_camera(context, photo, two_people):
    assert bpy.ops.osteon.image_to_skeleton(filepath=photo, body="open-female", max_people=3) == {"FINISHED"}
    assert two_people["job"] == "image_to_skeleton"
    assert (two_people["body"], two_people["name"], two_people["max_people"]) == ("open-female", "photo.png", 3)
    np.testing.assert_array_equal(two_people["image"], PATTERN)
    assert [obj.type for obj in bpy.data.objects].count("ARMATURE") == 2
    camera = context.scene.camera
    assert camera.data.background_images[0].image.filepath == photo
    assert (context.scene.render.resolution_x, context.scene.render.resolution_y) == (40, 24)


@pytest.mark.parametrize("mode", ["OBJECT", "EDIT"])
def test_failure_half_way(mode, photo, two_people, unchanged, monkeypatch):
    def fail(context, *_):
        context.scene.render.resolution_x = 40
        context.scene.camera = None
        context.scene.frame_set(99)
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(scene_people, "add_photo_camera", fail)
    bpy.ops.object.mode_set(mode=mode)
    with unchanged("Photo to Skeleton failed: ZeroDivisionError"):
        bpy.ops.osteon.image_to_skeleton(filepath=photo)


def test_nobody_in_the_photo(unchanged, tmp_path):
    Image.new("RGB", (320, 240), (120, 130, 140)).save(tmp_path / "grey.png")
    with unchanged(r"No person was found in grey\.png: "):
        bpy.ops.osteon.image_to_skeleton(filepath=str(tmp_path / "grey.png"))


def test_no_photo(unchanged, tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with unchanged("cannot be opened"):
        bpy.ops.osteon.image_to_skeleton(filepath=str(tmp_path / "absent.jpg"))
    for name in ("text.jpg", "cut.png"):
        with unchanged(f"{name} is not a picture that Blender can read"):
            bpy.ops.osteon.image_to_skeleton(filepath=str(tmp_path / name))
    with unchanged("cannot be opened"):
        bpy.ops.osteon.image_to_skeleton()


def test_missing_asset(photo, unchanged, monkeypatch, tmp_path):
    monkeypatch.setenv("OSTEON_ASSETS", str(tmp_path))
    with unchanged("is missing"):
        bpy.ops.osteon.image_to_skeleton(filepath=photo)


def test_licensed_model_that_is_not_set(photo, unchanged):
    with unchanged("No file is set for SKEL Female"):
        bpy.ops.osteon.image_to_skeleton(filepath=photo, body="skel-female")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_pixels_are_those_in_the_file(mode, tmp_path):
    Image.fromarray(PATTERN).convert(mode).save(tmp_path / "x.png")
    before = list(bpy.data.images)
    pixels = read_photo(str(tmp_path / "x.png"))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(tmp_path / "x.png").convert("RGB")))
    assert list(bpy.data.images) == before


@pytest.mark.parametrize("turned", range(1, 9))
def test_photo_is_turned_upright(turned, tmp_path):
    path = str(tmp_path / "x.jpg")
    photo = Image.fromarray(np.kron(PATTERN // 2 + 64, np.ones((8, 8, 1), np.uint8)))
    exif = photo.getexif()
    exif[0x0112] = turned
    photo.save(path, exif=exif, quality=95)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB")).astype(int)
    assert np.abs(read_photo(path) - expected).max() <= 3
    image = load_photo(path)
    assert tuple(image.size) == expected.shape[1::-1]
    shown = np.array(image.pixels).reshape(*expected.shape[:2], 4)[::-1, :, :3] * 255
    assert np.abs(shown - expected).max() <= 3


def test_sixteen_bits(tmp_path):
    Image.fromarray(PATTERN[..., 0].astype(np.uint16) * 257).save(tmp_path / "x.png")
    difference = read_photo(str(tmp_path / "x.png")).astype(int) - PATTERN[..., :1]
    assert np.abs(difference).max() <= 1


def test_picture_that_is_there_already_is_used_and_kept(photo):
    image = bpy.data.images.load(photo)
    before = list(bpy.data.images)
    read_photo(photo)
    assert load_photo(photo) == image
    with pytest.raises(FileError):
        load_photo(photo + "x")
    assert list(bpy.data.images) == before
