"""The content of SMPL and STAR model files, and the body part of SMPL-H and SMPL-X files."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from ..errors import FileError
from ..exchange.replacing import replacing
from .model_file import Reader, gender_of
from .smpl_joints import HANDS, N_JOINTS, N_SHARED, PARENTS, SMPL_H, SMPL_X, LargerTree, smpl_joint_of

N_BETAS = 10
TALLEST = 5.0  # metres; what is beyond is no person's
N_FEATURES = {"SMPL": 9 * 23, "STAR": 4 * 23 + 1}  # what pose correctives are driven by

_LARGER = {"SMPL-H": SMPL_H, "SMPL-X": SMPL_X}
_KIND_OF_SIZE = {len(tree.parents): kind for kind, tree in _LARGER.items()}
# SMPL-X files hold directions of expression after those of shape: 10 and 10, or 300 and 100.
_SMPL_X_SHAPES = {20: 10, 400: 300}


@dataclass(frozen=True)
class SmplData:
    """The arrays of a SMPL or STAR model; float64, metres, T pose, Y up, facing +Z. N vertices, 24 joints."""

    kind: str  # SMPL, STAR, SMPL-H or SMPL-X
    gender: str
    skin_template: np.ndarray  # (N, 3)
    faces: np.ndarray  # (F, 3) int
    shapedirs: np.ndarray  # (N, 3, K), K at least 10
    posedirs: np.ndarray  # (N, 3, 207); (N, 3, 93) in STAR
    joint_regressor: scipy.sparse.csr_matrix  # (24, N)
    skin_weights: scipy.sparse.csr_matrix  # (N, 24)


def is_smpl(content: Any) -> bool:
    """Whether the content of a model file is that of SMPL or a model of its family."""
    return isinstance(content, dict) and {"v_template", "shapedirs", "kintree_table"} <= content.keys()


def smpl_from_content(content: dict[str, Any], path: Path) -> SmplData:
    """Checks the raw content of a SMPL, STAR, SMPL-H or SMPL-X file and turns it into `SmplData`.

    SMPL-H and SMPL-X become bodies with SMPL's 24 joints: fingers move with the hand, whose joint stands at the first
    joint of the middle finger; jaw and eyes move with the head. In every pose with flat hands and a still face the skin
    is exactly that of the whole model.

    Parameters
    ----------
    content: as `read_named_arrays` gives it
    path: named in errors

    Raises
    ------
    FileError
        When an array is missing or wrong, or the file holds a model of another size.
    """
    kind = _kind(content, path)
    reader = Reader(content, path, kind)
    template = reader.floats("v_template", (None, 3))
    n = len(template)
    if n and np.ptp(template, axis=0).max() > TALLEST:
        raise FileError(
            f"The {kind} body in {path} is {np.ptp(template, axis=0).max():.3g} m large: it is damaged, or not in metres."
        )
    tree = _LARGER.get(kind)
    parents = PARENTS if tree is None else tree.parents
    n_joints = len(parents)
    table = reader.integers("kintree_table", (2, n_joints))
    if tuple(table[0, 1:]) != parents[1:] or tuple(table[1]) != tuple(range(n_joints)):
        raise FileError(f"The kinematic tree in {path} is not that of {kind}: download the model files again.")
    shapedirs = reader.floats("shapedirs", (n, 3, None))
    n_betas = shapedirs.shape[2]
    if kind == "SMPL-X":
        n_betas = _SMPL_X_SHAPES.get(n_betas, n_betas)
    if n_betas < N_BETAS:
        raise FileError(
            f"The {kind} file {path} holds {n_betas} directions of shape, but {N_BETAS} are needed: "
            "download the model files again."
        )
    regressor = reader.regressor("J_regressor", (n_joints, n))
    weights = reader.weights("weights", (n, n_joints))
    posedirs = _posedirs(reader, kind, n, n_joints)
    if tree is not None:
        regressor, weights, posedirs = _body_part(tree, regressor, weights, posedirs)
    return SmplData(
        kind=kind,
        gender=gender_of(content, path),
        skin_template=template,
        faces=reader.indices("f", (None, 3), n),
        shapedirs=shapedirs[..., :n_betas],
        posedirs=posedirs,
        joint_regressor=regressor,
        skin_weights=weights,
    )


def _kind(content: dict[str, Any], path: Path) -> str:
    reader = Reader(content, path, "SMPL")
    *_, size = 0, *reader.shape("kintree_table")
    if size == N_JOINTS:
        return "STAR" if reader.shape("posedirs")[-1:] == (N_FEATURES["STAR"],) else "SMPL"
    if size in _KIND_OF_SIZE:
        return _KIND_OF_SIZE[size]
    raise FileError(
        f"The file {path} holds a model of {size} joints, which is no whole body that Osteon knows: choose a file of "
        "SMPL or STAR (24 joints), SMPL-H (52) or SMPL-X (55)."
    )


def _posedirs(reader: Reader, kind: str, n: int, n_joints: int) -> np.ndarray:
    columns = N_FEATURES.get(kind, 9 * (n_joints - 1))
    if len(reader.shape("posedirs")) == 2:  # the rows of all vertices in one
        return reader.floats("posedirs", (3 * n, columns)).reshape(n, 3, columns)
    return reader.floats("posedirs", (n, 3, columns))


def _body_part(
    tree: LargerTree, regressor: scipy.sparse.csr_matrix, weights: scipy.sparse.csr_matrix, posedirs: np.ndarray
) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix, np.ndarray]:
    """Regressor, weights and pose correctives for SMPL's joints instead of those of a larger tree."""
    carriers = smpl_joint_of(tree)
    size = len(carriers)
    merge = scipy.sparse.csr_matrix((np.ones(size), (range(size), carriers)), shape=(size, N_JOINTS))
    kept = 9 * (N_SHARED - 1)
    none = np.zeros((*posedirs.shape[:2], 9 * len(HANDS)))  # what fingers drive is not for hands
    joints = regressor[[*range(N_SHARED), *tree.knuckles]]
    return joints, (weights @ merge).tocsr(), np.concatenate([posedirs[..., :kept], none], 2)


def write_smpl(data: SmplData, path: str | Path) -> None:
    """Writes a model in the official schema: STAR's .npz or, when `path` does not end in .npz, SMPL's pickle.

    The body parts of SMPL-H and SMPL-X are written as SMPL models with 24 joints, and are that when read again.

    Raises
    ------
    FileError
        When the file cannot be written; an older file of that name is then still whole.
    """
    path = Path(path)
    content = {
        "gender": data.gender,
        "v_template": data.skin_template,
        "f": data.faces.astype(np.uint32),
        "shapedirs": data.shapedirs,
        "posedirs": data.posedirs,
        "weights": data.skin_weights.toarray(),
        "kintree_table": np.array([(2**32 - 1, *PARENTS[1:]), range(N_JOINTS)]),
    }
    with replacing(path) as part:
        if path.suffix.lower() == ".npz":
            np.savez_compressed(part, J_regressor=data.joint_regressor.toarray(), **content)
            return
        with part.open("wb") as file:
            pickle.dump(content | {"J_regressor": data.joint_regressor.tocsc()}, file, protocol=4)
