"""What was learned: kept in the repository, small, the same after writing and reading."""

from dataclasses import fields, replace

import numpy as np
import pytest
from osteon.core.bodies.load import OPEN_BODIES
from osteon.core.errors import FileError
from osteon.core.learning.skel import learned


def test_all_of_it_is_kept_and_small():
    files = sorted(learned.FOLDER.glob("*.npz"))
    assert {path.stem for path in files} == set(OPEN_BODIES)
    assert sum(path.stat().st_size for path in files) < 10e6


def test_it_reads_back_as_written(tmp_path):
    first = learned.read(learned.FOLDER / "open-male.npz")
    learned.write(first, tmp_path / "again.npz")
    second = learned.read(tmp_path / "again.npz")
    for name in (field.name for field in fields(learned.Learned)):
        one, other = getattr(first, name), getattr(second, name)
        if name in ("regressor", "skin_weights"):
            assert abs(one - other).max() < 1e-6
        else:
            assert np.array_equal(one, other), name
    learned.write(first, tmp_path / "third.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "third.npz").read_bytes()


def test_what_a_file_will_have_is_known_before(tmp_path):
    exact = learned.read(learned.FOLDER / "open-male.npz")
    exact = replace(exact, offsets=exact.offsets + 3e-6, maps=exact.maps * (1 + 1e-9), posedirs=None)
    learned.write(exact, tmp_path / "kept.npz")
    kept, read = learned.as_kept(exact), learned.read(tmp_path / "kept.npz")
    for field in fields(learned.Learned):
        one, other = getattr(kept, field.name), getattr(read, field.name)
        if field.name in ("regressor", "skin_weights"):
            one, other = one.toarray(), other.toarray()
        assert np.array_equal(one, other), field.name
    assert not np.array_equal(kept.offsets, exact.offsets)


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(FileError, match="osteon train skel"):
        learned.read(tmp_path / "open-giant.npz")
