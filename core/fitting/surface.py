"""SKEL to a surface: the joint angles, place and shape with which a SKEL body's skin lies on a given one.

Keller et al. 2023 (SKEL, section 5) fit SKEL to SMPL by L-BFGS from a start that has to be near. Here a pose is read from the
surface itself (`segments`) and made exact by damped Gauss-Newton with the surface's own derivatives, many frames at a time:
first at some vertices, then at all, of which the gradient is exact and takes no longer than a few forward passes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..anatomy.joints import POSE_NAMES
from ..bodies.skel import Skel
from ..bodies.skin_points import SkinPoints
from ..errors import InputError
from ..exchange.motion import continuous
from .least_squares import Block, least_squares
from .segments import evenly_spread, point_weights, pose_from_segments
from .smoothing import runs, smoothed

Progress = Callable[[float, str], None]

POINTS = 600  # skin vertices that a pose is fitted to, before all are
_NEARLY = 1e-3  # part of its cost below which a step gains too little for the points to go on
STEPS, SHAPE_STEPS = 4, 3  # with which pose and shape are then made exact
SHAPE_FRAMES = 12  # that a shape is fitted to
CHUNK = 32  # frames at a time: what bounds the memory
READING, SMOOTHING = 0.05, 0.2  # of the time are taken by the first look at all surfaces, and by making poses smooth
FAILED = 0.06  # metres of a vertex' error beyond which a frame has failed, as Xia et al. 2025 (HSMR) filter their data
OUTLYING = 2.0  # times the median distance beyond which a frame says nothing about the shape
BEYOND_THE_WORLD = 1e6  # metres
BETA_STEP = 0.05  # standard deviations
N_POSE = len(POSE_NAMES)

_NO_MATTER = 1e-6  # metres; a step is not taken that would lower the skin's mean square by less than the square of this
_GIVE = np.deg2rad(2.0)  # beyond a limit, as far as the skin asks for, but never farther
# One standard deviation, metres of a skin vertex and radians: what cannot be told from the skin rests where it is likely.
_SKIN = 0.01
_BEYOND = np.deg2rad(0.5)  # beyond a limit
_TIMID = 1e-3  # how much that, and what is likely, weigh beside the skin
_LIKELY = {"lumbar": 20.0, "thorax": 20.0, "scapula": 10.0, "subtalar": 20.0, "mtp": 20.0}  # degrees
_SHAPE = 1e-3  # how much a beta of one standard deviation weighs beside the skin


@dataclass(frozen=True)
class SkelFit:
    """A SKEL body on a surface, F frames; metres and radians."""

    pose: np.ndarray  # (F, 46)
    betas: np.ndarray  # (10,)
    trans: np.ndarray  # (F, 3)
    vertex_error: np.ndarray  # (F, N) distance of each skin vertex from its target
    failed: np.ndarray  # (F,) frames with a vertex farther than 6 cm, or that were not finite

    def __repr__(self) -> str:
        return f"SkelFit({len(self.pose)} frames, {self.failed.sum()} failed, {1e3 * self.mean_error:.1f} mm)"

    @property
    def frame_error(self) -> np.ndarray:
        """(F,) mean distance of each frame's vertices from their targets, metres; infinite where a frame was not finite."""
        return self.vertex_error.mean(1)

    @property
    def mean_error(self) -> float:
        """Mean distance of the skin's vertices from their targets in frames that have not failed, metres."""
        each = self.frame_error[~self.failed]
        return float(each.mean()) if each.size else float("nan")


class Surfaces(Protocol):
    """Surfaces of F frames that are made or read when they are asked for, as an array in a file is."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(F, N, 3)"""

    def __getitem__(self, frames: np.ndarray) -> np.ndarray:
        """(B, N, 3) the surfaces of frames (B,)."""


@torch.inference_mode(False)  # derivatives are wanted, whatever mode the caller is in
def fit_skel(
    skin: np.ndarray | Tensor | Surfaces,
    skel: Skel,
    betas: np.ndarray | Tensor | None = None,
    *,
    limits: bool = True,
    smoothness: float = 0.0,
    progress: Progress | None = None,
) -> SkelFit:
    """Fits a SKEL body to surfaces in its own topology.

    Parameters
    ----------
    skin: (F, N, 3) or (N, 3) metres, Y up; any place and orientation; frames in their order in time. Of long sequences
        that would not fit into memory, `Surfaces`, which are asked for 32 frames at a time, two or three times
    skel: the body
    betas: (10,) its shape; one for the whole sequence is solved for when None
    limits: whether angles stay within two degrees of the body's limits; else they go as far as the surface asks
    smoothness: how much a change of an angle's velocity by ten degrees a frame counts beside skin that is a centimetre off;
        0 fits each frame for itself
    progress: called with a fraction of 1 and what is being done; may raise to stop

    Raises
    ------
    InputError
        When `smoothness` is negative, the body is none of SKEL's, the skin does not hold numbers or has another number of
        vertices than the body, or no frame of it is finite.

    Examples
    --------
    >>> fit = fit_skel(body(q, betas).skin, body)
    >>> fit.pose[:, POSE_NAMES.index("knee_angle_r")], fit.vertex_error.mean()
    """
    report = progress or (lambda fraction, text: None)
    if not 0 <= smoothness < np.inf:
        raise InputError(f"smoothness is {smoothness:g}: give 0 for none, or a positive number, such as 1.")
    if not isinstance(skel, Skel):
        raise InputError(f"The body is a {type(skel).__name__} instead of a SKEL body.")
    surfaces = checked(skin, skel.n_skin)
    n_frames = surfaces.shape[0]
    ids = evenly_spread(skel.data.skin_template, POINTS)
    problem = _Problem(SkinPoints(skel, ids, torch.zeros(1, dtype=torch.float32)), limits)
    centre, finite = looked_at(surfaces, ids, report)
    chosen = np.flatnonzero(finite)

    def about_centre(frames: np.ndarray) -> np.ndarray:
        return np.asarray(surfaces[frames], np.float64) - centre[frames]

    known: Tensor | None = None
    if betas is None:
        report(READING, "shape")
        some = chosen[np.unique(np.linspace(0, len(chosen) - 1, SHAPE_FRAMES).round().astype(int))]
        surface, mean = about_centre(some), torch.zeros(1, skel.n_betas, dtype=torch.float32)
        targets = planes(surface[:, ids])
        poses = problem.pose(targets, mean, tolerance=0.03)
        miss = problem.distance(poses, targets, mean)
        # Frames that are no body's, as trackers leave them at ends, would pull the shape after them.
        sound = miss <= OUTLYING * miss.median()
        x = torch.cat([poses, mean.expand(len(poses), -1)], 1)[sound]
        x = problem.solved(problem.some(targets[sound]), x)
        x = problem.solved(problem.whole(surface[sound.numpy()]), x, SHAPE_STEPS)
        shape = x[:1, -skel.n_betas :].clone()
        if len(x) == len(chosen):  # all poses are known already
            known = x[:, : -skel.n_betas]
    else:
        shape = checked_betas(betas, skel.n_betas)
    pose, trans = np.zeros((n_frames, N_POSE)), np.zeros((n_frames, 3))
    error = np.full(surfaces.shape[:2], np.inf, np.float32)
    for start in range(0, len(chosen), CHUNK):
        report(READING + (1 - READING - SMOOTHING * bool(smoothness)) * start / len(chosen), "pose")
        frames = chosen[start : start + CHUNK]
        surface = about_centre(frames)
        x = problem.pose(planes(surface[:, ids]), shape) if known is None else known[start : start + CHUNK]
        q, t = problem.solved(problem.whole(surface, shape), x, STEPS, 1e-4).split([N_POSE, 3], 1)
        error[frames] = _distance(skel, q, shape, t, surface)
        pose[frames], trans[frames] = q.double().numpy(), t.double().numpy() + centre[frames, 0]
    pose = continuous(pose, finite)
    sound = error.max(1) <= FAILED
    if smoothness and sound.any():
        smooth, there = problem.smoothed(pose, trans, shape, sound, smoothness, report)
        found = np.flatnonzero(sound)
        for frames in np.split(found, range(CHUNK, len(found), CHUNK)):
            report(1 - SMOOTHING / 2 * (1 - frames[0] / n_frames), "smoothing")
            q, t = torch.as_tensor(smooth[frames]).float(), torch.as_tensor(there[frames] - centre[frames, 0]).float()
            after = _distance(skel, q, shape, t, about_centre(frames))
            near = after.max(1) <= FAILED  # none fails for its neighbours
            kept = frames[near]
            pose[kept], trans[kept], error[kept] = smooth[kept], there[kept], after[near]
    report(1.0, "pose")
    return SkelFit(pose, shape[0].double().numpy(), trans, error, ~finite | (error.max(1) > FAILED))


@torch.inference_mode()
def _distance(skel: Skel, pose: Tensor, betas: Tensor, trans: Tensor, surface: np.ndarray) -> np.ndarray:
    """(B, N) metres between the body's skin and surfaces (B, N, 3)."""
    own = skel(pose, betas, trans).skin
    assert own is not None
    return np.linalg.norm(own.numpy() - surface, axis=2)


def checked_betas(betas: np.ndarray | Tensor, count: int) -> Tensor:
    """(1, count) betas as float32 on the CPU.

    Raises
    ------
    InputError
        When it is no row of so many, or one is not finite.
    """
    values = betas.detach().cpu().numpy() if isinstance(betas, Tensor) else _numbers(betas, "betas")
    if values.shape not in ((count,), (1, count)):
        raise InputError(f"betas has the shape {values.shape} instead of ({count},).")
    if not np.isfinite(values).all():
        raise InputError("betas holds a value that is not finite.")
    return torch.as_tensor(values.reshape(1, count), dtype=torch.float32)


def _numbers(value: object, name: str) -> np.ndarray:
    try:
        return np.asarray(value, float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} does not hold numbers, or rows of different lengths.") from error


def checked(skin: np.ndarray | Tensor | Surfaces, n_skin: int) -> Surfaces:
    """Surfaces (F, N, 3) of a body of `n_skin` vertices.

    Raises
    ------
    InputError
        When there is no frame or another number of vertices, or it does not hold numbers.
    """
    if isinstance(skin, Tensor):
        skin = skin.detach().cpu().numpy()
    surfaces: Surfaces = _numbers(skin, "skin") if isinstance(skin, list | tuple) else skin
    if not hasattr(surfaces, "shape") or (isinstance(surfaces, np.ndarray) and surfaces.dtype.kind not in "fiu"):
        raise InputError("The skin does not hold numbers: give an array (frames, vertices, 3) of metres.")
    if isinstance(surfaces, np.ndarray) and surfaces.ndim == 2:
        surfaces = surfaces[None]
    if len(surfaces.shape) != 3 or surfaces.shape[1:] != (n_skin, 3) or not surfaces.shape[0]:
        raise InputError(
            f"The skin has the shape {tuple(surfaces.shape)} instead of (frames, {n_skin}, 3): "
            "it must have the body's own vertices in their order."
        )
    return surfaces


def planes(points: np.ndarray) -> Tensor:
    """(B, 3, n) float32 of points (B, n, 3), which shall lie about the origin: there float32 tells a tenth of a micrometre."""
    return torch.as_tensor(points.transpose(0, 2, 1), dtype=torch.float32)


def looked_at(surfaces: Surfaces, ids: np.ndarray, report: Progress) -> tuple[np.ndarray, np.ndarray]:
    """The middle (F, 1, 3) of the vertices `ids` (n,) of all surfaces, and which frames (F,) are finite in all vertices.

    Raises
    ------
    InputError
        When no frame is finite.
    """
    n_frames = surfaces.shape[0]
    finite, centre = np.zeros(n_frames, bool), np.zeros((n_frames, 1, 3))
    for start in range(0, n_frames, CHUNK):
        report(READING * start / n_frames, "surface")
        frames = np.arange(start, min(start + CHUNK, n_frames))
        surface = np.asarray(surfaces[frames], np.float64)
        finite[frames] = (np.abs(surface) < BEYOND_THE_WORLD).all((1, 2))
        sound = frames[finite[frames]]
        centre[sound] = surface[sound - start][:, ids].mean(1, keepdims=True)
    if not finite.any():
        raise InputError("No frame of the skin is finite: there is nothing to fit to.")
    return centre, finite


class _Problem:
    """The least-squares problems of frames: unknowns x are 46 angles, 3 of the translation and, where wanted, 10 betas."""

    def __init__(self, points: SkinPoints, limits: bool = True) -> None:
        self.points = points
        like = points.template
        bounds = points.body.limits if limits else np.tile([-np.inf, np.inf], (N_POSE, 1))
        self.low, self.high = (torch.as_tensor(bound, dtype=like.dtype) for bound in bounds.T)
        likely = torch.zeros(N_POSE, dtype=like.dtype)
        for k, name in enumerate(POSE_NAMES):
            sigma = _LIKELY.get(name.split("_")[0])
            likely[k] = 0.0 if sigma is None else _TIMID / np.deg2rad(sigma)
        self.likely = likely
        self.unit = point_weights(points.body.data.skin_template, points.ids).repeat(3) / _SKIN

    def bounds(self, more: int) -> tuple[Tensor, Tensor]:
        free = torch.full((more,), torch.inf, dtype=self.low.dtype)
        return torch.cat([self.low - _GIVE, -free]), torch.cat([self.high + _GIVE, free])

    def pose(self, targets: Tensor, betas: Tensor, tolerance: float = _NEARLY) -> Tensor:
        """Angles and translations (B, 49) of targets (B, 3, n) of a known shape (1, 10), to be made exact with all skin."""
        start = torch.cat(pose_from_segments(self.points, targets, betas), 1)
        return self.solved(self.some(targets, betas), start, tolerance=tolerance)

    def solved(self, skin: Block, x: Tensor, steps: int = 25, tolerance: float = 1e-5) -> Tensor:
        """Unknowns with which skin, priors and limits agree best, from a start; betas in them are of all frames together."""
        n_betas = x.shape[1] - N_POSE - 3
        lower, upper = self.bounds(x.shape[1] - N_POSE)
        blocks = [skin, self._priors(), *([self._shape_prior(n_betas)] if n_betas else [])]
        return least_squares(
            blocks, x, lower=lower, upper=upper, shared=n_betas, max_iterations=steps, tolerance=tolerance,
            least_gain=0.5 * (_NO_MATTER / _SKIN) ** 2,
        ).x  # fmt: skip

    def some(self, targets: Tensor, betas: Tensor | None = None) -> Block:
        """The points' distance from targets (B, 3, n); the shape is one of the unknowns unless given (1, 10)."""

        def skin(x: Tensor) -> Tensor:
            q, trans, shape = self._parts(x, betas)
            return (self.points.at(q, shape, trans) - targets).flatten(1) * self.unit

        def with_derivatives(x: Tensor) -> tuple[Tensor, Tensor]:
            found, columns = self._with_derivatives(x, betas)
            return (found - targets).flatten(1) * self.unit, columns * self.unit

        return Block(skin, with_derivatives)

    def whole(self, surface: np.ndarray, betas: Tensor | None = None) -> Block:
        """The whole skin's distance from surfaces (B, N, 3): as `some`, whose points stand for it in the Hessian."""
        targets = torch.as_tensor(surface, dtype=self.low.dtype)
        unit = 1 / (_SKIN * targets.shape[1] ** 0.5)

        def skin(x: Tensor) -> Tensor:
            q, trans, shape = self._parts(x, betas)
            own = self.points.body(q, shape, trans).skin
            assert own is not None
            return (own - targets).flatten(1) * unit

        def normal(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            with torch.enable_grad():
                own = x.detach().requires_grad_()
                cost = 0.5 * skin(own).square().sum(1)
                (gradient,) = torch.autograd.grad(cost.sum(), own)
            columns = self._with_derivatives(x, betas)[1] * self.unit
            return cost.detach(), gradient, columns @ columns.mT

        return Block(torch.inference_mode()(skin), normal=normal)

    @staticmethod
    def _parts(x: Tensor, betas: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        return x[:, :N_POSE], x[:, N_POSE : N_POSE + 3], x[:, N_POSE + 3 :] if betas is None else betas

    def _with_derivatives(self, x: Tensor, betas: Tensor | None) -> tuple[Tensor, Tensor]:
        """The points (B, 3, n) and their derivatives (B, P, 3 n)."""
        q, trans, shape = self._parts(x, betas)
        found, columns = self.points.with_derivatives(q, shape, trans)
        if betas is None:
            # Nearly linear in the betas: differences are as good as derivatives, and take one batch.
            n_betas = shape.shape[1]
            steps = torch.eye(n_betas, dtype=x.dtype).repeat(2, 1) * BETA_STEP
            steps[n_betas:] *= -1
            q, trans, shape = (part.repeat_interleave(2 * n_betas, 0) for part in (q, trans, shape))
            at = self.points.at(q, shape + steps.repeat(len(x), 1), trans)
            ahead, behind = at.unflatten(0, (len(x), 2, n_betas)).unbind(1)
            columns = torch.cat([columns, (ahead - behind) / (2 * BETA_STEP)], 1)
        return found, columns.flatten(2)

    def smoothed(
        self, pose: np.ndarray, trans: np.ndarray, betas: Tensor, sound: np.ndarray, smoothness: float, report: Progress
    ) -> tuple[np.ndarray, np.ndarray]:
        """Angles (F, 46) and translations (F, 3) of frames one after the other, smooth over time; see `smoothing`.

        sound: (F,) frames that have a pose; the others stay as they are and have no say
        """
        priors = self._priors().derivatives
        assert priors is not None
        x = np.concatenate([pose, trans], 1)
        x[sound, :3] = np.unwrap(x[sound, :3], axis=0)
        for run in runs(x, sound, N_POSE):

            def information(frames: np.ndarray, first: int = run.start) -> np.ndarray:
                found = []
                for some in np.split(frames + first, range(CHUNK, len(frames), CHUNK)):
                    report(1 - SMOOTHING * (1 - some[0] / len(x) / 2), "smoothing")
                    q = torch.as_tensor(x[some]).to(self.low)
                    _, skin = self.points.with_derivatives(q[:, :N_POSE], betas, torch.zeros_like(q[:, :3]))
                    # Points count alike here, not as `unit` has it: trunk and scapulae, which tremble most, have few vertices.
                    columns = torch.cat([skin.flatten(2) / (_SKIN * skin.shape[3] ** 0.5), priors(q)[1]], 2)
                    found.append((columns @ columns.mT).double().numpy())
                return np.concatenate(found)

            x[run] = smoothed(x[run], information, N_POSE, smoothness)
        lower, upper = (bound.double().numpy() for bound in self.bounds(3))
        x = x.clip(lower, upper)
        x[:, :3] -= 2 * np.pi * np.trunc(x[:, :3] / (2 * np.pi))
        return x[:, :N_POSE], x[:, N_POSE:]

    def distance(self, x: Tensor, targets: Tensor, betas: Tensor) -> Tensor:
        """(B,) metres that angles and translations x (B, 49) leave between points and targets, in the mean."""
        return (self.points.at(x[:, :N_POSE], betas, x[:, N_POSE:]) - targets).norm(dim=1).mean(1)

    def _priors(self) -> Block:
        """What is said of angles where the skin hardly says anything: within their limits, and where they are likely."""
        firm = _TIMID / _BEYOND

        def residuals(x: Tensor) -> Tensor:
            q = x[:, :N_POSE]
            beyond = (q - self.high).clamp_min(0) + (q - self.low).clamp_max(0)
            return torch.cat([beyond * firm, q * self.likely], 1)

        def with_derivatives(x: Tensor) -> tuple[Tensor, Tensor]:
            q = x[:, :N_POSE]
            slopes = x.new_zeros(len(x), x.shape[1], 2 * N_POSE)
            diagonals = slopes[:, :N_POSE].unflatten(2, (2, N_POSE)).diagonal(dim1=1, dim2=3)  # (B, 2, 46)
            diagonals[:, 0] = ((q > self.high) | (q < self.low)) * firm
            diagonals[:, 1] = self.likely
            return residuals(x), slopes

        return Block(residuals, with_derivatives)

    def _shape_prior(self, n_betas: int) -> Block:
        def with_derivatives(x: Tensor) -> tuple[Tensor, Tensor]:
            slopes = x.new_zeros(len(x), x.shape[1], n_betas)
            slopes[:, -n_betas:] = torch.eye(n_betas, dtype=x.dtype) * _SHAPE
            return x[:, -n_betas:] * _SHAPE, slopes

        return Block(lambda x: x[:, -n_betas:] * _SHAPE, with_derivatives)
