import struct

import numpy as np
import pytest
from osteon.core.errors import FileError, InputError
from osteon.core.vision.image import check_image, read_image, read_video_frame
from PIL import Image

RNG = np.random.default_rng(0)


@pytest.fixture
def picture() -> np.ndarray:
    return RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8)


@pytest.fixture
def video(tmp_path):
    """Five grey frames of 48 x 32 whose left half is brighter by 100; frame i has the value 20 i on its right."""
    import av

    path = tmp_path / "video.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for i in range(5):
            image = np.full((32, 48, 3), 20 * i, np.uint8)
            image[:, :24] += 100
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_a_picture_is_read_as_it_is(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png")
    assert read.dtype == np.uint8
    assert (read == picture).all()


@pytest.mark.parametrize(("mode", "value"), [("L", 90), ("RGBA", (90, 90, 90, 255)), ("P", 90), ("I;16", 90 * 257)])
def test_every_kind_of_pixel_becomes_rgb(tmp_path, mode, value):
    grey = Image.new("L", (4, 3), 90).convert("P") if mode == "P" else Image.new(mode, (4, 3), value)
    grey.save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png") == np.full((3, 4, 3), 90)).all()


@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, -1), (8, 1)])
def test_the_exif_orientation_is_honoured(tmp_path, picture, orientation, turns):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(picture).save(tmp_path / "a.png", exif=exif)
    assert (read_image(tmp_path / "a.png") == np.rot90(picture, turns)).all()


def test_what_is_no_picture_gives_one_sentence(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "whole.png")
    content = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "truncated.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.jpg").write_bytes(b"")
    # A header that promises 50000 x 50000 pixels.
    (tmp_path / "bomb.png").write_bytes(content[:16] + struct.pack(">II", 50000, 50000) + content[24:])
    for name in ("missing.png", "truncated.png", "text.png", "empty.jpg", "bomb.png", "."):
        with pytest.raises(FileError) as error:
            read_image(tmp_path / name)
        assert str(tmp_path) in str(error.value)
        assert "\n" not in str(error.value)


def test_the_frame_asked_for_is_read(video):
    frames = [read_video_frame(video, i) for i in range(5)]
    assert all(frame.shape == (32, 48, 3) for frame in frames)
    assert [frame[:, 24 + 4 :].mean() for frame in frames] == pytest.approx([0, 20, 40, 60, 80], abs=4)


def test_a_turned_video_is_read_upright(video):
    content = video.read_bytes()
    track = content.index(b"tkhd")
    matrix = track + 4 + 4 + 36  # after the name, the version and flags, and nine words
    one = 1 << 16
    assert struct.unpack(">9i", content[matrix : matrix + 36])[:5] == (one, 0, 0, 0, one)
    quarter_clockwise = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    video.write_bytes(content[:matrix] + quarter_clockwise + content[matrix + 36 :])
    turned = read_video_frame(video, 0)
    assert turned.shape == (48, 32, 3)
    assert turned[:20].mean() > turned[-20:].mean() + 80  # the left half has come to the top


def test_what_is_no_video_gives_one_sentence(tmp_path, video):
    (tmp_path / "text.mp4").write_text("no video")
    for name in ("missing.mp4", "text.mp4", "."):
        with pytest.raises(FileError, match=name):
            read_video_frame(tmp_path / name, 0)
    for index in (-1, 5):
        with pytest.raises(InputError, match=str(index)):
            read_video_frame(video, index)


@pytest.mark.parametrize(
    "image",
    [
        None,
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=["none", "grey", "rgba", "float", "empty"],
)
def test_only_rgb_bytes_are_an_image(image):
    with pytest.raises(InputError):
        check_image(image)
