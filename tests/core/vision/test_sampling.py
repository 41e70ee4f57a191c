import numpy as np
import pytest
from osteon.core.vision.roi import Roi
from osteon.core.vision.sampling import letterbox, letterbox_origin, rotated_crop, shrunk


@pytest.fixture
def ramp() -> np.ndarray:
    """(400, 300, 3): red grows with x, green with y, so that a sample tells its place; blue is a check pattern."""
    y, x = np.mgrid[:400, :300]
    return np.stack([x * 0.8, y * 0.6, 255 * ((x + y) % 2)], axis=-1).round().astype(np.uint8)


def place(sample: np.ndarray) -> np.ndarray:
    """Where in the ramp a sample was taken, (..., 2) pixels."""
    return sample[..., :2] / [0.8, 0.6] + 0.5


@pytest.mark.parametrize("size", [32, 224, 800])
def test_a_letterbox_keeps_the_pixel_middles_and_does_not_alias(ramp, size):
    box = letterbox(ramp, (0, 0, 300, 400), size)
    x0, y0, step = letterbox_origin((0, 0, 300, 400), size)
    assert (x0, y0, step) == (-50, 0, 400 / size)
    u = (np.arange(size) + 0.5) * step
    seen = (u > 60) & (u < 340)
    found = place(box[np.ix_(seen, seen)])
    assert np.abs(found[..., 0] - (u[seen] - 50)).max() < 1.0  # the ramp's own rounding is 0.6
    assert np.abs(found[..., 1] - u[seen][:, None]).max() < 1.0
    assert (box[:, u < 48] == 0).all()
    if size == 32:
        assert np.ptp(box[seen][:, seen, 2]) < 10  # the checks are averaged, not sampled


def test_a_window_sees_nothing_of_its_surroundings():
    image = np.full((100, 100, 3), 200, np.uint8)
    image[20:60, 30:50] = 10
    box = letterbox(image, (30, 20, 50, 60), 64)
    assert box.max() <= 10
    assert box[:, 20:44].min() == pytest.approx(10)


@pytest.mark.parametrize("side", [64.0, 150.0, 256.0])
@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2, -2.5])
def test_a_crop_keeps_the_pixel_middles(ramp, side, angle):
    size = 64
    roi = Roi(np.array([150.0, 200.0]), side, angle)
    unit = (np.arange(size) + 0.5) / size
    wanted = roi.to_image(np.stack(np.meshgrid(unit, unit), axis=-1))
    crop = rotated_crop(ramp, roi, size)
    inside = ((wanted > 6) & (wanted < [294, 394])).all(axis=-1)
    assert np.abs(place(crop) - wanted)[inside].max() < 1.2
    if side == 256:
        assert np.ptp(crop[inside][:, 2]) < 80  # four pixels to one: the checks of one pixel are mostly gone


def test_a_crop_repeats_the_edge_of_the_picture(ramp):
    crop = rotated_crop(ramp, Roi(np.array([0.0, 0.0]), 64, 0.0), 64)
    assert (crop[:33, :33, :2] == ramp[0, 0, :2]).all()
    far = rotated_crop(ramp, Roi(np.array([-5000.0, 200.0]), 500, 0.0), 64)
    assert np.isfinite(far).all()


def test_shrinking_averages_blocks():
    image = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    small = shrunk(image, 2)
    assert small.shape == (3, 4, 3)
    assert (small[1, 2] == np.rint(image[2:4, 4:6].mean(axis=(0, 1)))).all()
    assert (small[2, 3] == image[4, 6]).all()
    assert shrunk(image, 1) is image


def test_a_square_is_upright_when_its_top_is_above():
    roi = Roi.from_points(np.array([50.0, 80.0]), np.array([50.0, 40.0]))
    assert roi.angle == 0
    assert roi.side == pytest.approx(2 * 40 * 1.25)
    assert roi.top == pytest.approx([50, 40])
    assert roi.to_image(np.array([0.5, 0.1])) == pytest.approx([50, 40])  # a person fills four fifths of the square


def test_a_person_lying_to_the_right_turns_the_square_by_90_degrees():
    roi = Roi.from_points(np.array([50.0, 80.0]), np.array([90.0, 80.0]))
    assert roi.angle == pytest.approx(np.pi / 2)
    assert roi.to_image(np.array([0.5, 0.1])) == pytest.approx([90, 80])


def test_crop_and_picture_coordinates_undo_each_other():
    rng = np.random.default_rng(3)
    for _ in range(20):
        roi = Roi(rng.uniform(-500, 500, 2), rng.uniform(10, 2000), rng.uniform(-np.pi, np.pi))
        points = rng.uniform(-1, 2, (50, 2))
        assert np.abs(roi.to_crop(roi.to_image(points)) - points).max() < 1e-9


def test_the_distance_of_squares_is_a_share_of_the_smaller_person():
    a = Roi(np.array([0.0, 0.0]), 250.0, 0.0)
    assert a.distance(a) == 0
    assert a.distance(Roi(np.array([10.0, 0.0]), 250.0, 0.0)) == pytest.approx(0.1)
    assert a.distance(Roi(np.array([0.0, 0.0]), 250.0, np.pi)) == pytest.approx(1.0)
