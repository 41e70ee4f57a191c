"""Pieces of a picture at the size that a network wants, without aliasing; numpy and scipy alone.

Image coordinates are those of pixel areas: pixel (row i, column j) covers [j, j+1] x [i, i+1] and has its middle at
(j + 0.5, i + 0.5).
"""

import numpy as np
import scipy.sparse as sp

from .roi import Roi

# A window of a picture: x0, y0, x1, y1 in pixels.
Window = tuple[int, int, int, int]


def shrunk(image: np.ndarray, k: int) -> np.ndarray:
    """`image` (H, W, 3) averaged over blocks of k x k pixels, as uint8; its coordinates are those of `image` over k."""
    if k == 1:
        return image
    h, w = image.shape[:2]
    rows, columns = _box_filter(h, 0, k, -(-h // k), 0, h), _box_filter(w, 0, k, -(-w // k), 0, w)
    return np.rint(_filtered(image, rows, columns)).astype(np.uint8)


def letterbox(image: np.ndarray, window: Window, size: int) -> np.ndarray:
    """The window of `image`, shrunk or enlarged to fit a square, centred, black around it.

    Returns (size, size, 3) float32 in 0..255. `letterbox_origin` says where its pixels came from.
    """
    x0, y0, step = letterbox_origin(window, size)
    left, top, right, bottom = window
    rows = _box_filter(image.shape[0], y0, step, size, top, bottom)
    columns = _box_filter(image.shape[1], x0, step, size, left, right)
    return _filtered(image, rows, columns)


def letterbox_origin(window: Window, size: int) -> tuple[float, float, float]:
    """x0, y0 and step of a letterbox: its pixel coordinate u lies at x0 + step u in the picture."""
    left, top, right, bottom = window
    side = max(right - left, bottom - top)
    return (left + right - side) / 2, (top + bottom - side) / 2, side / size


def rotated_crop(image: np.ndarray, roi: Roi, size: int) -> np.ndarray:
    """The turned square `roi` of `image` as (size, size, 3) float32 in 0..255, bilinear.

    Beyond the picture its edge is repeated, as in MediaPipe's crop: black there moves the landmarks of a person who is
    cut off by tens of pixels.
    """
    corners = roi.to_image(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]))
    # A shrink by more than 1.5 first averages blocks of k x k pixels, so that bilinear reading misses nothing.
    k = max(1, round(roi.side / size))
    limits = np.array([image.shape[1], image.shape[0]])
    low = np.clip(np.floor(corners.min(axis=0)) - k, 0, limits).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + k, 0, limits).astype(int)
    low, high = np.minimum(low, limits - 1), np.maximum(high, 1)  # one edge pixel of a picture that the square misses
    if k > 1:
        n_columns, n_rows = -(-(high - low) // k)
        rows = _box_filter(image.shape[0], low[1], k, n_rows, low[1], high[1])
        columns = _box_filter(image.shape[1], low[0], k, n_columns, low[0], high[0])
        source = _filtered(image, rows, columns)
    else:
        source = image[low[1] : high[1], low[0] : high[0]].astype(np.float32)

    unit = (np.arange(size) + 0.5) / size
    grid = np.stack(np.meshgrid(unit, unit), axis=-1)
    return _bilinear(source, (roi.to_image(grid) - low) / k - 0.5)


def _box_filter(n_in: int, start: float, step: float, n_out: int, low: float, high: float) -> sp.csr_matrix:
    """Weights (n_out, n_in) of a box filter: output i averages `step` pixels around start + (i + 0.5) step.

    The box is never narrower than a pixel, which makes an enlargement linear interpolation. Only pixels in [low, high]
    count; an output that none of them touches is black.
    """
    width = max(step, 1.0)
    left = start + (np.arange(n_out) + 0.5) * step - width / 2
    pixel = np.floor(left).astype(int)[:, None] + np.arange(int(np.ceil(width)) + 1)
    first, last = np.maximum(left, low)[:, None], np.minimum(left + width, high)[:, None]
    overlap = np.minimum(pixel + 1, last) - np.maximum(pixel, first)
    used = (pixel >= 0) & (pixel < n_in) & (overlap > 0)
    overlap = np.where(used, overlap, 0)
    weight = overlap / np.maximum(overlap.sum(axis=1, keepdims=True), 1e-9)
    row = np.broadcast_to(np.arange(n_out)[:, None], pixel.shape)
    return sp.csr_matrix((weight[used].astype(np.float32), (row[used], pixel[used])), shape=(n_out, n_in))


def _filtered(image: np.ndarray, rows: sp.csr_matrix, columns: sp.csr_matrix) -> np.ndarray:
    """rows @ image @ columns^T for every channel, touching only the pixels that have weight."""
    i0, i1 = _span(rows)
    j0, j1 = _span(columns)
    part = image[i0:i1, j0:j1].astype(np.float32)
    tall = rows[:, i0:i1] @ part.reshape(i1 - i0, -1)  # (n_rows, (j1 - j0) * 3)
    wide = tall.reshape(-1, j1 - j0, 3).transpose(1, 0, 2).reshape(j1 - j0, -1)
    out = columns[:, j0:j1] @ wide  # (n_columns, n_rows * 3)
    return np.ascontiguousarray(out.reshape(columns.shape[0], -1, 3).transpose(1, 0, 2))


def _span(weights: sp.csr_matrix) -> tuple[int, int]:
    used = weights.indices
    return (int(used.min()), int(used.max()) + 1) if len(used) else (0, 0)


def _bilinear(source: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Reads `source` (h, w, 3) at fractional (column, row) indices (..., 2), the nearest edge outside."""
    h, w = source.shape[:2]
    x, y = np.clip(index[..., 0], 0, w - 1), np.clip(index[..., 1], 0, h - 1)
    j, i = x.astype(int), y.astype(int)
    j1, i1 = np.minimum(j + 1, w - 1), np.minimum(i + 1, h - 1)
    fx, fy = (x - j)[..., None].astype(np.float32), (y - i)[..., None].astype(np.float32)
    top = source[i, j] * (1 - fx) + source[i, j1] * fx
    bottom = source[i1, j] * (1 - fx) + source[i1, j1] * fx
    return top * (1 - fy) + bottom * fy
