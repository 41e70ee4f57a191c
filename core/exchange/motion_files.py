"""Motion files: what AMASS, SMPL's and SKEL's tools and trackers of people write, read; SKEL's and AMASS' written."""

import pickle
import tempfile
from pathlib import Path

import numpy as np

from ..errors import FileError, InputError
from .motion import FPS, N_BETAS, Motion, at_frames, turned
from .motion_layouts import recorded
from .named_arrays import read_named_arrays
from .replacing import replacing

# What turns the axes of a file, by what points up in it, to ours, in which y does.
_TURN = {
    "y": np.eye(3),
    "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
    "-y": np.diag([1.0, -1.0, -1.0]),
}
# Columns of a pose in the layout of AMASS, of which the first 66 are the body's.
_AMASS_COLUMNS = {"smpl": 156, "smplx": 165}
_BODY = 66


def load_motion(
    path: str | Path, up: str | None = None, person: int | None = None, pelvis: np.ndarray | None = None
) -> Motion:
    """Reads a motion file, recognised by what is in it; nothing in it is run.

    Read are AMASS (.npz of SMPL-H and SMPL-X), SMPL's parameters in .npz and .pkl as rotation vectors or matrices, what
    HMR2, 4D-Humans, WHAM and HSMR write, and SKEL's .npz and .pkl. Of more than ten betas the first ten count; fingers and
    faces are left out; frames in which a tracker lost the person are filled in.

    Parameters
    ----------
    path: the file
    up: "y" or "z", the file's axis that points up. When None, it is z in AMASS' files, and y in others; what trackers say
        in the axes of a camera, whose y points down, is turned over
    person: whom to read of a file of several people, by the number that it has there; who is seen longest when None
    pelvis: (3,) metres, where the root joint of the body rests that will be moved; see `turned`. That of SMPL's mean
        bodies when None, with which another body may stand a few centimetres too high or too low

    Raises
    ------
    FileError
        When the file is missing, damaged or unsafe, or holds no motion, no such person or impossible values.
    InputError
        When `up` is neither y nor z.

    Examples
    --------
    >>> motion = load_motion("0005_Walking001_poses.npz")
    >>> motion.kind, motion.poses.shape, motion.fps
    ('smpl', (2751, 72), 120.0)
    """
    path = Path(path)
    if up not in (None, "y", "z"):
        raise InputError(f"What points up is the axis y or z, not {up}.")
    found = recorded(read_named_arrays(path), path, person)
    try:
        fps = FPS if found.fps is None else found.fps
        motion = Motion(
            found.kind, found.poses, found.betas, found.trans, found.gender, fps, path.stem, found.body, found.failed
        )
    except InputError as error:
        raise FileError(f"The motion in the file {path} is not sound: {error}") from error
    every = np.arange(found.frames[0], found.frames[-1] + 1)
    if len(every) > len(motion):
        motion = at_frames(motion, np.interp(every, found.frames, np.arange(len(motion))))
    return turned(motion, _TURN[up or found.up], pelvis)


def save_motion(motion: Motion, path: str | Path, pelvis: np.ndarray | None = None) -> None:
    """Writes a motion; the file's name says how.

    SKEL's .npz and .pkl have the keys poses (F, 46), betas (10) or (F, 10), trans (F, 3), gender and fps, Y up, and body, the
    body's name, where it is known; betas are (F, 10) in a .pkl, as in the official ones. SMPL's and SMPL-X's .npz are laid
    out as AMASS, Z up: poses (F, 156) or (F, 165) with flat hands and a still face, betas, trans, gender, mocap_framerate.
    What comes from a fit also has failed (F,), the frames that should not be trusted.

    Parameters
    ----------
    motion: what to write
    path: a name that ends in .npz or, for SKEL, .pkl
    pelvis: as for `load_motion`, where axes are turned

    Raises
    ------
    FileError
        When the file cannot be written, or its name ends otherwise; an older file of that name is then still whole.
    """
    path = Path(path)
    _check_name(path, motion.kind)
    content = _skel_content(motion) if motion.kind == "skel" else _amass_content(motion, pelvis)
    if motion.failed is not None:
        content["failed"] = motion.failed
    with replacing(path) as part:
        if path.suffix.lower() == ".npz":
            np.savez_compressed(part, **content)
            return
        content["betas"] = np.broadcast_to(motion.betas, (len(motion), N_BETAS)).copy()
        with part.open("wb") as file:
            pickle.dump(content, file, protocol=4)


def check_place(path: str | Path, kind: str) -> None:
    """Makes sure, before long work, that a motion of a kind can be written to a file; leaves no trace.

    Raises
    ------
    FileError
        When the file's name does not end as it should, a folder has that name, or nothing can be written beside it.
    """
    path = Path(path)
    _check_name(path, kind)
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror or error}.") from error


def _check_name(path: Path, kind: str) -> None:
    endings = (".npz", ".pkl") if kind == "skel" else (".npz",)
    if path.suffix.lower() not in endings:
        raise FileError(
            f"{path} cannot be written: the name of a motion file like this ends in {' or '.join(endings)}."
        )
    if path.is_dir():
        raise FileError(f"{path} cannot be written: it is a folder; name a file.")


def _skel_content(motion: Motion) -> dict:
    content = {
        "poses": motion.poses,
        "betas": motion.betas,
        "trans": motion.trans,
        "gender": motion.gender,
        "fps": motion.fps,
    }
    return content | ({"body": motion.body} if motion.body else {})


def _amass_content(motion: Motion, pelvis: np.ndarray | None) -> dict:
    motion = turned(motion, _TURN["z"].T, pelvis)
    poses = np.zeros((len(motion), _AMASS_COLUMNS[motion.kind]))
    poses[:, :_BODY] = motion.poses[:, :_BODY]
    rate, model = ("mocap_frame_rate", "smplx") if motion.kind == "smplx" else ("mocap_framerate", "smplh")
    return {
        "poses": poses,
        "betas": motion.betas,
        "trans": motion.trans,
        "gender": motion.gender,
        rate: motion.fps,
        "surface_model_type": model,
    }
