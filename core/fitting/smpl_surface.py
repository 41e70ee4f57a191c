"""SMPL to a surface: the way back from a SKEL body, whose skin has SMPL's vertices and whose shape is SMPL's.

As in `surface`, a pose is read from the surface itself and made exact by least squares, here with forward derivatives.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from ..bodies.smpl import Smpl
from ..bodies.smpl_joints import N_JOINTS, PARENTS
from ..errors import InputError
from .least_squares import Block, least_squares
from .segments import evenly_spread, point_weights, segment_rotations
from .surface import FAILED, POINTS, READING, Progress, Surfaces, checked, checked_betas, looked_at, planes

N_POSE = 3 * N_JOINTS
CHUNK = 16  # frames at a time: what bounds the memory of the derivatives

# One standard deviation, metres of a skin vertex and radians of a joint; the latter hardly counts beside the skin.
_SKIN, _TURN, _TIMID = 0.01, np.deg2rad(30.0), 1e-3


@dataclass(frozen=True)
class SmplFit:
    """A SMPL body on a surface, F frames; metres and radians."""

    pose: np.ndarray  # (F, 72) rotation vectors
    betas: np.ndarray  # (10,)
    trans: np.ndarray  # (F, 3)
    vertex_error: np.ndarray  # (F, N) distance of each skin vertex from its target
    failed: np.ndarray  # (F,) frames with a vertex farther than 6 cm, or that were not finite

    @property
    def frame_error(self) -> np.ndarray:
        """(F,) as `SkelFit.frame_error`."""
        return self.vertex_error.mean(1)


@torch.inference_mode(False)  # as `fit_skel`
def fit_smpl(
    skin: np.ndarray | Tensor | Surfaces, smpl: Smpl, betas: np.ndarray | Tensor, *, progress: Progress | None = None
) -> SmplFit:
    """Fits a SMPL body of known shape to surfaces in its own topology.

    Parameters
    ----------
    skin: see `fit_skel`
    smpl: the body
    betas: (10,) its shape
    progress: see `fit_skel`

    Raises
    ------
    InputError
        When the body is none of SMPL's, the skin has another number of vertices or no finite frame, or betas are not ten.
    """
    report = progress or (lambda fraction, text: None)
    if not isinstance(smpl, Smpl):
        raise InputError(f"The body is a {type(smpl).__name__} instead of a SMPL body.")
    shape = checked_betas(betas, smpl.n_betas)
    surfaces = checked(skin, smpl.n_skin)
    points = _Points(smpl, evenly_spread(smpl.data.skin_template, POINTS))
    centre, finite = looked_at(surfaces, points.ids, report)
    chosen = np.flatnonzero(finite)
    n_frames = surfaces.shape[0]
    pose, trans = np.zeros((n_frames, N_POSE)), np.zeros((n_frames, 3))
    error = np.full(surfaces.shape[:2], np.inf, np.float32)
    for start in range(0, len(chosen), CHUNK):
        report(READING + (1 - READING) * start / len(chosen), "pose")
        frames = chosen[start : start + CHUNK]
        surface = np.asarray(surfaces[frames], np.float64) - centre[frames]
        x = _fitted(points, planes(surface[:, points.ids]), shape)
        with torch.inference_mode():
            own = smpl(x[:, :N_POSE], shape, x[:, N_POSE:]).skin
        assert own is not None
        error[frames] = np.linalg.norm(own.numpy() - surface, axis=2)
        pose[frames], trans[frames] = np.split(x.double().numpy(), [N_POSE], 1)
    trans += centre[:, 0]
    report(1.0, "pose")
    return SmplFit(pose, shape[0].double().numpy(), trans, error, ~finite | (error.max(1) > FAILED))


class _Points:
    """The skin vertices `ids` (n,) of a body."""

    def __init__(self, body: Smpl, ids: np.ndarray) -> None:
        data = body.data
        self.ids = ids
        self.template = torch.as_tensor(data.skin_template[ids].T, dtype=torch.float32)  # (3, n)
        self.shapedirs = torch.as_tensor(data.shapedirs[ids, :, : body.n_betas].transpose(2, 1, 0), dtype=torch.float32)
        self.weights = torch.as_tensor(data.skin_weights[ids].toarray().T, dtype=torch.float32)  # (24, n)
        self.unit = point_weights(data.skin_template, ids).repeat(3) / _SKIN
        # A body of these vertices and of those that tell where the joints are.
        of_joints = np.flatnonzero(np.diff(data.joint_regressor.tocsc().indptr))
        kept = np.union1d(ids, of_joints)
        self._where = torch.as_tensor(np.searchsorted(kept, ids))
        self._body = type(body)(
            replace(
                data,
                skin_template=data.skin_template[kept],
                faces=data.faces[:0],
                shapedirs=data.shapedirs[kept],
                posedirs=data.posedirs[kept],
                joint_regressor=data.joint_regressor[:, kept],
                skin_weights=data.skin_weights[kept],
            )
        )

    def at(self, pose: Tensor, betas: Tensor, trans: Tensor) -> Tensor:
        """The points (B, 3, n)."""
        skin = self._body(pose, betas, trans).skin
        assert skin is not None
        return skin[:, self._where].mT


def _fitted(points: _Points, targets: Tensor, betas: Tensor) -> Tensor:
    """(B, 75) poses and translations of targets (B, 3, n)."""
    pose = _from_segments(points, targets, betas)
    offset = (targets - points.at(pose, betas, targets.new_zeros(1, 3))).mean(2)

    def skin(x: Tensor) -> Tensor:
        return (points.at(x[:, :N_POSE], betas, x[:, N_POSE:]) - targets).flatten(1) * points.unit

    def likely(x: Tensor) -> Tensor:
        return x[:, 3:N_POSE] * (_TIMID / _TURN)

    start = torch.cat([pose, offset], 1)
    return least_squares([Block(skin), Block(likely)], start, max_iterations=25, tolerance=1e-4).x


def _from_segments(points: _Points, targets: Tensor, betas: Tensor) -> Tensor:
    """(B, 72) how each joint's segment has turned against its parent's; segments of too little skin have not."""
    found, known = segment_rotations(points, targets, betas)
    turned = [found[:, 0]]
    for j in range(1, N_JOINTS):
        turned.append(found[:, j] if known[j] else turned[PARENTS[j]])
    turns = torch.stack(turned, 1)
    local = torch.cat([turns[:, :1], turns[:, PARENTS[1:]].mT @ turns[:, 1:]], 1)
    vectors = Rotation.from_matrix(local.reshape(-1, 3, 3).double().numpy()).as_rotvec()
    return torch.as_tensor(vectors, dtype=targets.dtype).reshape(len(targets), N_POSE)
