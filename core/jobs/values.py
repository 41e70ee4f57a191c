"""Arguments and results in one .npz file: JSON for what JSON can say, .npy for arrays; never a pickle."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileError
from ..exchange.replacing import replacing

_ARRAY = "__array__"


def write_values(path: str | Path, values: Any) -> None:
    """Writes dicts with text keys, lists, tuples (read as lists), text, numbers, booleans, None and arrays.

    Raises
    ------
    TypeError
        When something else is among them, such as an array of Python objects.
    FileError
        When the file cannot be written.
    """
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_without_arrays(values, arrays))
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, json=np.frombuffer(text.encode(), np.uint8), **arrays)


def read_values(path: str | Path) -> Any:
    """Reads what `write_values` wrote.

    Raises
    ------
    FileError
        When the file is missing, damaged, or no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return _with_arrays(json.loads(file["json"].tobytes()), file)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(f"{path} holds no arguments or result of a job, or is damaged: write it again.") from error


def _without_arrays(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("an array of Python objects cannot be handed to a job")
        key = f"array{len(arrays)}"
        arrays[key] = value
        return {_ARRAY: key}
    if isinstance(value, np.generic):
        return _without_arrays(value.item(), arrays)
    if isinstance(value, dict):
        if _ARRAY in value or not all(isinstance(key, str) for key in value):
            raise TypeError("the keys of a job's values must be text")
        return {key: _without_arrays(item, arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(item, arrays) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be handed to a job")


def _with_arrays(value: Any, arrays: Any) -> Any:
    if isinstance(value, dict):
        return arrays[value[_ARRAY]] if _ARRAY in value else {k: _with_arrays(v, arrays) for k, v in value.items()}
    if isinstance(value, list):
        return [_with_arrays(item, arrays) for item in value]
    return value
