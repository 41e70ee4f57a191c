"""How a camera was held, from a JPEG file's EXIF data."""

import struct
from pathlib import Path

import numpy as np

_ORIENTATION = 0x0112


def orientation(path: str | Path) -> int:
    """EXIF orientation of a JPEG file, 1 to 8; 1, upright, for other files and where nothing is said."""
    try:
        with Path(path).open("rb") as file:
            if file.read(2) != b"\xff\xd8":
                return 1
            while True:
                marker, length = struct.unpack(">HH", file.read(4))
                if not 0xFFE0 <= marker <= 0xFFEF:  # application segments come first
                    return 1
                segment = file.read(length - 2)
                if marker == 0xFFE1 and segment.startswith(b"Exif\0\0"):
                    return _in_tiff(segment[6:])
    except (OSError, struct.error, ValueError):
        return 1


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels (H, W, ...), top row first, turned and mirrored as an EXIF orientation asks for."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    mirrored = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}.get(orientation, ())
    return np.flip(pixels, mirrored)


def _in_tiff(data: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(data[:2], "<")
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    for i in range(count):
        tag, kind, number, value = struct.unpack_from(order + "HHIH", data, start + 2 + 12 * i)
        if (tag, kind, number) == (_ORIENTATION, 3, 1) and 1 <= value <= 8:
            return value
    return 1
