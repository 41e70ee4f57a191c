"""A body's motion, and what may be done to one without its body: turning it upright, changing its frame rate."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from ..anatomy.joints import POSE_NAMES
from ..errors import InputError

FPS = 30.0  # frames a second where nobody says
LONGEST = 10**6  # frames; a number of frames beyond that comes from a mistake
LARGEST = 1e6  # as does a value beyond that
N_BETAS = 10
# Columns of a pose of each kind. SMPL-X moves as SMPL does, but its shape is of a shape space of its own.
COLUMNS = {"skel": len(POSE_NAMES), "smpl": 72, "smplx": 72}
GENDERS = ("male", "female", "neutral", "child")

# Where the root joint of SMPL's mean bodies rests, to the centimetre; SKEL's template is the same person.
_MEAN_PELVIS = np.array([0.0, -0.23, 0.03])
# Turns SKEL's pelvis (x forward, y up, z right) as it is in the T pose (z forward, y up, x left).
_PELVIS_FRAME = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
_ROOT_AXES = "zxy"  # of SKEL's first three angles, in the pelvis' own frame, the first applied first


@dataclass(frozen=True)
class Motion:
    """A body over F frames; radians and metres, Y up.

    Raises
    ------
    InputError
        When a shape is wrong or a value not finite or absurd.
    """

    kind: str  # skel, smpl (SMPL and SMPL-H) or smplx
    poses: np.ndarray  # (F, 46) SKEL's angles, or (F, 72) rotation vectors of SMPL's joints
    betas: np.ndarray  # (10,) or (F, 10)
    trans: np.ndarray  # (F, 3)
    gender: str  # male, female, neutral or child
    fps: float = FPS
    name: str = ""
    body: str = ""  # the name of the body whose shape it has, such as open-male, where known
    failed: np.ndarray | None = None  # (F,) whether the fit that it comes from failed, where it comes from one

    def __post_init__(self) -> None:
        for name, value, known in (("kind", self.kind, tuple(COLUMNS)), ("gender", self.gender, GENDERS)):
            if value not in known:
                raise InputError(f"The {name} of a motion is one of {', '.join(known)}, not {value}.")
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise InputError(f"A motion cannot have {self.fps} frames a second.")
        n = len(self.poses)
        if not n:
            raise InputError("A motion needs at least one frame.")
        self._check("poses", (n, COLUMNS[self.kind]))
        self._check("betas", (N_BETAS,) if self.betas.ndim == 1 else (n, N_BETAS))
        self._check("trans", (n, 3))
        if self.failed is not None and (self.failed.shape != (n,) or self.failed.dtype != bool):
            raise InputError(f"failed is not a truth value for each of {n} frames.")

    def _check(self, name: str, shape: tuple[int, ...]) -> None:
        value: np.ndarray = getattr(self, name)
        if value.shape != shape:
            raise InputError(f"{name} has the shape {value.shape} instead of {shape}.")
        if not np.isfinite(value).all():
            raise InputError(f"{name} holds values that are not finite.")
        if np.abs(value).max(initial=0) > LARGEST:
            raise InputError(f"{name} holds values beyond {LARGEST:g}.")

    def __len__(self) -> int:
        return len(self.poses)


def turned(motion: Motion, rotation: np.ndarray, pelvis: np.ndarray | None = None) -> Motion:
    """The motion in other axes: all of it turned about the origin.

    A body turns about its root joint, not about the origin, so that `trans` has to say what the difference makes:
    R (p + t) - p of a translation t and a joint that rests at p.

    Parameters
    ----------
    motion: any
    rotation: (3, 3)
    pelvis: (3,) metres, where the root joint of the body rests, that of SMPL's mean bodies when None
    """
    if np.array_equal(rotation, np.eye(3)):
        return motion
    p = _MEAN_PELVIS if pelvis is None else np.asarray(pelvis, float)
    poses = motion.poses.astype(float)
    root = poses[:, :3]
    if motion.kind == "skel":
        frame = Rotation.from_matrix(_PELVIS_FRAME)
        inside = frame.inv() * Rotation.from_matrix(rotation) * frame
        root[:] = (inside * Rotation.from_euler(_ROOT_AXES, root)).as_euler(_ROOT_AXES)
        poses = continuous(poses)
    else:
        root[:] = (Rotation.from_matrix(rotation) * Rotation.from_rotvec(root)).as_rotvec()
    return replace(motion, poses=poses, trans=(motion.trans + p) @ rotation.T - p)


def resampled(motion: Motion, fps: float) -> Motion:
    """The motion with another number of frames a second; the first frame stays, and no time is added.

    Raises
    ------
    InputError
        When `fps` is not a positive number, or so large that there would be more than a million frames.
    """
    if not (np.isfinite(fps) and fps > 0):
        raise InputError(f"A motion cannot have {fps} frames a second.")
    last = (len(motion) - 1) * fps / motion.fps
    if last >= LONGEST:
        raise InputError(f"From {motion.fps:g} to {fps:g} frames a second there would be more than {LONGEST} frames.")
    count = int(last + 1e-6) + 1
    return replace(at_frames(motion, np.arange(count) * (motion.fps / fps)), fps=float(fps))


def at_frames(motion: Motion, frames: np.ndarray) -> Motion:
    """The motion at fractional numbers (G,) of its frames; joints turn evenly between two frames.

    Angles of SKEL and values go from one frame to the next on a straight line, the root's by the nearer of the two triples that
    mean the same; rotation vectors go on the shortest arc.
    """
    near = frames.round()
    frames = np.clip(np.where(np.abs(frames - near) < 1e-6, near, frames), 0, len(motion) - 1)
    before = frames.astype(int)
    after = np.minimum(before + 1, len(motion) - 1)
    share = (frames - before)[:, None]

    def between(values: np.ndarray) -> np.ndarray:
        return values[before] + share * (values[after] - values[before])

    if motion.kind == "skel":
        poses = between(np.unwrap(continuous(motion.poses), axis=0))
    else:
        poses = motion.poses[before].astype(float)
        moved = share[:, 0] > 0
        start, end = (Rotation.from_rotvec(motion.poses[ids[moved]].reshape(-1, 3)) for ids in (before, after))
        way = (start.inv() * end).as_rotvec() * np.repeat(share[moved], poses.shape[1] // 3, 0)
        poses[moved] = (start * Rotation.from_rotvec(way)).as_rotvec().reshape(-1, poses.shape[1])
    betas = motion.betas if motion.betas.ndim == 1 else between(motion.betas)
    failed = motion.failed
    if failed is not None:
        failed = failed[before] | (failed[after] & (share[:, 0] > 0))
    return replace(motion, poses=poses, betas=betas, trans=between(motion.trans), failed=failed)


def continuous(pose: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """(F, 46) the same poses with the root's angles continuous over time, and none beyond one turn.

    The root's angles are Euler angles, of which two triples mean the same; that which is nearer to the frame before is taken.
    Frames that are not `known` (F,) keep what they have.
    """
    pose = pose.astype(float)
    before = None
    for k in np.flatnonzero(np.ones(len(pose), bool) if known is None else known):
        root = pose[k, :3]
        if before is not None:
            # R3 R2 R1 with the middle angle flipped over
            triples = np.array([root, [root[0] + np.pi, np.pi - root[1], root[2] + np.pi]])
            triples += 2 * np.pi * np.round((before - triples) / (2 * np.pi))
            root = triples[np.abs(triples - before).sum(1).argmin()]
        pose[k, :3] = before = root - 2 * np.pi * np.trunc(root / (2 * np.pi))
    return pose
