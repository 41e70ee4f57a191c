import numpy as np
import pytest
from osteon.core import estimate_people
from osteon.core.anatomy.landmarks import LANDMARK_INDEX, LANDMARK_NAMES, LANDMARK_PAIRS
from osteon.core.errors import Cancelled, InputError
from osteon.core.learning.packages import POSE2SIM, unpacked
from osteon.core.vision.image import read_video_frame
from osteon.core.vision.sampling import shrunk


@pytest.fixture(scope="module")
def found(gymnast):
    return estimate_people(gymnast)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    size = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    return size.prod() / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - size.prod())


def test_the_33_landmarks_have_16_pairs():
    assert len(LANDMARK_NAMES) == 33
    assert len(LANDMARK_PAIRS) == 16
    assert (11, 12) in LANDMARK_PAIRS
    assert (9, 10) in LANDMARK_PAIRS


def test_the_gymnast_is_found_once_and_whole(found):
    (person,) = found
    # Read off the picture by eye: crown, hands and feet.
    assert overlap(person.box, np.array([300, 460, 715, 1240])) > 0.85
    assert person.score > 0.9
    assert person.visibility.mean() > 0.9
    by_eye = {
        "left_shoulder": (392, 735),
        "right_shoulder": (535, 605),
        "left_elbow": (375, 893),
        "right_elbow": (657, 578),
        "left_wrist": (370, 1014),
        "right_wrist": (583, 493),
        "left_knee": (500, 1032),
        "left_heel": (568, 1220),
        "right_heel": (710, 1065),
    }
    for name, place in by_eye.items():
        assert np.linalg.norm(person.landmarks[LANDMARK_INDEX[name], :2] - place) < 30, name


def test_metres_are_in_the_cameras_axes(found):
    (person,) = found
    world = {name: person.world[index] for name, index in LANDMARK_INDEX.items()}
    assert (world["left_hip"] + world["right_hip"]) == pytest.approx(np.zeros(3), abs=1e-9)
    assert world["left_hip"][0] < world["right_hip"][0]  # seen from behind
    assert world["left_heel"][1] > 0.6  # the foot on the ground is below
    assert world["nose"][2] > world["left_ear"][2]  # the face looks away from the camera
    assert 1.2 < np.ptp(person.world[:, 1]) < 2.0


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_people_may_lie_or_stand_on_their_hands(gymnast, found, turns):
    (upright,) = found
    (person,) = estimate_people(np.ascontiguousarray(np.rot90(gymnast, turns)))
    points, world = upright.landmarks[:, :2], upright.world
    for width in (gymnast.shape[1], gymnast.shape[0], gymnast.shape[1])[:turns]:
        points = np.stack([points[:, 1], width - points[:, 0]], axis=1)
        world = np.stack([world[:, 1], -world[:, 0], world[:, 2]], axis=1)
    off = np.linalg.norm(person.landmarks[:, :2] - points, axis=1)
    assert np.median(off) < 0.02 * 800
    assert np.linalg.norm(person.world - world, axis=1).mean() < 0.15


def test_two_people_side_by_side_stay_two(gymnast):
    part = gymnast[330:1330, 200:800]
    people = estimate_people(np.concatenate([part, part[:, ::-1]], axis=1))
    assert len(people) == 2
    left, right = sorted(people, key=lambda person: person.box[0])
    assert left.box[2] < 620
    assert right.box[0] > 580
    # The mirrored one has the other shoulder on the other side.
    a, b = LANDMARK_INDEX["left_shoulder"], LANDMARK_INDEX["right_shoulder"]
    assert left.landmarks[a, 0] < left.landmarks[b, 0]
    assert right.landmarks[a, 0] < right.landmarks[b, 0]


def test_people_of_very_different_sizes_are_all_found_largest_first(gymnast):
    picture = np.full((1100, 1500, 3), (118, 124, 120), np.uint8)
    part = gymnast[330:1330, 200:800]
    expected = []
    for left, k in ((0, 1), (700, 4), (1200, 8)):
        small = shrunk(part, k)
        picture[50 : 50 + small.shape[0], left : left + small.shape[1]] = small
        expected.append(np.array([left, 50, left, 50]) + np.array([100, 130, 515, 910]) / k)
    people = estimate_people(picture)
    assert len(people) == 3
    for person, box in zip(people, expected, strict=True):
        assert overlap(person.box, box) > 0.7
    assert [person.box.tolist() for person in estimate_people(picture, max_people=1)] == [people[0].box.tolist()]


@pytest.mark.parametrize(("camera", "count"), [(1, 3), (2, 3), (3, 2), (4, 2)])
def test_people_who_hide_each_other_are_told_apart(models, camera, count):
    """A gymnast, an assistant who touches him, and in two cameras somebody at the back; lamps do not count."""
    videos = unpacked(POSE2SIM) / "Pose2Sim" / "Demo_MultiPerson" / "videos"
    assert len(estimate_people(read_video_frame(videos / f"cam{camera:02d}.mp4", 40))) == count


@pytest.mark.parametrize("image", ["noise", "grey", "line", "pixel"])
def test_where_nobody_is_nobody_is_found(models, image):
    pictures = {
        "noise": np.random.default_rng(1).integers(0, 256, (480, 640, 3), dtype=np.uint8),
        "grey": np.full((1000, 300, 3), 128, np.uint8),
        "line": np.zeros((1, 2000, 3), np.uint8),
        "pixel": np.zeros((1, 1, 3), np.uint8),
    }
    assert estimate_people(pictures[image]) == []


def test_the_room_without_the_gymnast_is_empty(gymnast):
    assert estimate_people(gymnast[:430]) == []
    assert estimate_people(gymnast[1280:]) == []


def test_what_is_no_image_is_refused():
    with pytest.raises(InputError):
        estimate_people(np.zeros((10, 10), np.uint8))


def test_progress_rises_and_can_cancel(gymnast):
    told = []

    def tell(fraction, text):
        told.append(fraction)
        if fraction > 0.5:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        estimate_people(gymnast, progress=tell)
    assert told == sorted(told)
    assert told[0] == 0
    assert len(told) > 10
