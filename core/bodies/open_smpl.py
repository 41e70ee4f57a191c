"""The open bodies in SMPL's schema: the same skin and shapes, and the pose correctives that SKEL's joints bring about.

With them everything that starts from SMPL can be tried without a licensed file.
"""

import numpy as np
import scipy.sparse
import torch

from ..anatomy.joints import JOINT_INDEX
from ..anatomy.limits import uniform
from .skel import Skel, pose_features
from .skel_file import N_POSE_FEATURES
from .smpl_file import SmplData
from .smpl_joints import JOINT_NAMES

# Where SMPL's joints are, as shares of SKEL's, and whose skin they carry.
_PLACES = {
    "pelvis": {"pelvis": 1.0},
    "hip": {"femur": 1.0},
    "spine1": {"pelvis": 0.55, "lumbar_body": 0.45},
    "knee": {"tibia": 1.0},
    "spine2": {"lumbar_body": 1.0},
    "ankle": {"talus": 1.0},
    "spine3": {"lumbar_body": 0.75, "thorax": 0.25},
    "foot": {"toes": 1.0},
    "neck": {"thorax": 0.7, "head": 0.3},
    "collar": {"thorax": 0.4, "head": 0.1, "scapula": 0.5},
    "head": {"thorax": 0.3, "head": 0.7},
    "shoulder": {"humerus": 1.0},
    "elbow": {"ulna": 1.0},
    "wrist": {"hand": 1.0},
}
_CARRIED = {
    "pelvis": ("pelvis",),
    "hip": ("femur",),
    "knee": ("tibia",),
    "spine2": ("lumbar_body",),
    "ankle": ("talus", "calcn"),
    "spine3": ("thorax",),
    "foot": ("toes",),
    "collar": ("scapula",),
    "head": ("head",),
    "shoulder": ("humerus",),
    "elbow": ("ulna", "radius"),
    "wrist": ("hand",),
}
# Joints of SMPL that SKEL has none for: what follows the joints on either side half and half follows them.
_BETWEEN = (("pelvis", "spine1", "spine2"), ("spine3", "neck", "head"))
_SAMPLED = 256  # poses of SKEL
_STILL = 1e-6  # root mean square of what does not move but by rounding


def smpl_from_skel(body: Skel) -> SmplData:
    """A SMPL model with the skin of a SKEL body; SMPL's hands stand amid the hands' skin and move nothing."""
    data = body.data
    regressor = data.joint_regressor.toarray()
    weights = data.skin_weights.toarray()
    places, carried = np.zeros_like(regressor), np.zeros_like(weights)
    for k, name in enumerate(JOINT_NAMES):
        side, _, stem = name.rpartition("_")
        ending = f"_{side[0]}" if side else ""
        if stem == "hand":
            own = weights[:, JOINT_INDEX[f"hand{ending}"]]
            places[k] = own / own.sum()
            continue
        for joint, share in _PLACES[stem].items():
            places[k] += share * regressor[_index(joint, ending)]
        for joint in _CARRIED.get(stem, ()):
            carried[:, k] += weights[:, _index(joint, ending)]
    for chain in _BETWEEN:
        low, between, high = (JOINT_NAMES.index(name) for name in chain)
        common = np.minimum(carried[:, low], carried[:, high])
        carried[:, [low, high]] -= common[:, None]
        carried[:, between] += 2 * common
    posedirs = (
        np.zeros((len(weights), 3, N_POSE_FEATURES)) if data.posedirs is None else _within_reach(body, data.posedirs)
    )
    return SmplData(
        kind="SMPL",
        gender=data.gender,
        skin_template=data.skin_template,
        faces=data.faces,
        shapedirs=data.shapedirs,
        posedirs=posedirs,
        joint_regressor=scipy.sparse.csr_matrix(places),
        skin_weights=scipy.sparse.csr_matrix(carried),
    )


def _within_reach(body: Skel, posedirs: np.ndarray) -> np.ndarray:
    """(N, 3, 207) SKEL's pose correctives without what no pose of the mean body brings about.

    Most of SKEL's joints turn about one or two axes. What its correctives say of the others comes from axes that shapes
    tilt by a degree or so; SMPL's ball joints turn about them by as much as they like, and skins would burst.
    """
    poses = torch.as_tensor(uniform(body.limits, _SAMPLED, np.random.default_rng(0)), device="cpu")
    features = pose_features(body(poses, skin=False).transforms[:, :, :3, :3].numpy())
    found = np.zeros_like(posedirs)
    for start in range(0, N_POSE_FEATURES, 9):
        own = slice(start, start + 9)  # a joint's
        _, sizes, directions = np.linalg.svd(features[:, own] / _SAMPLED**0.5, full_matrices=False)
        kept = directions[sizes > _STILL]
        found[:, :, own] = posedirs[:, :, own] @ kept.T @ kept
    return found


def _index(joint: str, ending: str) -> int:
    return JOINT_INDEX[joint if joint in JOINT_INDEX else f"{joint}{ending}"]
