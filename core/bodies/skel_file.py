"""The content of a SKEL model file, read from and written to disk.

Two formats hold the same arrays: the official pickle (`skel_male.pkl`, schema 1.1.1), which the official code can
load, and Osteon's compact `.npz`, in which the open bodies ship.
"""

import pickle
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from ..anatomy.joints import JOINT_NAMES, PARENTS, POSE_NAMES
from ..errors import FileError
from ..exchange.named_arrays import read_named_arrays
from ..exchange.replacing import replacing
from .model_file import Reader, gender_of

VERSION = "1.1.1"
N_JOINTS = len(JOINT_NAMES)
N_BETAS = 10
N_POSE_FEATURES = 207  # 23 SMPL joints, nine matrix entries each

# Which skin vertices scale which bone along which axis, as SKEL has it, in SMPL's vertex ids: rows of joint, bone axis,
# skin axis, vertex i, vertex k. The scale is the distance i - k along the skin axis, shaped over template; rows with
# the same joint and bone axis give the smallest of theirs. Both hands use the right hand's vertices.
SMPL_SCALE_PAIRS = np.array(
    [
        (13, 0, 2, 410, 384),
        (13, 1, 1, 414, 384),
        (13, 2, 0, 196, 3708),
        (18, 0, 1, 6179, 6137),
        (18, 1, 0, 5670, 5906),
        (23, 0, 1, 6179, 6137),
        (23, 1, 0, 5670, 5906),
        (12, 0, 2, 3027, 3495),
        (12, 0, 2, 3027, 3506),
    ]
)
# Rows of joint, bone axis, and the joint whose scale along that axis is taken over.
SMPL_SCALE_COPIES = np.array([(11, 0, 12)])
SMPL_N_SKIN = 6890
WEIGHT_SLACK = 1e-3  # by which shares of two joints may miss 1: files keep single precision


@dataclass(frozen=True)
class SkelData:
    """The arrays of a SKEL model; float64, metres, T pose, Y up, facing +Z. N skin, Nk bone vertices, 24 joints.

    Bone vertices stand in the frame of their joint (origin at the joint, OpenSim axes: x forward, y up, z right).
    """

    gender: str
    skin_template: np.ndarray  # (N, 3)
    faces: np.ndarray  # (F, 3) int
    shapedirs: np.ndarray  # (N, 3, 10)
    posedirs: np.ndarray | None  # (N, 3, 207) SMPL's pose correctives, None when there are none
    smpl_joint_regressor: scipy.sparse.csr_matrix  # (24, N)
    joint_regressor: scipy.sparse.csr_matrix  # (24, N) anatomical joint centres
    skin_weights: scipy.sparse.csr_matrix  # (N, 24)
    per_joint_rot: np.ndarray  # (24, 3, 3) B_j, bone frame to T pose
    apose_rel_transfo: np.ndarray  # (24, 4, 4) default pose relative to the parent: A_j, a_j
    bone_template: np.ndarray  # (Nk, 3)
    bone_faces: np.ndarray  # (Fk, 3) int
    bone_weights: scipy.sparse.csr_matrix  # (Nk, 24)
    bone_labels: np.ndarray  # (Nk,) int, the joint that carries a vertex
    bone_parts: np.ndarray  # (Nk,) int, the single bone it belongs to, an index into bone_part_names
    bone_part_names: tuple[str, ...]
    scale_pairs: np.ndarray  # (R, 5) int, see SMPL_SCALE_PAIRS
    scale_copies: np.ndarray  # (C, 3) int, see SMPL_SCALE_COPIES
    tpose_transfo: np.ndarray = field(default_factory=lambda: np.tile(np.eye(4), (N_JOINTS, 1, 1)))
    apose_transfo: np.ndarray = field(default_factory=lambda: np.tile(np.eye(4), (N_JOINTS, 1, 1)))
    parameter_mapping: np.ndarray = field(default_factory=lambda: np.arange(len(POSE_NAMES)))
    landmarks: dict[str, np.ndarray] = field(default_factory=dict)  # name -> ids of bone vertices
    # How the single bones grow, None in official files, where bones are scaled by their joint. A vertex x0, turned into
    # the T pose about its joint J, stands at J + x0 + D[:, :3] x0 + D[:, 3] with D = part_shapedirs[part] @ betas. Such a
    # bone is never bent: its weights are of one joint, or of two, on the screw between which it moves (`followers.partway`).
    part_shapedirs: np.ndarray | None = None  # (P, 3, 4, 10)
    # Rows of knee angle and rotation of the patella, radians, and the way of its centre forward and up from where it is
    # at knee angle 0, metres for the mean body; None: patellae are carried by their weights.
    patella_path: np.ndarray | None = None  # (K, 4)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SkelData):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    __hash__ = None  # type: ignore[assignment]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if scipy.sparse.issparse(a) and scipy.sparse.issparse(b):
        return a.shape == b.shape and (a != b).nnz == 0
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    return type(a) is type(b) and a == b


def is_skel(content: Any) -> bool:
    """Whether the content of a model file is that of SKEL."""
    return isinstance(content, dict) and {"skin_template_v", "skel_template_v"} <= content.keys()


def read_skel(path: str | Path) -> SkelData:
    """Reads a SKEL model, official pickle or Osteon's .npz.

    Bone vertices that the official files store several times over are merged, faces renumbered.

    Raises
    ------
    FileError
        When the file is unsafe, damaged, of another version, or an array has the wrong shape or values.
    """
    return skel_from_content(read_named_arrays(path), Path(path))


def skel_from_content(content: dict[str, Any], path: Path) -> SkelData:
    """Checks the raw content of a SKEL file and turns it into `SkelData`; `path` is named in errors."""
    version = content.get("version")
    if str(version) != VERSION:
        found = "no version" if version is None else f"version {version}"
        raise FileError(
            f"The SKEL file {path} has {found}, but version {VERSION} is needed: download the model files again."
        )
    reader = Reader(content, path, "SKEL")
    template = reader.floats("skin_template_v", (None, 3))
    n = len(template)
    bones = reader.floats("skel_template_v", (None, 3))
    n_bones = len(bones)
    parents = reader.integers("osim_kintree_table", (2, N_JOINTS))[0]
    if tuple(parents[1:]) != PARENTS[1:]:
        raise FileError(f"The kinematic tree in {path} is not that of SKEL.")
    labels = np.asarray(reader.sparse("skel_weights_rigid", (n_bones, N_JOINTS)).argmax(axis=1)).ravel()
    part_names = content.get("osteon_bone_part_names")
    posedirs = reader.floats("posedirs", (n, 3, N_POSE_FEATURES)) if "posedirs" in content else None
    is_smpl = n == SMPL_N_SKIN
    no_copies = np.zeros((0, 3), int)
    data = SkelData(
        gender=gender_of(content, path),
        skin_template=template,
        faces=reader.indices("skin_template_f", (None, 3), n),
        shapedirs=reader.floats("shapedirs", (n, 3, None))[..., :N_BETAS],
        posedirs=posedirs if posedirs is not None and posedirs.any() else None,
        smpl_joint_regressor=reader.sparse("J_regressor", (N_JOINTS, n)),
        joint_regressor=reader.regressor("J_regressor_osim", (N_JOINTS, n)),
        skin_weights=reader.weights("skin_weights", (n, N_JOINTS)),
        per_joint_rot=reader.floats("per_joint_rot", (N_JOINTS, 3, 3)),
        apose_rel_transfo=reader.floats("apose_rel_transfo", (N_JOINTS, 4, 4)),
        bone_template=bones,
        bone_faces=reader.indices("skel_template_f", (None, 3), n_bones),
        bone_weights=reader.sparse("skel_weights", (n_bones, N_JOINTS)),
        bone_labels=labels,
        bone_parts=labels if part_names is None else reader.indices("osteon_bone_parts", (n_bones,), len(part_names)),
        bone_part_names=JOINT_NAMES if part_names is None else tuple(str(name) for name in part_names),
        scale_pairs=reader.optional("osteon_scale_pairs", SMPL_SCALE_PAIRS if is_smpl else np.zeros((0, 5), int)),
        scale_copies=reader.optional("osteon_scale_copies", SMPL_SCALE_COPIES if is_smpl else no_copies),
        tpose_transfo=reader.floats("tpose_transfo", (N_JOINTS, 4, 4)),
        apose_transfo=reader.floats("apose_transfo", (N_JOINTS, 4, 4)),
        parameter_mapping=np.asarray(content.get("parameter_mapping", ())),
        landmarks={
            key.removeprefix("osteon_landmark_"): reader.indices(key, (None,), n_bones)
            for key in sorted(content)
            if key.startswith("osteon_landmark_")
        },
        part_shapedirs=reader.optional_floats(
            "osteon_part_shapedirs", (N_JOINTS if part_names is None else len(part_names), 3, 4, N_BETAS)
        ),
        patella_path=reader.optional_floats("osteon_patella_path", (None, 4)),
    )
    _check_parts(data, path)
    return _merged(data)


def has_clavicle_ends(landmarks: dict[str, np.ndarray]) -> bool:
    """Whether landmarks name both ends of both clavicles."""
    return all(f"clavicle_{end}_end_{side}" in landmarks for end in ("sternal", "acromial") for side in "rl")


def _check_parts(data: SkelData, path: Path) -> None:
    """Whether the bones can be moved one by one, as far as the file says so."""
    if data.part_shapedirs is None:
        if data.patella_path is not None:
            raise FileError(f"The array osteon_patella_path in {path} needs osteon_part_shapedirs beside it.")
        return
    weights = data.bone_weights.toarray()
    for part, name in enumerate(data.bone_part_names):
        ids = np.flatnonzero(data.bone_parts == part)
        if len(np.unique(data.bone_labels[ids])) > 1 or (weights[ids] != weights[ids[:1]]).any():
            raise FileError(f"The vertices of the bone {name} in {path} do not move as one: joint or weights differ.")
        if len(ids) and not _are_shares(weights[ids[0]]):
            raise FileError(f"The bone {name} in {path} does not hang on one joint, or on two with shares that make 1.")
    if has_clavicle_ends(data.landmarks):
        for side in "rl":
            members = _members(data, f"clavicle_{side}", path)
            for end in ("sternal", "acromial"):
                ids = data.landmarks[f"clavicle_{end}_end_{side}"]
                if not len(ids) or not np.isin(ids, members).all():
                    landmark = f"osteon_landmark_clavicle_{end}_end_{side}"
                    raise FileError(f"The array {landmark} in {path} is not on the bone clavicle_{side}.")
    if data.patella_path is not None:
        for side in "rl":
            _members(data, f"patella_{side}", path)
        if len(data.patella_path) < 2 or (np.diff(data.patella_path[:, 0]) <= 0).any():
            raise FileError(f"The knee angles of osteon_patella_path in {path} do not increase.")


def _are_shares(weights: np.ndarray) -> bool:
    """Whether the weights (24,) of a bone are those of one joint or two, between which it moves."""
    return np.count_nonzero(weights) <= 2 and bool((weights >= 0).all()) and abs(weights.sum() - 1) < WEIGHT_SLACK


def _members(data: SkelData, part: str, path: Path) -> np.ndarray:
    """The ids of the vertices of a bone that must be there."""
    if part in data.bone_part_names:
        ids = np.flatnonzero(data.bone_parts == data.bone_part_names.index(part))
        if len(ids):
            return ids
    raise FileError(f"The SKEL file {path} says how {part} moves but has no such bone.")


def _merged(data: SkelData) -> SkelData:
    """Merges bone vertices with equal position, joint, part and weights; the first of each stays in its order."""
    # Equal weight rows have equal projections; distinct ones that collide would have to agree in 53 bits.
    projection = data.bone_weights @ np.random.default_rng(0).random((N_JOINTS, 2))
    keys = np.column_stack([data.bone_template, data.bone_labels, data.bone_parts, projection])
    order = np.lexsort(keys.T)
    new = np.ones(len(keys), bool)
    new[1:] = (keys[order][1:] != keys[order][:-1]).any(axis=1)
    if new.all():
        return data
    group = np.empty(len(keys), int)
    group[order] = np.cumsum(new) - 1
    first = np.full(new.sum(), len(keys))
    np.minimum.at(first, group, np.arange(len(keys)))
    rank = np.empty(len(first), int)
    rank[np.argsort(first)] = np.arange(len(first))
    index = rank[group]
    kept = np.sort(first)
    values = {f.name: getattr(data, f.name) for f in fields(data)}
    values |= {
        "bone_template": data.bone_template[kept],
        "bone_faces": index[data.bone_faces],
        "bone_weights": data.bone_weights[kept],
        "bone_labels": data.bone_labels[kept],
        "bone_parts": data.bone_parts[kept],
        "landmarks": {name: np.unique(index[ids]) for name, ids in data.landmarks.items()},
    }
    return SkelData(**values)


def write_skel(data: SkelData, path: str | Path) -> None:
    """Writes a SKEL model: the official pickle, or Osteon's compact form when `path` ends in .npz.

    The pickle holds every key of the official schema, so that the official code loads it, and ours beside them. The
    .npz stores large arrays in float32 and leaves out correctives that are zero.

    Raises
    ------
    FileError
        When the file cannot be written; an older file of that name is then still whole.
    """
    path = Path(path)
    content = _content(data)
    with replacing(path) as part:
        if path.suffix.lower() == ".npz":
            np.savez_compressed(part, **_compact(content))
            return
        if data.posedirs is None:
            content["posedirs"] = np.zeros((*data.skin_template.shape, N_POSE_FEATURES))
        with part.open("wb") as file:
            pickle.dump(content, file, protocol=4)


def _content(data: SkelData) -> dict[str, Any]:
    rigid = np.ones(len(data.bone_labels)), (np.arange(len(data.bone_labels)), data.bone_labels)
    content: dict[str, Any] = {
        "version": VERSION,
        "gender": data.gender,
        "bone_names": list(JOINT_NAMES),
        "joints_name": list(JOINT_NAMES),
        "pose_params_name": list(POSE_NAMES),
        "skin_template_v": data.skin_template,
        "skin_template_f": data.faces,
        "skel_template_v": data.bone_template,
        "skel_template_f": data.bone_faces,
        "shapedirs": data.shapedirs,
        "J_regressor": data.smpl_joint_regressor.tocoo(),
        "J_regressor_osim": data.joint_regressor.tocoo(),
        "per_joint_rot": data.per_joint_rot,
        "skin_weights": data.skin_weights.tocoo(),
        "skel_weights": data.bone_weights.tocoo(),
        "skel_weights_rigid": scipy.sparse.coo_matrix(rigid, shape=(len(data.bone_labels), N_JOINTS)),
        "osim_kintree_table": np.array([PARENTS, range(N_JOINTS)]),
        "parameter_mapping": data.parameter_mapping,
        "tpose_transfo": data.tpose_transfo,
        "apose_transfo": data.apose_transfo,
        "apose_rel_transfo": data.apose_rel_transfo,
        "bone_verts_indices": np.arange(len(data.bone_template)),
        "osteon_bone_parts": data.bone_parts,
        "osteon_bone_part_names": list(data.bone_part_names),
        "osteon_scale_pairs": data.scale_pairs,
        "osteon_scale_copies": data.scale_copies,
    }
    for key, value in (
        ("posedirs", data.posedirs),
        ("osteon_part_shapedirs", data.part_shapedirs),
        ("osteon_patella_path", data.patella_path),
    ):
        if value is not None:
            content[key] = value
    return content | {f"osteon_landmark_{name}": ids for name, ids in data.landmarks.items()}


# The arrays that grow with the mesh; float32 keeps them to 0.1 micrometres.
_FLOAT32 = {"skin_template_v", "skel_template_v", "shapedirs", "posedirs"}


def _compact(content: dict[str, Any]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for key, value in content.items():
        if scipy.sparse.issparse(value):
            arrays[f"{key}.data"] = value.data
            arrays[f"{key}.row"] = value.row.astype(np.int32)
            arrays[f"{key}.col"] = value.col.astype(np.int32)
        elif key in _FLOAT32:
            arrays[key] = value.astype(np.float32)
        else:
            array = np.asarray(value)
            arrays[key] = array.astype(np.int32) if array.dtype == np.int64 else array
    return arrays
