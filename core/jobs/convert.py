"""The job that turns a motion of a SMPL body into one of a SKEL body, or back."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..bodies.licensed import licensed_body
from ..bodies.skel import Skel
from ..bodies.smpl import Smpl
from ..errors import InputError
from ..exchange.motion import Motion, continuous, resampled
from ..exchange.motion_files import check_place, load_motion, save_motion
from ..fitting.smpl_surface import fit_smpl
from ..fitting.surface import fit_skel
from .named import Progress, part
from .surface import fit_values

# The models whose pose, shape and vertices are those of each kind of motion.
_MODELS = {"skel": ("SKEL",), "smpl": ("SMPL", "SMPL-H")}


class _Skin:
    """The skin of a body in motion, posed when it is asked for; see `Surfaces`."""

    def __init__(self, body: Skel | Smpl, motion: Motion) -> None:
        self.body, self.motion = body, motion
        self.shape = len(motion), body.n_skin, 3

    @torch.inference_mode()
    def __getitem__(self, frames: np.ndarray) -> np.ndarray:
        motion = self.motion
        betas = motion.betas[None] if motion.betas.ndim == 1 else motion.betas[frames]
        pose, betas, trans = (
            torch.as_tensor(values, dtype=torch.float32)
            for values in (motion.poses[frames], betas, motion.trans[frames])
        )
        skin = self.body(pose, betas, trans).skin
        assert skin is not None
        return skin.numpy()


def convert_motion(
    progress: Progress,
    motion: str,
    output: str,
    to: str = "skel",
    smpl: str | None = None,
    skel: str | None = None,
    up: str | None = None,
    person: int | None = None,
    fps: float | None = None,
    smoothness: float = 0.0,
) -> dict[str, Any]:
    """Fits a SKEL body to a motion of a SMPL body, or the other way round, and writes its motion.

    A motion that is of the wanted kind already is only written anew.

    Parameters
    ----------
    progress: see `named.Progress`
    motion, up, person: see `load_motion`
    output: the file to write, see `save_motion`; an older one is replaced at the end, unless it is the motion itself
    to: skel or smpl
    smpl: the file of the SMPL or SMPL-H model of the motion's gender, or a folder to look in
    skel: the same of SKEL
    fps: frames a second of the result; as the motion's when None
    smoothness: of a fit of SKEL, see `fit_skel`

    Returns
    -------
    dict with
        output, kind, gender, fps, frames: of what was written
        vertex_error: mean distance of the two skins over all vertices and frames that did not fail, metres; None where
            nothing was fitted
        frame_errors: the same of each frame, None where it was not finite; empty where nothing was fitted
        failed: numbers of the frames in which a vertex is farther off than 6 cm
        seconds: what the work took

    Raises
    ------
    FileError, InputError
        When a file is missing or wrong, the bodies' skins are not alike, no frame could be fitted, or the result cannot be
        written.
    """
    clock = time.perf_counter()
    if to not in _MODELS:
        raise InputError(f"A motion is converted to {' or '.join(_MODELS)}, not {to}.")
    check_place(output, to)
    if Path(output).exists() and Path(motion).exists() and Path(output).samefile(motion):
        raise InputError(f"{output} is the motion itself, which would be lost: give the result another name.")
    result, fit, pelvis = _converted(progress, motion, to, smpl, skel, up, person, fps, smoothness)
    failed = fit.failed if fit else np.zeros(0, bool)
    if len(failed) and failed.all():
        raise InputError(
            f"In no frame of {motion} the skins come nearer than 6 cm everywhere: see whether the models belong to it."
        )
    of_frames = fit.frame_error if fit else np.zeros(0)
    errors = of_frames[~failed]
    save_motion(result, output, pelvis)
    return {
        "output": str(output),
        "kind": result.kind,
        "gender": result.gender,
        "fps": result.fps,
        "frames": len(result),
        "vertex_error": float(errors.mean()) if errors.size else None,
        "frame_errors": [round(e, 6) if np.isfinite(e) else None for e in of_frames.tolist()],
        "failed": np.flatnonzero(failed).tolist(),
        "seconds": round(time.perf_counter() - clock, 3),
    }


def skel_motion(
    progress: Progress,
    motion: str,
    smpl: str | None = None,
    skel: str | None = None,
    up: str | None = None,
    fps: float | None = None,
    smoothness: float = 0.0,
) -> dict[str, Any]:
    """Reads a motion file as a motion of a SKEL body, to which one of a SMPL body is fitted.

    Parameters
    ----------
    progress, motion, smpl, skel, up, fps, smoothness: see `convert_motion`

    Returns
    -------
    dict with fps, and what `fit_values` says; of a motion that was SKEL's only poses, betas, trans

    Raises
    ------
    FileError, InputError
        As `convert_motion`.
    """
    result, fit, _ = _converted(progress, motion, "skel", smpl, skel, up, None, fps, smoothness)
    if fit:
        return {"fps": result.fps, **fit_values(fit)}
    betas = np.atleast_2d(result.betas).mean(0)
    return {"fps": result.fps, "poses": continuous(result.poses), "betas": betas, "trans": result.trans}


def _converted(
    progress: Progress,
    motion: str,
    to: str,
    smpl: str | None,
    skel: str | None,
    up: str | None,
    person: int | None,
    fps: float | None,
    smoothness: float,
) -> tuple[Motion, Any, np.ndarray | None]:
    """`convert_motion` without the writing: the motion, the fit and the pelvis of its body, None when it only was read."""
    progress(0.0, "Loading")
    source = load_motion(motion, up, person)
    if source.kind == "smplx":
        raise InputError(
            f"The file {motion} moves a SMPL-X body, whose skin of 10475 vertices and whose shape are not SKEL's, which are "
            "SMPL's: take the SMPL-H version of the motion, which AMASS has too."
        )
    if smoothness and (source.kind == to or to != "skel"):
        raise InputError(f"Only a SKEL fit to a SMPL motion can be made smooth, not {motion}: leave smoothness out.")
    if source.kind == to:
        return (resampled(source, fps) if fps is not None else source), None, None
    files = {"smpl": smpl, "skel": skel}
    body, other = (licensed_body(files[k], _MODELS[k], source.gender, f"--{k}") for k in (source.kind, to))
    if body.n_skin != other.n_skin:
        raise InputError(
            f"{body.name} has {body.n_skin} skin vertices and {other.name} {other.n_skin}: a body can only be fitted to "
            "a skin of its own topology."
        )
    source = load_motion(motion, up, person, _pelvis(body, source.betas))
    if fps is not None:
        source = resampled(source, fps)
    skin, stage = _Skin(body, source), part(progress, 0.05, 1.0)
    if to == "skel":
        fit: Any = fit_skel(skin, other, smoothness=smoothness, progress=stage)
    else:  # shapes of SKEL are SMPL's
        fit = fit_smpl(skin, other, np.atleast_2d(source.betas).mean(0), progress=stage)
    result = replace(
        source,
        kind=to,
        poses=fit.pose,
        betas=fit.betas,
        trans=fit.trans,
        gender=source.gender if other.gender == "neutral" else other.gender,
        body=other.name,
        failed=fit.failed,
    )
    return result, fit, _pelvis(other, result.betas)


def _pelvis(body: Skel | Smpl, betas: np.ndarray) -> np.ndarray:
    """(3,) where the root joint rests."""
    pose = torch.zeros(1, len(body.pose_names))
    return body(pose, torch.as_tensor(np.atleast_2d(betas)[:1]), skin=False).joints[0, 0].numpy()
