"""The raw content of a file of named arrays, a model's or a motion's: a pickle or a .npz; nothing in it is run."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileError
from .motion import GENDERS
from .pickles import load_pickle, pickled_dict

_ZIP = b"PK\x03\x04"


def read_named_arrays(path: str | Path) -> dict[Any, Any]:
    """The raw content of a pickle or .npz as a dict; nothing in the file is run.

    Of Python objects in a .npz, dicts are read; others, such as SMPL-X's table of joint names, are left out. They must be
    harmless all the same.

    Raises
    ------
    FileError
        When the file is missing, damaged, or holds anything but arrays and plain values.
    """
    path = Path(path)
    if _is_zip(path):
        return _read_npz(path)
    content = load_pickle(path)
    if not isinstance(content, dict):
        raise FileError(
            f"The file {path} holds a {type(content).__name__} instead of named arrays: choose a model or motion file."
        )
    return content


def text_of(value: Any) -> str:
    """The text that a value of a file says: a text, bytes, or the first of an array of such; empty when there is none."""
    try:
        values = np.asarray(value).reshape(-1)
    except ValueError:  # lists of different lengths
        return ""
    first = values[0] if values.size else ""
    return first.decode("latin1") if isinstance(first, bytes) else str(first)


def gender_in(value: Any) -> str | None:
    """The gender, of `GENDERS`, that a value of a file names, None for any other: f and b'female', also as a text, are such.

    AMASS has files with the text "b'female'".
    """
    name = text_of(value).strip().lower().removeprefix("b").strip("'\"")
    return next((gender for gender in GENDERS if name and gender.startswith(name)), None)


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_ZIP)) == _ZIP
    except FileNotFoundError:
        raise FileError(f"There is no file {path}.") from None
    except OSError as error:
        raise FileError(f"The file {path} cannot be read: {error.strerror}.") from error


def _read_npz(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                name = member.removesuffix(".npy")
                with archive.open(member) as file:
                    try:
                        content[name] = np.lib.format.read_array(file, allow_pickle=False)
                    except ValueError as error:
                        if "allow_pickle" not in str(error):
                            raise
                        values = pickled_dict(file, path)  # numpy stops where the pickle begins
                        if values is not None:
                            content[name] = values
    except FileError:
        raise
    except Exception as error:  # a damaged archive raises almost anything
        raise FileError(
            f"The file {path} is damaged or no .npz of arrays ({type(error).__name__}): copy or download it again."
        ) from error
    return content
