"""What every kind of model file needs: arrays taken out of its raw content with a check.

Files are recognised by what is in them. No shape, index or number of a file is believed.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from ..errors import FileError
from ..exchange.named_arrays import gender_in

SLACK = 0.1  # by which weights may not add up to 1: official files are rounded, damaged ones miss by far


def gender_of(content: dict[str, Any], path: Path, otherwise: str = "neutral") -> str:
    """male, female, neutral or child: as the content says, else the file's name, else its folder's; `otherwise` if none does.

    Official files name their gender only outside: `skel_male.pkl`, `basicmodel_f_lbs_10_207_0_v1.1.0.pkl`,
    `star_1_1/female/model.npz`.
    """
    said = gender_in(content.get("gender", ""))
    if said:
        return said
    stem, folder = path.stem.lower(), path.parent.name.lower()
    words = re.split("[^a-z]+", stem)
    for gender in ("female", "male", "neutral"):
        if gender in stem or gender[0] in words:
            return gender
    return folder if folder in ("female", "male", "neutral") else otherwise


class Reader:
    """Takes arrays out of a file's content, with their shapes and values checked.

    `path` and `kind`, as "SKEL", are named in errors; a size None in a wanted shape stands for any.
    """

    def __init__(self, content: dict[str, Any], path: Path, kind: str) -> None:
        self.content = content
        self.path = path
        self.kind = kind

    def _get(self, key: str) -> Any:
        if key not in self.content:
            raise FileError(f"The {self.kind} file {self.path} lacks the array {key}: download the model files again.")
        return self.content[key]

    def _wrong(self, key: str, what: str) -> FileError:
        return FileError(f"The array {key} in the {self.kind} file {self.path} {what}: download the model files again.")

    def _check(self, key: str, shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> None:
        if len(shape) != len(wanted) or any(w is not None and s != w for s, w in zip(shape, wanted, strict=True)):
            sizes = " x ".join("any" if w is None else str(w) for w in wanted)
            raise self._wrong(key, f"has the shape {shape} instead of {sizes}")

    def _numbers(self, key: str) -> np.ndarray:
        try:
            return np.asarray(self._get(key))
        except ValueError as error:  # lists of different lengths
            raise self._wrong(key, "does not hold numbers") from error

    def shape(self, key: str) -> tuple[int, ...]:
        """The shape of an array, unchecked."""
        return self._numbers(key).shape

    def floats(self, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
        array = self._numbers(key)
        if array.dtype.kind not in "fiu":
            raise self._wrong(key, "does not hold numbers")
        array = array.astype(np.float64)
        self._check(key, array.shape, shape)
        if not np.isfinite(array).all():
            raise self._wrong(key, "holds values that are not finite")
        return array

    def optional_floats(self, key: str, shape: tuple[int | None, ...]) -> np.ndarray | None:
        return self.floats(key, shape) if key in self.content else None

    def integers(self, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
        array = self._numbers(key)
        self._check(key, array.shape, shape)
        if array.dtype.kind == "f" and np.isfinite(array).all() and (array == array.round()).all():
            array = array.astype(np.int64)  # some tools write every array as floats
        if array.dtype.kind not in "iu":
            raise self._wrong(key, "does not hold whole numbers")
        return array.astype(np.int64)

    def indices(self, key: str, shape: tuple[int | None, ...], size: int) -> np.ndarray:
        array = self.integers(key, shape)
        if array.size and (array.min() < 0 or array.max() >= size):
            raise self._wrong(key, f"points outside its {size} elements")
        return array

    def optional(self, key: str, default: np.ndarray) -> np.ndarray:
        if key not in self.content:
            return default
        return self.integers(key, (None, default.shape[1]))

    def sparse(self, key: str, shape: tuple[int, int]) -> scipy.sparse.csr_matrix:
        if f"{key}.data" in self.content:  # Osteon's .npz
            row = self.indices(f"{key}.row", (None,), shape[0])
            col = self.indices(f"{key}.col", (None,), shape[1])
            matrix = scipy.sparse.csr_matrix((self.floats(f"{key}.data", (len(row),)), (row, col)), shape=shape)
        else:
            value = self._get(key)
            if not scipy.sparse.issparse(value):  # dense in some versions
                value = self.floats(key, shape)
            self._check(key, value.shape, shape)
            matrix = scipy.sparse.csr_matrix(value, dtype=np.float64)
        if not np.isfinite(matrix.data).all():
            raise self._wrong(key, "holds values that are not finite")
        return matrix

    def weights(self, key: str, shape: tuple[int, int]) -> scipy.sparse.csr_matrix:
        """Skin weights, each vertex' of which add up to 1."""
        matrix = self.sparse(key, shape)
        if np.abs(np.asarray(matrix.sum(1)) - 1).max(initial=0) > SLACK:
            raise self._wrong(key, "has rows that do not add up to 1")
        return matrix

    def regressor(self, key: str, shape: tuple[int, int]) -> scipy.sparse.csr_matrix:
        """Weights of vertices for joints, which add up to 1, and to less only where a model has been cut down."""
        matrix = self.sparse(key, shape)
        total = np.asarray(matrix.sum(1))
        if total.max(initial=0) > 1 + SLACK or total.min(initial=0) < -SLACK:
            raise self._wrong(key, "has rows that add up to no share of 1")
        return matrix
