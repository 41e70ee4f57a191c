"""The two networks against MediaPipe's own package, and what they must do whoever wrote them."""

from pathlib import Path

import numpy as np
import pytest
from osteon.core.anatomy.landmarks import LANDMARK_PAIRS
from osteon.core.errors import AssetError
from osteon.core.vision import detector, landmarker
from osteon.core.vision.detector import anchors, decode, detect, merge_overlapping
from osteon.core.vision.landmarker import find_landmarks, refine
from osteon.core.vision.networks import BUNDLE, load_network
from osteon.core.vision.roi import Roi
from osteon.core.vision.sampling import letterbox_origin

# What PoseLandmarker of mediapipe 1.2.2 (CPU) says of single frames with the same models: per landmark x, y, z in
# pixels, visibility, presence, and x, y, z in metres.
OFFICIAL = dict(np.load(Path(__file__).parent / "mediapipe_1_2_2.npz"))


def seen_whole(image: np.ndarray):
    """The first look at the surest person."""
    (person, *_) = detect(image, (0, 0, image.shape[1], image.shape[0]), 0.5)
    return find_landmarks(image, person.roi)


def mirrored(points: np.ndarray) -> np.ndarray:
    """Swaps the landmarks' sides."""
    swapped = points.copy()
    for left, right in LANDMARK_PAIRS:
        swapped[[left, right]] = points[[right, left]]
    return swapped


def test_there_are_2254_anchors_in_the_order_of_the_graph():
    grid = anchors()
    assert grid.shape == (2254, 2)
    assert grid[0] == pytest.approx([1 / 56, 1 / 56])
    assert grid[2] == pytest.approx([3 / 56, 1 / 56])
    assert grid[28 * 28 * 2] == pytest.approx([1 / 28, 1 / 28])
    assert grid[-1] == pytest.approx([6.5 / 7, 6.5 / 7])


def test_a_row_is_decoded_relative_to_its_anchor():
    values = np.zeros((2254, 12), np.float32)
    logits = np.full(2254, -200.0, np.float32)
    logits[-1] = 3
    values[-1] = [0, 22.4, 44.8, 22.4, 1, 2, 3, 4, 5, 6, 7, 8]
    scores, rows = decode(values, logits, 0.5)
    middle = 6.5 / 7
    assert scores == pytest.approx([1 / (1 + np.exp(-3))])
    assert rows[0, :4] == pytest.approx([middle - 0.1, middle + 0.05, middle + 0.1, middle + 0.15])
    assert rows[0, 4:] == pytest.approx(middle + np.arange(1, 9) / 224)


def test_overlapping_faces_become_their_weighted_mean():
    rows = np.zeros((3, 12))
    rows[:, :4] = [[0, 0, 1, 1], [0.1, 0, 1.1, 1], [2, 2, 3, 3]]
    rows[:, 4] = [1, 2, 7]
    scores, merged = merge_overlapping(np.array([0.6, 0.9, 0.8]), rows)
    assert scores == pytest.approx([0.9, 0.8])
    assert merged[:, 4] == pytest.approx([(0.6 * 1 + 0.9 * 2) / 1.5, 7])


def test_landmarks_move_to_the_heat_around_them_only():
    heat = np.zeros((64, 64, 39))
    heat[20, 30, 0] = heat[20, 32, 0] = 0.8
    heat[5, 5, 1] = 0.9
    heat[20, 31, 2] = 0.4
    points = np.full((39, 2), [31.5 / 64, 21.5 / 64])
    refined = refine(points, heat)
    assert refined[0] == pytest.approx([31 / 64, 20 / 64])
    assert (refined[1:] == points[1:]).all()  # too far, too weak, none
    outside = np.full((39, 2), 1.5)
    assert (refine(outside, heat) == outside).all()


def _plain_letterbox(image, window, size):
    x0, y0, step = letterbox_origin(window, size)
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1)
    return _plainly(image, np.array([x0, y0]) + step * grid, outside=0)


def _plain_crop(image, roi, size):
    unit = np.arange(size) / size
    return _plainly(image, roi.to_image(np.stack(np.meshgrid(unit, unit), axis=-1)), outside=None)


def _plainly(image, index, outside):
    """Bilinear reading at (column, row) indices in steps of 1/32, rounded to bytes, as OpenCV does for MediaPipe."""
    index = np.rint(index * 32) / 32
    limits = np.array([image.shape[1] - 1, image.shape[0] - 1])
    inside = ((index >= 0) & (index <= limits)).all(axis=-1, keepdims=True)
    index = np.clip(index, 0, limits)
    (j, i), (j1, i1) = (np.moveaxis(k, -1, 0) for k in (index.astype(int), np.minimum(index.astype(int) + 1, limits)))
    f, g = np.moveaxis(index % 1, -1, 0)[..., None]
    read = (image[i, j] * (1 - f) + image[i, j1] * f) * (1 - g) + (image[i1, j] * (1 - f) + image[i1, j1] * f) * g
    return np.rint(read if outside is None else np.where(inside, read, outside)).astype(np.float32)


@pytest.mark.parametrize("name", sorted(OFFICIAL))
def test_everything_but_the_resampling_is_mediapipes(frame, monkeypatch, name):
    """With MediaPipe's resampling (bilinear between pixel indices, without averaging) its numbers come out."""
    monkeypatch.setattr(detector, "letterbox", _plain_letterbox)
    monkeypatch.setattr(landmarker, "rotated_crop", _plain_crop)
    official = OFFICIAL[name]
    camera, index = name.removeprefix("cam").split("_")
    ours = seen_whole(frame(int(camera), int(index)))
    off = np.linalg.norm(ours.points[:, :2] - official[:, :2], axis=1)
    # Pixels and metres; the gymnast is 800 pixels tall. Single grey values rounded otherwise leave 0.2 and 0.0015.
    assert off.mean() < 0.4
    assert np.abs(ours.points[:, 2] - official[:, 2]).mean() < 4
    assert np.abs(ours.visibility - official[:, 3]).max() < 0.02
    assert np.abs(ours.presence - official[:, 4]).max() < 0.01
    assert np.linalg.norm(ours.world - official[:, 5:], axis=1).mean() < 0.004


@pytest.mark.parametrize("name", sorted(OFFICIAL))
def test_the_landmarks_stay_near_mediapipes(frame, name):
    """Averaging before shrinking, and reading pixels at their middles, moves landmarks by about a pixel of the crop."""
    official = OFFICIAL[name]
    camera, index = name.removeprefix("cam").split("_")
    ours = seen_whole(frame(int(camera), int(index)))
    off = np.linalg.norm(ours.points[:, :2] - official[:, :2], axis=1)
    assert off.mean() < 2 * ours.roi.side / landmarker.SIZE
    assert np.abs(ours.visibility - official[:, 3]).mean() < 0.05


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_picture_gives_turned_landmarks(gymnast, turns):
    upright = seen_whole(gymnast)
    width, height = gymnast.shape[1], gymnast.shape[0]
    points, centre, angle, world = upright.points[:, :2], upright.roi.centre, upright.roi.angle, upright.world.copy()
    for _ in range(turns):
        points, centre = (np.stack([p[..., 1], width - p[..., 0]], axis=-1) for p in (points, centre))
        world = np.stack([world[:, 1], -world[:, 0], world[:, 2]], axis=1)
        angle -= np.pi / 2
        width, height = height, width
    turned = find_landmarks(np.rot90(gymnast, turns), Roi(centre, upright.roi.side, angle))
    assert np.abs(turned.points[:, :2] - points).max() < 3
    assert np.abs(turned.world - world).mean() < 0.005


def test_a_mirrored_picture_gives_mirrored_landmarks(frame):
    image = frame(1, 40)
    plain, mirror = seen_whole(image), seen_whole(image[:, ::-1])
    back = mirrored(mirror.points[:, :2]) * [-1, 1] + [image.shape[1], 0]
    off = np.linalg.norm(back - plain.points[:, :2], axis=1)
    assert off.mean() < 0.015 * 850  # the gymnast's height in pixels
    world = mirrored(mirror.world) * [-1, 1, 1]
    assert np.linalg.norm(world - plain.world, axis=1).mean() < 0.1


def test_noise_is_nobody(models):
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    assert find_landmarks(noise, Roi(np.array([128.0, 128.0]), 256.0, 0.0)).flag < 0.5


def test_missing_and_damaged_models_give_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("OSTEON_ASSETS", str(tmp_path))
    load_network.cache_clear()
    try:
        with pytest.raises(AssetError, match=BUNDLE):
            load_network("pose_detector.tflite", ((1, 2254, 12),))
        for content in (b"", b"no bundle"):
            (tmp_path / BUNDLE).write_bytes(content)
            with pytest.raises(AssetError, match="damaged"):
                load_network("pose_detector.tflite", ((1, 2254, 12),))
    finally:
        load_network.cache_clear()
