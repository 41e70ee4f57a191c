"""Reads pickled model files without running what is in them.

Model files of the SMPL family are pickles that name numpy, scipy and chumpy classes. `load_pickle` knows an exact
list of
harmless names, each one bound to a function of ours or to numpy's array reconstruction; any other name is refused
before anything is called.
"""

import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from ..errors import FileError

_log = logging.getLogger(__name__)


class _Refused(pickle.UnpicklingError):
    """Something in the file that is not on the allow-list."""


class _State:
    """Keeps the state of an object whose class we do not want to run."""

    state: dict[str, Any]

    def __new__(cls, *_: Any) -> "_State":  # pickle does not always call __init__
        self = super().__new__(cls)
        self.state = {}
        return self

    def value(self) -> Any:
        raise _Refused(f"an object of {type(self).__name__}")

    def __setstate__(self, state: Any) -> None:
        # Objects with __slots__ come as (dict, dict).
        parts = state if isinstance(state, tuple) else (state,)
        for part in parts:
            if isinstance(part, dict):
                self.state.update(part)


class _Coo(_State):
    """`scipy.sparse.coo_matrix`, as old (row, col) and new (coords) scipy write it."""

    def value(self) -> scipy.sparse.coo_matrix:
        state = self.state
        row, col = state["coords"] if "coords" in state else (state["row"], state["col"])
        return scipy.sparse.coo_matrix((state["data"], (row, col)), shape=_shape(state))


class _Csc(_State):
    """`scipy.sparse.csc_matrix`."""

    def value(self) -> scipy.sparse.csc_matrix:
        state = self.state
        return scipy.sparse.csc_matrix((state["data"], state["indices"], state["indptr"]), shape=_shape(state))


class _Csr(_State):
    """`scipy.sparse.csr_matrix`."""

    def value(self) -> scipy.sparse.csr_matrix:
        state = self.state
        return scipy.sparse.csr_matrix((state["data"], state["indices"], state["indptr"]), shape=_shape(state))


class _ChumpyArray(_State):
    """`chumpy.ch.Ch`: an array with derivatives; its value is `x`."""

    def value(self) -> np.ndarray:
        return np.asarray(_plain(self.state["x"]))


class _ChumpySelect(_State):
    """`chumpy.reordering.Select`: elements `idxs` of the flattened array `a`."""

    def value(self) -> np.ndarray:
        flat = np.asarray(_plain(self.state["a"])).ravel()[np.asarray(self.state["idxs"])]
        shape = self.state.get("preferred_shape")
        return flat if shape is None else flat.reshape(shape)


def _shape(state: dict[str, Any]) -> tuple[int, int]:
    rows, columns = state["_shape"]
    return int(rows), int(columns)


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Stands in for `_codecs.encode`, which numpy arrays of protocol 0 to 2 carry their bytes with."""
    if encoding not in ("latin1", "latin-1"):
        raise _Refused(f"bytes in the encoding {encoding!r}")
    return text.encode("latin1")


def _dtype(*arguments: Any) -> np.dtype:
    dtype = np.dtype(*arguments)
    if dtype.hasobject:
        raise _Refused("an array of Python objects")
    return dtype


def _reconstruct(subtype: type, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    if subtype is not np.ndarray:
        raise _Refused(f"an array of the type {subtype!r}")
    return np.ndarray.__new__(np.ndarray, shape, dtype)


def _scalar(dtype: np.dtype, data: bytes = b"") -> Any:
    if dtype.hasobject:
        raise _Refused("a Python object in a numpy scalar")
    return np.frombuffer(data if isinstance(data, bytes) else _encode(data), dtype=dtype, count=1)[0]


def _frombuffer(data: bytes, dtype: np.dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    """Stands in for `numpy._core.numeric._frombuffer`, which protocol 5 uses."""
    if dtype.hasobject:
        raise _Refused("an array of Python objects")
    return np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if order == "F" else "C")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("collections", "OrderedDict"): dict,
    ("__builtin__", "set"): set,
    ("builtins", "set"): set,
    ("chumpy.ch", "Ch"): _ChumpyArray,
    ("chumpy.reordering", "Select"): _ChumpySelect,
}
for _module in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _ALLOWED[_module, "_reconstruct"] = _reconstruct
    _ALLOWED[_module, "scalar"] = _scalar
for _module in ("numpy.core.numeric", "numpy._core.numeric"):
    _ALLOWED[_module, "_frombuffer"] = _frombuffer
for _kind, _class in (("coo", _Coo), ("csc", _Csc), ("csr", _Csr)):
    for _module in (f"scipy.sparse.{_kind}", f"scipy.sparse._{_kind}"):
        _ALLOWED[_module, f"{_kind}_matrix"] = _class
        _ALLOWED[_module, f"{_kind}_array"] = _class


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _Refused(f"the name {module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("a reference to something outside the file")


def _plain(value: Any) -> Any:
    """Replaces the stand-ins in nested dicts, lists and tuples by arrays and sparse matrices."""
    if isinstance(value, _State):
        return value.value()
    if isinstance(value, dict):
        return {_plain(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set):
        return type(value)(_plain(v) for v in value)
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        raise _Refused("an array of Python objects")
    return value


def load_pickle(path: str | Path) -> Any:
    """The content of a pickled model file: dicts, lists, strings, numbers, numpy arrays, scipy sparse matrices.

    chumpy objects come back as arrays. Python 2 files are read too (byte strings as latin-1 text).

    Raises
    ------
    FileError
        When the file is missing or damaged, or names anything outside the exact allow-list; nothing of it is run.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _plain(_Unpickler(file, encoding="latin1").load())
    except FileNotFoundError:
        raise FileError(f"There is no file {path}.") from None
    except OSError as error:
        raise FileError(f"The file {path} cannot be read: {error.strerror}.") from error
    except _Refused as error:
        _log.info("refused %s: %s", path, error)
        raise FileError(
            f"The file {path} was refused because it holds {error}, which no body model needs; nothing in it was run."
        ) from error
    except Exception as error:  # a damaged pickle raises almost anything
        raise FileError(f"The file {path} is damaged or no pickled body model ({type(error).__name__}).") from error
