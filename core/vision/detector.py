"""BlazePose's person detector: the faces in a picture, and for each the mid hip and the reach of its body.

Bazarevsky et al., "BlazePose: On-device real-time body pose tracking", 2020; the numbers are those of
MediaPipe's graphs.
"""

from dataclasses import dataclass

import numpy as np

from .networks import load_network
from .roi import Roi
from .sampling import Window, letterbox, letterbox_origin

SIZE = 224
NMS_IOU = 0.3


@dataclass(frozen=True)
class Detection:
    """A found person: score in 0..1, the face's box (4,) xyxy and the body's square, in pixels of the picture."""

    score: float
    face: np.ndarray
    roi: Roi


def detect(image: np.ndarray, window: Window, min_score: float) -> list[Detection]:
    """The people whose face or body is seen in the window (x0, y0, x1, y1) of an image (H, W, 3) uint8, best first."""
    network = load_network("pose_detector.tflite", ((1, 2254, 12), (1, 2254, 1)))
    values, logits = network(letterbox(image, window, SIZE) / 127.5 - 1)
    scores, rows = decode(values[0], logits[0, :, 0], min_score)
    scores, rows = merge_overlapping(scores, rows)
    x0, y0, step = letterbox_origin(window, SIZE)
    points = np.array([x0, y0]) + rows.reshape(-1, 6, 2) * SIZE * step  # two box corners, then the four points
    return [
        Detection(float(score), row[:2].ravel(), Roi.from_points(row[2], row[3]))
        for score, row in zip(scores, points, strict=True)
    ]


def anchors() -> np.ndarray:
    """(2254, 2): the anchors' middles (x, y) as shares of the input; two per cell, equal strides interleaved."""
    layers = []
    for cells, per_cell in ((28, 2), (14, 2), (7, 6)):
        middle = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(middle, middle, indexing="ij")
        layers.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), per_cell, axis=0))
    return np.concatenate(layers)


def decode(values: np.ndarray, logits: np.ndarray, min_score: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores (K,) and rows (K, 12) of the anchors above `min_score`.

    A row is x0 y0 x1 y1 of the face, then x y of mid hip, body reach, mid shoulder, upper body reach; all shares of the
    input.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(float), -100, 100)))
    keep = scores >= min_score
    rows = values[keep].astype(float) / SIZE
    middle = anchors()[keep]
    half = rows[:, 2:4] / 2
    corners = np.concatenate([rows[:, :2] + middle - half, rows[:, :2] + middle + half], axis=1)
    return scores[keep], np.concatenate([corners, rows[:, 4:] + np.tile(middle, 4)], axis=1)


def merge_overlapping(scores: np.ndarray, rows: np.ndarray, iou: float = NMS_IOU) -> tuple[np.ndarray, np.ndarray]:
    """Weighted non-maximum suppression: overlapping faces become their mean, weighted by score; best first."""
    left = list(np.argsort(-scores, kind="stable"))
    kept_scores, kept_rows = [], []
    while left:
        overlap = _iou(rows[left[0], :4], rows[left, :4])
        group = [k for k, o in zip(left, overlap, strict=True) if o > iou or k == left[0]]
        kept_scores.append(scores[left[0]])
        kept_rows.append(np.average(rows[group], axis=0, weights=scores[group]))
        left = [k for k in left if k not in group]
    return np.array(kept_scores), np.array(kept_rows).reshape(-1, rows.shape[1])


def _iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    size = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.prod(np.maximum(size, 0), axis=1)
    total = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) - shared
    return shared / np.maximum(total, 1e-12)
