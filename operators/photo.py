"""A picture read by Blender itself, and turned upright, which Blender does not do."""

from pathlib import Path

import bpy
import numpy as np

from ..core.errors import FileError
from ..core.exchange.exif import orientation, upright


def read_photo(filepath: str) -> np.ndarray:
    """The picture in a file as (H, W, 3) uint8 sRGB, upright, top row first. Leaves no data block behind.

    Raises
    ------
    FileError
        When there is no such file or Blender cannot read it as a picture.
    """
    image = _load(filepath, check_existing=False)
    try:
        width, height = image.size
        pixels = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
        is_linear = image.is_float
    finally:
        bpy.data.images.remove(image)
    pixels = pixels.reshape(height, width, -1)[::-1]
    if pixels.shape[2] < 3:  # grey, perhaps with alpha
        pixels = pixels[..., [0, 0, 0]]
    if is_linear:
        pixels = np.nan_to_num(pixels).clip(0.0, 1.0)
        pixels = np.where(pixels <= 0.0031308, pixels * 12.92, 1.055 * pixels ** (1 / 2.4) - 0.055)
    result = np.empty((height, width, 3), np.uint8)
    for row in range(0, height, 16):  # in parts that stay in the processor's cache: Blender waits for this
        part = pixels[row : row + 16] * np.float32(255) + np.float32(0.5)
        part = part.astype(np.int32).astype(np.uint8)
        for channel in range(3):
            result[row : row + 16, :, channel] = part[..., channel]
    return np.ascontiguousarray(upright(result, orientation(filepath)))


def load_photo(filepath: str) -> bpy.types.Image:
    """The picture in a file, upright, as a data block; the one that is there already if there is one.

    A picture that was taken with the camera held sideways becomes a data block of its own, packed into the .blend file.

    Raises
    ------
    FileError
        When there is no such file or Blender cannot read it as a picture.
    """
    if orientation(filepath) == 1:
        return _load(filepath, check_existing=True)
    pixels = read_photo(filepath)
    height, width = pixels.shape[:2]
    image = bpy.data.images.new(Path(filepath).name, width, height)
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = pixels[::-1] / np.float32(255)
    image.pixels.foreach_set(rgba.ravel())
    image.pack()
    return image


def _load(filepath: str, check_existing: bool) -> bpy.types.Image:
    before = set(bpy.data.images)
    try:
        image = bpy.data.images.load(filepath, check_existing=check_existing)
    except RuntimeError as error:
        raise FileError(f"The picture {filepath} cannot be opened: check its name and folder.") from error
    if image.source == "FILE" and image.size[0] and image.size[1]:
        return image
    if image not in before:
        bpy.data.images.remove(image)
    raise FileError(f"{filepath} is not a picture that Blender can read: choose an undamaged JPEG or PNG file.")
