"""What was learned: kept in the repository, small, the same after writing and reading."""

from dataclasses import fields, replace

import numpy as np
import pytest
from osteon.core.bodies.load import OPEN_BODIES
from osteon.core.errors import FileError
from osteon.core.learning.skel import build, learned
from osteon.core.learning.skel.people import People, sources


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


def test_large_correctives_are_kept(tmp_path):
    """Half an hour of learning is not lost to a number that is larger than most."""
    large = learned.read(learned.FOLDER / "open-male.npz")
    large.posedirs[0, 0, 0] = 0.9
    learned.write(large, tmp_path / "large.npz")
    assert np.abs(learned.read(tmp_path / "large.npz").posedirs - large.posedirs).max() < 1e-9


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(FileError, match="osteon train skel"):
        learned.read(tmp_path / "open-giant.npz")


def test_another_shape_space_is_refused():
    """As one would be in which a component has the other sign: bones would grow where the skin shrinks."""
    people = People(sources())
    shapes, found = people.shapes("child"), learned.read(learned.FOLDER / "open-child.npz")
    assert found.joints is not None
    build.assemble(people, "child", shapes, found)
    other = replace(shapes, directions=shapes.directions * np.r_[np.ones(9), -1])
    with pytest.raises(FileError, match="osteon train skel"):
        build.assemble(people, "child", other, found)


@pytest.mark.parametrize("name", OPEN_BODIES)
def test_bones_have_dents_and_no_folds(name):
    """Few triangles look elsewhere than those of the template where the bone's affine placement has them."""
    people = People(sources())
    found = learned.read(learned.FOLDER / f"{name}.npz")
    space = build.bone_space(people, found)
    for bone in space.names:
        ids, faces = space.members(bone), people.bones[bone].faces
        (dented, areas), (placed, _) = (normals(space.template[ids] - away, faces) for away in (0, found.offsets[ids]))
        turned = (dented * placed).sum(1) < np.cos(np.radians(75))
        assert areas[turned].sum() < 0.03 * areas.sum(), bone


def normals(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(F, 3) unit normals and (F,) areas of triangles."""
    one, two, three = (vertices[faces[:, k]] for k in range(3))
    across = np.cross(two - one, three - one)
    areas = np.linalg.norm(across, axis=1)
    return across / np.maximum(areas, 1e-12)[:, None], areas / 2
