"""Pickled model files are read, and nothing in them is run."""

import pickle
import zlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from osteon.core.errors import FileError
from osteon.core.exchange.named_arrays import read_named_arrays
from osteon.core.exchange.pickles import load_pickle

FILES = Path(__file__).parent / "pickles"
HOSTILE = sorted(FILES.glob("m*"))


def test_the_hostile_files_are_all_here():
    assert len(HOSTILE) == 7


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.stem)
def test_hostile_files_are_refused_and_nothing_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where a file that runs would leave PWNED
    with pytest.raises(FileError, match="refused"):
        read_named_arrays(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.exec",
        "builtins.getattr",
        "numpy.load",
        "numpy.testing.runstring",
        "scipy.sparse.load_npz",
    ],
)
def test_any_name_off_the_list_is_refused(name, protocol, tmp_path):
    module, attribute = name.rsplit(".", 1)
    opcode = f"c{module}\n{attribute}\n.".encode()
    path = tmp_path / "bad.pkl"
    path.write_bytes((b"\x80" + bytes([protocol]) if protocol > 1 else b"") + opcode)
    with pytest.raises(FileError, match=r"refused"):
        load_pickle(path)


def test_an_object_array_is_refused(tmp_path):
    path = tmp_path / "objects.pkl"
    path.write_bytes(pickle.dumps({"f": np.array([{}, []], dtype=object)}))
    with pytest.raises(FileError, match="refused"):
        load_pickle(path)


class Crafted:
    """Pickles as a call of `function` and a state, whatever they are."""

    def __init__(self, function, arguments, state=None):
        self.reduced = function, arguments, state

    def __reduce__(self):
        return self.reduced


def crafted_array(dtype, shape=(2,)):
    state = 1, shape, dtype, False, bytes(16)
    return Crafted(np.zeros(0).__reduce__()[0], (np.ndarray, (0,), b"b"), state)


CRAFTED = {
    # numpy takes a record's fields from the state without asking whether they lie within it.
    "field far outside": crafted_array(
        Crafted(np.dtype, ("V8", False, True), (3, "|", None, ("a",), {"a": (np.dtype("f8"), 1 << 40)}, 8, 1, 0))
    ),
    "base larger than its place": crafted_array(
        Crafted(np.dtype, ("V8", False, True), (3, "|", (np.dtype("f8"), (1 << 36,)), None, None, 8, 1, 0))
    ),
    "pointers": crafted_array(Crafted(np.dtype, ("V8", False, True), (3, "|", None, None, None, 8, 1, 63))),
    "flags of a number": crafted_array(
        Crafted(np.dtype, ("f8", False, True), (3, "<", None, ("a",), {"a": (np.dtype("f8"), 1 << 40)}, 8, 8, 63))
    ),
    "more elements than data": crafted_array(np.dtype("f8"), (10**14,)),
    "memory as it was found": Crafted(np.ndarray, ((5,), "f8")),
    "index outside a matrix": Crafted(
        scipy.sparse.csc_matrix,
        (),
        {"_shape": (2, 2), "data": np.ones(4), "indices": np.full(4, 1 << 28), "indptr": np.array([0, 2, 4])},
    ),
}


@pytest.mark.parametrize("what", CRAFTED)
def test_crafted_objects_reach_no_compiled_code(what, tmp_path):
    path = tmp_path / "crafted.pkl"
    path.write_bytes(pickle.dumps({"a": CRAFTED[what]}, protocol=4))
    with pytest.raises(FileError, match=r"refused|damaged"):
        load_pickle(path)


@pytest.mark.parametrize(
    "name", ["numpy dtype", "_codecs encode", "numpy ndarray", "collections defaultdict", "builtins dict"]
)
def test_no_file_changes_what_stands_for_a_name(name, tmp_path):
    path = tmp_path / "state.pkl"
    path.write_bytes(b"\x80\x02c" + name.replace(" ", "\n").encode() + b"\n(N}X\x07\0\0\0__doc__K\x01stb.")
    with pytest.raises(FileError):
        load_pickle(path)
    test_arrays_of_every_protocol_load(2, tmp_path)


def test_shared_lists_are_read_once(tmp_path):
    value = []
    for _ in range(60):
        value = [value, value]
    path = tmp_path / "shared.pkl"
    path.write_bytes(pickle.dumps(value))
    assert len(load_pickle(path)) == 2


def test_chumpy_files_of_old_load_without_chumpy():
    expected = np.load(FILES / "expected.npz")
    content = load_pickle(FILES / "smpl_chumpy_small.pkl")
    compared = 0
    for key in expected.files:
        if key not in content:
            continue
        value = content[key]
        value = value.toarray() if hasattr(value, "toarray") else np.asarray(value)
        value = value[..., ::23] if key == "posedirs" else value
        assert np.array_equal(value, expected[key]), key
        compared += 1
    assert compared >= 6


@pytest.mark.parametrize("age", ["old", "mid", "new"])
def test_sparse_matrices_of_every_scipy_load(age):
    expected = np.load(FILES / "expected.npz")["coo_dense"]
    assert np.array_equal(load_pickle(FILES / f"coo_{age}.pkl")["m"].toarray(), expected)


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_protocol_load(protocol, tmp_path):
    value = {
        "a": np.arange(6.0).reshape(2, 3),
        "f": np.asfortranarray(np.eye(3)),
        "s": np.float64(2.5),
        "big": np.arange(3, dtype=">i4"),
        "empty": np.zeros((0, 3)),
        "text": np.array(["left", "right"]),
        "t": ("x", [1, True, None]),
    }
    path = tmp_path / "arrays.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    content = load_pickle(path)
    assert np.array_equal(content["a"], value["a"])
    assert np.array_equal(content["f"], value["f"])
    assert content["s"] == 2.5
    for name in ("big", "empty", "text"):
        assert np.array_equal(content[name], value[name])
        assert content[name].dtype == value[name].dtype
    assert content["t"] == ("x", [1, True, None])


@pytest.mark.parametrize("protocol", range(6))
def test_a_defaultdict_is_read_as_a_dict(protocol, tmp_path):
    """WHAM writes its people so."""
    value = defaultdict(dict)
    value[3]["pose"] = np.arange(3.0)
    value[1]["list"] = defaultdict(list, a=[value[3]])
    path = tmp_path / "wham_output.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    with pytest.raises(FileError, match=r"refused.*the name (__builtin__|builtins)\.list"):
        load_pickle(path)
    value[1]["list"] = defaultdict(dict, a=[value[3]])
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    content = load_pickle(path)
    assert type(content) is dict
    assert type(content[1]["list"]) is dict
    assert np.array_equal(content[3]["pose"], np.arange(3.0))
    assert content[1]["list"]["a"][0] is content[3]
    assert 2 not in content


HOSTILE_DICTS = {
    "a factory off the list": b"ccollections\ndefaultdict\n(cos\nsystem\ntR.",
    "a method": b"\x80\x04\x8c\x0bcollections\x8c\x14defaultdict.fromkeys\x93.",
    "its factory called": b"ccollections\ndefaultdict\n(tR(S'__missing__'\ncos\nsystem\nu.",
    "dict called": b"cbuiltins\ndict\n(tR.",
    "dict itself": b"(dS'a'\ncbuiltins\ndict\ns.",
    "a class as a key": b"ccollections\ndefaultdict\n(tR(cbuiltins\ndict\nI1\nu.",
    "state off the list": b"ccollections\ndefaultdict\n(tR(dS'content'\ncos\nsystem\nsb.",
}


@pytest.mark.parametrize("what", HOSTILE_DICTS)
def test_hostile_dicts_are_refused(what, tmp_path):
    path = tmp_path / "bad.pkl"
    path.write_bytes(HOSTILE_DICTS[what])
    with pytest.raises(FileError, match="refused"):
        load_pickle(path)


def test_the_state_of_a_defaultdict_is_not_its_content(tmp_path):
    path = tmp_path / "state.pkl"
    path.write_bytes(b"ccollections\ndefaultdict\n(tR(dS'content'\nI1\nsS'value'\nI2\nsb.")
    assert load_pickle(path) == {}


@pytest.mark.parametrize("form", ["plain", "compressed"])
def test_files_of_joblib_load_without_joblib(form):
    content = load_pickle(FILES / f"joblib_{form}.pkl")  # made by joblib 1.6.0, the first with protocol 5
    person = content[0]
    assert np.array_equal(person["pose"], np.arange(6, dtype=np.float32).reshape(2, 3))
    assert np.array_equal(person["columns first"], np.arange(6).reshape(2, 3))
    assert person["empty"].shape == (0, 3)
    assert np.array_equal(person["list"][0], np.eye(3))
    assert person["list"][1:] == ["text", 2.5]


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.pkl"
    content = pickle.dumps({"a": np.zeros(10**6)})
    path.write_bytes(zlib.compress(content))
    assert load_pickle(path)["a"].shape == (10**6,)
    monkeypatch.setattr("osteon.core.exchange.pickles._LARGEST", len(content))
    assert load_pickle(path)["a"].shape == (10**6,)
    monkeypatch.setattr("osteon.core.exchange.pickles._LARGEST", len(content) - 1)
    with pytest.raises(
        FileError, match=r"bomb\.pkl was refused because it is larger than 0\.008.* GB when decompressed"
    ):
        load_pickle(path)
    path.write_bytes(zlib.compress(content)[:-9])
    with pytest.raises(FileError, match="damaged"):
        load_pickle(path)


@pytest.mark.parametrize("size", [4, -2, 10**14])
def test_a_joblib_array_of_a_wrong_size_is_refused(size, tmp_path):
    path = tmp_path / "size.pkl"
    data = (FILES / "joblib_plain.pkl").read_bytes()
    wrong = pickle.dumps(size, protocol=2)[2:-1]
    before = b"shape\x94K\x02K\x03\x86"
    assert before in data
    path.write_bytes(data.replace(before, b"shape\x94" + wrong + b"K\x03\x86"))
    with pytest.raises(FileError, match="damaged"):
        load_pickle(path)


def test_a_damaged_file_and_a_missing_one_say_so(tmp_path):
    path = tmp_path / "cut.pkl"
    path.write_bytes(pickle.dumps({"a": np.zeros(100)})[:60])
    with pytest.raises(FileError, match="damaged"):
        load_pickle(path)
    with pytest.raises(FileError, match="There is no file"):
        load_pickle(tmp_path / "none.pkl")
