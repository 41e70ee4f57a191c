"""Pictures and video frames from files, as arrays."""

from pathlib import Path

import numpy as np

from ..errors import FileError, InputError


def read_image(path: str | Path) -> np.ndarray:
    """The picture in a file as (H, W, 3) uint8 RGB, turned upright as its EXIF orientation says.

    Raises
    ------
    FileError
        When the file is missing, is no picture, or is damaged.
    """
    path = _existing_file(path, "picture")
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise FileError(f"Reading the picture {path} needs Pillow: install it with 'pip install pillow'.") from error
    try:
        with Image.open(path) as picture:
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I"):  # 16 bit grey: Pillow's own conversion would clip it to white
                return np.repeat((np.asarray(upright).clip(0, 65535) // 257).astype(np.uint8)[..., None], 3, axis=2)
            return np.array(upright.convert("RGB"))
    except Exception as error:  # a decoder may raise anything on a damaged file
        raise FileError(
            f"{path} is not a picture that can be read ({_reason(error)}): give an undamaged JPEG or PNG file."
        ) from error


def read_video_frame(path: str | Path, index: int) -> np.ndarray:
    """Frame `index` (from 0, counted in order of showing) of a video as (H, W, 3) uint8 RGB, turned upright.

    Decodes from the start, which is exact for every codec and quick for the first hundreds of frames.

    Raises
    ------
    FileError
        When the file is missing, holds no video, or is damaged.
    InputError
        When the video has no such frame.
    """
    path = _existing_file(path, "video")
    if index < 0:
        raise InputError(f"Frame {index} of {path} does not exist: frames are counted from 0.")
    try:
        import av
    except ImportError as error:
        raise FileError(f"Reading the video {path} needs PyAV: install it with 'pip install av'.") from error
    count = 0
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                if count == index:
                    upright = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
                    return np.ascontiguousarray(upright)
                count += 1
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise FileError(
            f"{path} is not a video that can be read ({_reason(error)}): give an undamaged file."
        ) from error
    raise InputError(f"{path} has no frame {index}: its frames are 0 to {count - 1}.")


def check_image(image: np.ndarray) -> None:
    """Raises InputError unless `image` is an (H, W, 3) uint8 array with something in it."""
    shape, dtype = getattr(image, "shape", None), getattr(image, "dtype", None)
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        found = f"{type(image).__name__} of shape {shape} and type {dtype}"
        raise InputError(f"An image must be an array (height, width, 3) of uint8 RGB values, but this is a {found}.")
    if image.size == 0:
        raise InputError(f"The image is empty: its shape is {shape}.")


def _existing_file(path: str | Path, kind: str) -> Path:
    path = Path(path)
    if path.is_dir():
        raise FileError(f"{path} is a folder: give the {kind} file itself.")
    if not path.exists():
        raise FileError(f"The {kind} {path} does not exist: check its name and folder.")
    return path


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
