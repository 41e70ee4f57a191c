"""What is learned of an open body, and its file: our own numbers alone, no mesh and no weights of the packages."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import scipy.sparse

from ...errors import FileError
from ...exchange.replacing import replacing

# Where the repository keeps what was learned.
FOLDER = Path(__file__).resolve().parent / "learned"
# Lengths are kept in steps of this size (metres) where arrays are large.
STEP = 2e-5


@dataclass(frozen=True)
class Learned:
    """What is learned of one body. P bones and V bone vertices of the right side and the midline, N skin vertices."""

    placements: np.ndarray  # (P, 3, 4) template bone to mean body, the affine part
    offsets: np.ndarray  # (V, 3) metres, what the mean body's bones differ from that
    maps: np.ndarray  # (P, 3, 4, 10) how bones change per beta, x -> x + (maps @ beta) [x; 1]
    regressor: scipy.sparse.csr_matrix  # (24, N)
    frames: np.ndarray  # (24, 3, 3) per_joint_rot
    default_pose: np.ndarray  # (24, 4, 4) apose_rel_transfo
    skin_weights: scipy.sparse.csr_matrix  # (N, 24)
    posedirs: np.ndarray | None  # (N, 3, 207)
    joints: np.ndarray | None  # (24, 3, 11) what the regressor gives in the shape space that all this belongs to
    patella_path: np.ndarray  # (K, 4) as `patella.path` gives it
    scale_pairs: np.ndarray  # (R, 5) and
    scale_copies: np.ndarray  # (C, 3), as `scaling.pairs` gives them


_IN_STEPS = {"offsets", "posedirs"}


def write(learned: Learned, path: Path) -> None:
    """Writes what was learned; the same numbers give the same file."""
    with replacing(path) as part:
        np.savez_compressed(part, **_arrays(learned))


def as_kept(learned: Learned) -> Learned:
    """The same with the precision that a file has."""
    return _learned(_arrays(learned))


def _arrays(learned: Learned) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for field in fields(Learned):
        value = getattr(learned, field.name)
        if value is None:
            continue
        if scipy.sparse.issparse(value):
            matrix = value.tocoo()
            arrays |= {
                f"{field.name}.row": matrix.row.astype(np.uint16),
                f"{field.name}.col": matrix.col.astype(np.uint16),
            }
            arrays |= {
                f"{field.name}.data": matrix.data.astype(np.float32),
                f"{field.name}.shape": np.array(matrix.shape),
            }
        elif field.name in _IN_STEPS:
            steps = np.round(value / STEP)
            small = np.abs(steps).max() <= np.iinfo(np.int16).max
            arrays[field.name] = steps.astype(np.int16 if small else np.int32)
        else:
            arrays[field.name] = value if value.dtype.kind in "iu" else value.astype(np.float32)
    return arrays


def read(path: Path) -> Learned:
    """Reads what was learned.

    Raises
    ------
    FileError
        When the file is missing: `osteon train skel` makes it.
    """
    if not path.is_file():
        raise FileError(f"There is no file {path}: run `osteon train skel` to learn it.")
    with np.load(path, allow_pickle=False) as archive:
        return _learned({name: archive[name] for name in archive.files})


def _learned(arrays: dict[str, np.ndarray]) -> Learned:
    values = {}
    for field in fields(Learned):
        name = field.name
        if f"{name}.data" in arrays:
            parts = (
                arrays[f"{name}.{part}"].astype(kind) for part, kind in (("data", float), ("row", int), ("col", int))
            )
            data, row, col = parts
            matrix = scipy.sparse.csr_matrix((data, (row, col)), shape=tuple(arrays[f"{name}.shape"]))
            values[name] = scipy.sparse.csr_matrix(scipy.sparse.diags(1 / np.asarray(matrix.sum(1)).ravel()) @ matrix)
        elif name not in arrays:
            values[name] = None
        elif name in _IN_STEPS:
            values[name] = arrays[name] * STEP
        else:
            values[name] = arrays[name].astype(int if arrays[name].dtype.kind in "iu" else float)
    return Learned(**values)
