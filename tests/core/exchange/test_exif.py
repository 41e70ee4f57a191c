"""EXIF orientation of JPEG files, whole and broken."""

import io

import numpy as np
import pytest
from osteon.core.exchange.exif import orientation, upright
from PIL import Image, ImageOps


def jpeg(turned):
    photo = Image.new("L", (16, 8))
    exif = photo.getexif()
    exif[0x010E] = "a description before it"
    exif[0x0112] = turned
    file = io.BytesIO()
    photo.save(file, "JPEG", exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("turned", range(1, 9))
def test_orientation_and_what_it_means(turned, tmp_path):
    (tmp_path / "x.jpg").write_bytes(jpeg(turned))
    assert orientation(tmp_path / "x.jpg") == turned
    pixels = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)
    picture = Image.fromarray(pixels)
    picture.getexif()[0x0112] = turned
    np.testing.assert_array_equal(upright(pixels, turned), np.asarray(ImageOps.exif_transpose(picture)))


def test_files_without_or_broken(tmp_path):
    path = tmp_path / "x.jpg"
    assert orientation(path) == 1
    whole = jpeg(6)
    for length in range(0, whole.index(b"Exif") + 60):
        path.write_bytes(whole[:length])
        assert orientation(path) in (1, 6)
    path.write_bytes(whole.replace(b"\x06\x00", b"\x09\x00").replace(b"\x00\x06", b"\x00\x09"))
    assert orientation(path) == 1
    Image.new("L", (4, 4)).save(tmp_path / "x.png")
    assert orientation(tmp_path / "x.png") == 1
