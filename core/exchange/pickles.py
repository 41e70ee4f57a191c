"""Reads pickled model and motion files without running what is in them.

Model files of the SMPL family are pickles that name numpy, scipy and chumpy classes; what video trackers find is written by
joblib, which puts the bytes of arrays between those of the pickle. `load_pickle` knows an exact list of harmless names.
Each stands for a class of ours that only notes what it is given while the file is read; arrays are made from those notes
afterwards, with their types, shapes and indices checked. Nothing of numpy or scipy is called with what a file says
unchecked: numpy's own reconstruction believes a file about where in memory the fields of a record lie.
"""

import io
import logging
import math
import pickle
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import scipy.sparse

from ..errors import FileError

_LARGEST = 2 * 10**9  # bytes of a decompressed file
_AT_A_TIME = 1 << 20

_log = logging.getLogger(__name__)


class _Refused(pickle.UnpicklingError):
    """Something in the file that is not on the allow-list."""


class _Noted:
    """Stands for an object of the file: notes what it is made from and its state, and runs nothing."""

    arguments: tuple[Any, ...]
    state: Any

    def __new__(cls, *arguments: Any) -> Self:  # pickle does not always call __init__
        self = super().__new__(cls)
        self.arguments, self.state = arguments, None
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def value(self, plain: "_Plain") -> Any:
        """The object, made anew; `plain` gives the values of what it was made from."""
        raise _Refused(f"an object of {type(self).__name__.strip('_')}")

    def named(self, plain: "_Plain") -> dict[str, Any]:
        """The state by names."""
        parts = self.state if isinstance(self.state, tuple) else (self.state,)  # with __slots__: (dict, dict)
        return {name: value for part in parts if isinstance(part, dict) for name, value in plain(part).items()}


class _DictName(_Noted):
    """`dict`, as a name only: what a `defaultdict` makes."""


class _DefaultDict(_Noted):
    """`collections.defaultdict`, as WHAM's results are: a dict; what it would make of missing keys is never called."""

    content: dict[Any, Any]

    def __new__(cls, *arguments: Any) -> Self:
        self = super().__new__(cls)
        self.content = {}
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        self.content[key] = value

    def value(self, plain: "_Plain") -> dict[Any, Any]:
        return plain(self.content)


class _Encoded(_Noted):
    """`_codecs.encode`, which numpy arrays of protocol 0 to 2 carry their bytes with, or for no bytes `bytes()`."""

    def value(self, plain: "_Plain") -> bytes:
        if not self.arguments:
            return b""
        text, encoding = self.arguments
        if encoding not in ("latin1", "latin-1"):
            raise _Refused(f"bytes in the encoding {encoding!r}")
        return text.encode("latin1")


class _Dtype(_Noted):
    """`numpy.dtype` of numbers or texts."""

    def value(self, plain: "_Plain") -> np.dtype:
        kind = self.arguments[0]
        if not isinstance(kind, str) or not re.fullmatch(r"[<>=|]?([?bBhHiIlLqQefdgFDG]|[biufc]\d{1,2}|[SU]\d+)", kind):
            raise _Refused("an array of Python objects" if kind in ("O", "O8", "|O") else f"an array of {kind!r}")
        dtype = np.dtype(kind)
        if self.state is None:
            return dtype
        _, order, base, names, members, *_ = plain(self.state)
        if (base, names, members) != (None, None, None):
            raise _Refused("an array of records")
        return dtype if order == "|" else dtype.newbyteorder(order)


class _NdarrayName(_Noted):
    """`numpy.ndarray`, as a name only."""


class _Array(_Noted):
    """An array as `numpy.core.multiarray._reconstruct` and its state say it."""

    def value(self, plain: "_Plain") -> np.ndarray:
        if self.arguments[0] is not _NdarrayName:
            raise _Refused("an array of a type of its own")
        *_, shape, dtype, is_fortran, data = plain(self.state)
        return _array(dtype, shape, data, "F" if is_fortran else "C")


class _ArrayInBuffer(_Noted):
    """An array as `numpy._core.numeric._frombuffer` makes it, which protocol 5 uses."""

    def value(self, plain: "_Plain") -> np.ndarray:
        data, dtype, shape, order = plain(self.arguments)
        return _array(dtype, shape, data, "F" if order == "F" else "C")


class _Scalar(_Noted):
    """`numpy.core.multiarray.scalar`."""

    def value(self, plain: "_Plain") -> Any:
        dtype, data = plain(self.arguments)
        return _array(dtype, (), data, "C")[()]


def _array(dtype: np.dtype, shape: tuple[int, ...], data: Any, order: Any) -> np.ndarray:
    if isinstance(data, list):
        raise _Refused("an array of Python objects")
    if isinstance(data, str):  # a byte string of Python 2
        data = data.encode("latin1")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError("an array's size is not that of its data")
    return np.ndarray(shape, dtype, data, order=order).copy("K")


class _Coo(_Noted):
    """`scipy.sparse.coo_matrix`, as old (row, col) and new (coords) scipy write it."""

    def value(self, plain: "_Plain") -> scipy.sparse.coo_matrix:
        state = self.named(plain)
        row, col = state["coords"] if "coords" in state else (state["row"], state["col"])
        return scipy.sparse.coo_matrix((state["data"], (row, col)), shape=_shape(state))


class _Csc(_Noted):
    """`scipy.sparse.csc_matrix`."""

    def value(self, plain: "_Plain") -> scipy.sparse.csc_matrix:
        return _compressed(scipy.sparse.csc_matrix, self.named(plain))


class _Csr(_Noted):
    """`scipy.sparse.csr_matrix`."""

    def value(self, plain: "_Plain") -> scipy.sparse.csr_matrix:
        return _compressed(scipy.sparse.csr_matrix, self.named(plain))


def _compressed(kind: Any, state: dict[str, Any]) -> Any:
    matrix = kind((state["data"], state["indices"], state["indptr"]), shape=_shape(state))
    matrix.check_format(full_check=True)  # scipy's compiled code believes the indices
    return matrix


def _shape(state: dict[str, Any]) -> tuple[int, int]:
    rows, columns = state["_shape"]
    return int(rows), int(columns)


class _ChumpyArray(_Noted):
    """`chumpy.ch.Ch`: an array with derivatives; its value is `x`."""

    def value(self, plain: "_Plain") -> np.ndarray:
        return np.asarray(self.named(plain)["x"])


class _ChumpySelect(_Noted):
    """`chumpy.reordering.Select`: elements `idxs` of the flattened array `a`."""

    def value(self, plain: "_Plain") -> np.ndarray:
        state = self.named(plain)
        flat = np.asarray(state["a"]).ravel()[np.asarray(state["idxs"])]
        shape = state.get("preferred_shape")
        return flat if shape is None else flat.reshape(shape)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _Encoded,
    ("__builtin__", "bytes"): _Encoded,
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _NdarrayName,
    ("collections", "OrderedDict"): dict,
    ("collections", "defaultdict"): _DefaultDict,
    ("__builtin__", "dict"): _DictName,
    ("builtins", "dict"): _DictName,
    ("__builtin__", "set"): set,
    ("builtins", "set"): set,
    ("chumpy.ch", "Ch"): _ChumpyArray,
    ("chumpy.reordering", "Select"): _ChumpySelect,
}
for _module in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _ALLOWED[_module, "_reconstruct"] = _Array
    _ALLOWED[_module, "scalar"] = _Scalar
for _module in ("numpy.core.numeric", "numpy._core.numeric"):
    _ALLOWED[_module, "_frombuffer"] = _ArrayInBuffer
for _kind, _class in (("coo", _Coo), ("csc", _Csc), ("csr", _Csr)):
    for _module in (f"scipy.sparse.{_kind}", f"scipy.sparse._{_kind}"):
        _ALLOWED[_module, f"{_kind}_matrix"] = _class
        _ALLOWED[_module, f"{_kind}_array"] = _class


class _JoblibArray(_Noted):
    """`joblib.numpy_pickle.NumpyArrayWrapper`, whose array's bytes follow the wrapper's state in the file."""

    file: "_Exact"  # set in a class of each unpickler's own

    def __setstate__(self, state: Any) -> None:
        state = _Plain()({name: value for name, value in state.items() if name != "subclass"})
        shape, dtype = state["shape"], state["dtype"]
        if not all(isinstance(size, int) and size >= 0 for size in shape):
            raise ValueError("an array's shape is no shape")
        if state.get("numpy_array_alignment_bytes") is not None:  # since joblib 1.1
            self.file.read(self.file.read(1)[0])
        data = self.file.read(math.prod(shape) * dtype.itemsize)
        self.state = _array(dtype, shape, data, "F" if state["order"] == "F" else "C")

    def value(self, plain: "_Plain") -> np.ndarray:
        return self.state


class _Exact:
    """A file of which a pickle's reader takes no byte too many: it looks ahead in files that can `peek`."""

    def __init__(self, file: IO[bytes]) -> None:
        self.read, self.readline = file.read, file.readline


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: _Exact) -> None:
        super().__init__(file, encoding="latin1")
        self._joblib_array = type("_JoblibArray", (_JoblibArray,), {"file": file})

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("joblib.numpy_pickle", "NumpyArrayWrapper"):
            return self._joblib_array
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _Refused(f"the name {module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("a reference to something outside the file")


class _Plain:
    """Gives the values of what was noted, also inside dicts, lists and tuples; of what is shared, once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Any]] = {}  # by id; what it belongs to is kept, so that the id stays its own

    def __call__(self, value: Any) -> Any:
        if isinstance(value, type):
            raise _Refused("a class instead of an object")
        if not isinstance(value, _Noted | dict | list | tuple | set):
            return value
        if id(value) not in self._known:
            self._known[id(value)] = value, self._made(value)
        return self._known[id(value)][1]

    def _made(self, value: Any) -> Any:
        if isinstance(value, _Noted):
            return value.value(self)
        if isinstance(value, dict):
            return {self(k): self(v) for k, v in value.items()}
        return type(value)(self(v) for v in value)


def load_pickle(path: str | Path) -> Any:
    """The content of a pickled model or motion file: dicts, lists, strings, numbers, numpy arrays, scipy sparse matrices.

    chumpy objects come back as arrays. Python 2 files are read too (byte strings as latin-1 text).

    Raises
    ------
    FileError
        When the file is missing or damaged, larger than 2 GB when decompressed, or names anything outside the exact
        allow-list; nothing of it is run.
    """
    path = Path(path)
    try:
        with path.open("rb") as file, _saying(path):
            start = file.read(1)
            file.seek(0)
            # No pickle begins with an x, but what zlib compressed does: joblib's files may be compressed whole.
            return _Plain()(_unpickled(_decompressed(file, path) if start == b"x" else file))
    except FileNotFoundError:
        raise FileError(f"There is no file {path}.") from None
    except OSError as error:
        raise FileError(f"The file {path} cannot be read: {error.strerror}.") from error


def pickled_dict(file: IO[bytes], path: Path) -> dict[Any, Any] | None:
    """The dict that numpy pickled as an array of one object, inside the file `path`; None for anything else harmless.

    Raises
    ------
    FileError
        As `load_pickle`.
    """
    with _saying(path):
        noted = _unpickled(file)
        if isinstance(noted, _Array) and isinstance(noted.state, tuple):
            *_, data = noted.state
            if isinstance(data, list) and len(data) == 1 and isinstance(data[0], dict):
                return _Plain()(data[0])
    return None


def _decompressed(file: IO[bytes], path: Path) -> IO[bytes]:
    """What zlib compressed, unless that is more than any motion: a small file could otherwise fill the memory."""
    whole = io.BytesIO()
    stream = zlib.decompressobj()
    while not stream.eof:
        packed = stream.unconsumed_tail or file.read(_AT_A_TIME)
        data = stream.decompress(packed, _AT_A_TIME)
        if not (packed or data or stream.eof):
            raise EOFError("the file ends too early")
        whole.write(data)
        if whole.tell() > _LARGEST:
            raise FileError(
                f"The file {path} was refused because it is larger than {_LARGEST / 1e9:g} GB when decompressed, which no "
                "motion needs; nothing in it was run."
            )
    whole.seek(0)
    return whole


def _unpickled(file: IO[bytes]) -> Any:
    """What a pickle holds, its objects noted only."""
    return _Unpickler(_Exact(file)).load()


@contextmanager
def _saying(path: Path) -> Iterator[None]:
    """Turns what a bad pickle in `path` raises into errors of ours."""
    try:
        yield
    except (OSError, FileError):
        raise
    except _Refused as error:
        _log.info("refused %s: %s", path, error)
        raise FileError(
            f"The file {path} was refused because it holds {error}, which no file of arrays needs; nothing in it was run."
        ) from error
    except Exception as error:  # a damaged pickle raises almost anything
        raise FileError(f"The file {path} is damaged or no pickle of arrays ({type(error).__name__}).") from error
