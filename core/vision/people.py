"""All the people in a picture, each with 33 landmarks in the picture and in metres."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..anatomy.landmarks import LANDMARK_INDEX
from .detector import SIZE, Detection, detect
from .image import check_image
from .landmarker import Landmarks, find_landmarks
from .roi import Roi
from .sampling import Window, shrunk

# The detector misses people that are small in its window, so it also looks at tiles: shares of the longer side.
TILE_SHARES = (1 / 2, 1 / 4)
MIN_TILE = 112  # pixels; a smaller tile holds nothing that the network could read

# Two squares are of one person when middles and tops are nearer than this share of the radius (half a person's length).
SAME_PERSON = 0.3
# Two persons are one when this share of the smaller one's mask lies in the other's.
SAME_MASK = 0.5
# Clarity of the landmarks that makes a find believable: of any find, and of one that the detector is sure of. On 50
# pictures people had 0.80 and more, or 0.68 with a score of 0.8 where others hid them; other things had 0.66 with a
# score of 0.5, or 0.61 with one of 0.8.
CLEAR, CLEAR_IF_SURE, SURE = 0.75, 0.65, 0.7
# A square so much longer than the picture shows too little of a person to be believed.
MAX_SIDE = 3
# Looking again ends when the square moves less than this.
SETTLED = 0.1
MAX_LOOKS = 3

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class PersonEstimate:
    """A person in a picture; image coordinates in pixels, the first pixel's middle at 0.5."""

    box: np.ndarray  # (4,) x0 y0 x1 y1 of the whole body inside the picture
    score: float  # probability that there is a person, 0..1
    landmarks: np.ndarray  # (33, 3) x, y, and in the same unit the depth from the mid hip, away from the camera
    visibility: np.ndarray  # (33,) probability of being in the picture and not hidden
    presence: np.ndarray  # (33,) probability of being in the picture
    world: np.ndarray  # (33, 3) metres, x right, y down, z away from the camera, origin between the hips


def estimate_people(
    image: np.ndarray,
    *,
    max_people: int | None = None,
    min_score: float = 0.5,
    progress: Progress | None = None,
) -> list[PersonEstimate]:
    """Finds the people in a picture and their landmarks (BlazePose GHUM heavy), the largest first; [] for nobody.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    max_people
        Keep only the largest ones.
    min_score
        How sure both networks have to be of a person, 0..1.
    progress
        Called with a fraction and what is being done; may raise Cancelled.

    Raises
    ------
    InputError
        When `image` is not such an array.
    AssetError
        When the networks are missing.
    """
    check_image(image)
    tell = progress or (lambda fraction, text: None)
    candidates = _detect_everywhere(image, min_score, tell)
    found: list[Landmarks] = []
    for done, candidate in enumerate(candidates):
        tell(0.5 + 0.5 * done / len(candidates), "Finding landmarks")
        if any(candidate.roi.distance(person.roi) < SAME_PERSON for person in found):
            continue
        person = _settled_landmarks(image, candidate.roi)
        clear = person.clarity >= (CLEAR_IF_SURE if candidate.score >= SURE else CLEAR)
        if person.flag >= min_score and clear and person.roi.side <= MAX_SIDE * max(image.shape):
            found.append(person)
    people = [_estimate(landmarks, image) for landmarks in _without_duplicates(found)]
    people.sort(key=lambda person: -_area(person.box) * person.score)
    tell(1.0, "People found")
    return people[:max_people]


def _detect_everywhere(image: np.ndarray, min_score: float, tell: Progress) -> list[Detection]:
    """Detections in the whole picture and in overlapping tiles of it, best first; people may be there several times."""
    k = max(1, int(min(TILE_SHARES) * max(image.shape[:2]) / SIZE))
    small = shrunk(image, k)
    windows = _windows(*small.shape[:2])
    found = []
    for done, window in enumerate(windows):
        tell(0.5 * done / len(windows), "Looking for people")
        found += detect(small, window, min_score)
    enlarged = [Detection(d.score, d.face * k, Roi(d.roi.centre * k, d.roi.side * k, d.roi.angle)) for d in found]
    return sorted(enlarged, key=lambda d: -d.score)


def _windows(height: int, width: int) -> list[Window]:
    """The whole picture, and square tiles that overlap by about half."""
    windows = [(0, 0, width, height)]
    for share in TILE_SHARES:
        side = round(share * max(height, width))
        if side < MIN_TILE:
            continue
        lefts, tops = _starts(width, side), _starts(height, side)
        windows += [(x, y, min(x + side, width), min(y + side, height)) for y in tops for x in lefts]
    return windows


def _starts(length: int, side: int) -> list[int]:
    count = max(1, int(np.ceil(2 * length / side - 1 - 1e-9)))
    return [round(start) for start in np.linspace(0, max(0, length - side), count)]


def _settled_landmarks(image: np.ndarray, roi: Roi) -> Landmarks:
    """Looks again in the square that the landmarks themselves ask for, until it stays or is lost."""
    landmarks = find_landmarks(image, roi)
    for _ in range(MAX_LOOKS - 1):
        if landmarks.flag < 0.5 or landmarks.next_roi.distance(landmarks.roi) < SETTLED:
            break
        landmarks = find_landmarks(image, landmarks.next_roi)
    return landmarks


def _without_duplicates(found: list[Landmarks]) -> list[Landmarks]:
    """Keeps the best of those that are of one person, wholly or in part."""
    kept: list[Landmarks] = []
    # Clear landmarks count more than many: the network sees a whole small body in half a large one, but not clearly.
    for person in sorted(found, key=lambda person: -(person.clarity**2) * person.visibility.mean()):
        if all(
            person.roi.distance(other.roi) > SAME_PERSON
            and _share_inside(person, other) < SAME_MASK
            and _share_inside(other, person) < SAME_MASK
            for other in kept
        ):
            kept.append(person)
    return kept


def _share_inside(a: Landmarks, b: Landmarks) -> float:
    """The share of a's mask that lies in b's."""
    n = len(a.mask)
    y, x = np.nonzero(a.mask)
    if len(x) == 0:
        return 0.0
    at = np.floor(b.roi.to_crop(a.roi.to_image((np.column_stack([x, y]) + 0.5) / n)) * n).astype(int)
    inside = ((at >= 0) & (at < n)).all(axis=1)
    return float(b.mask[at[inside, 1], at[inside, 0]].sum() / len(x))


def _estimate(landmarks: Landmarks, image: np.ndarray) -> PersonEstimate:
    hips = landmarks.world[[LANDMARK_INDEX["left_hip"], LANDMARK_INDEX["right_hip"]]]
    return PersonEstimate(
        box=_body_box(landmarks.points[:, :2], image.shape[1], image.shape[0]),
        score=landmarks.flag,
        landmarks=landmarks.points,
        visibility=landmarks.visibility,
        presence=landmarks.presence,
        world=landmarks.world - hips.mean(axis=0),
    )


def _body_box(points: np.ndarray, width: int, height: int) -> np.ndarray:
    """(4,) xyxy around landmarks (33, 2) and the crown of the head, a little wider, inside the picture."""
    at = LANDMARK_INDEX
    eyes = (points[at["left_eye"]] + points[at["right_eye"]]) / 2
    mouth = (points[at["mouth_left"]] + points[at["mouth_right"]]) / 2
    # The eyes are half-way up the head, the mouth about a third of the head's height below them.
    crown = eyes + 1.6 * (eyes - mouth)
    body = np.vstack([points, crown])
    low, high = body.min(axis=0), body.max(axis=0)
    margin = 0.04 * (high - low).max()
    return np.concatenate([np.clip(low - margin, 0, [width, height]), np.clip(high + margin, 0, [width, height])])


def _area(box: np.ndarray) -> float:
    return float(np.prod(box[2:] - box[:2]))
