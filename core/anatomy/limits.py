"""Joint limits: how far each of SKEL's 46 angles goes, in SKEL's signs with zero in the T pose.

`limits("recommended")` is what bodies carry: active ranges of healthy adults. Where they come from:

- hip, knee, elbow, wrist, forearm: AAOS and CDC (Soucie et al. 2011) goniometry
- ankle, subtalar, mtp: CDC plantar flexion and loaded dorsiflexion, textbook subtalar and first-MTP ranges
- head: Ferrario et al. 2002; extension is cut at 59 degrees, see below
- lumbar, thorax: textbook regional ranges, which together are those of the whole trunk (flexion 90, extension 30, bending 38,
  rotation 45)
- scapula: 37 degrees of upward rotation, of which the T pose has used a third (29 +- 10 between 25 and 125 degrees of arm
  elevation; Braman et al. 2009), and as much glide as keeps it on the ribs
- shoulder: ranges of the humerus against the scapula, read about SKEL's T-pose axes

The middle angle of a joint with three angles stays within 59 degrees: 30 degrees beyond it is still short of the pole
at 90, where Euler angles stop being unique, so that a limit on the angle and a limit on the rotation mean the same. The
three together stay under 270 degrees, beyond which Blender reads a rotation as the other, then smaller, set of angles.

A neck bent all the way forward turns by 44 degrees, not by 80: what is left is that of the first two vertebrae (Hall and
Robinson 2004). So the three angles of a joint of the spine share what they have, those of a scapula, which only glides
where ribs are, and those of a shoulder: a raised arm turns less about itself (inwards in most planes; Chang et al.,
Quantification of Shoulder Joint Passive Rotation Range of Motion in Vivo, J Med Biol Eng). That one which hangs loses as
much comes from the T pose as zero. `COUPLED`: each angle as a share of its own limit, the root of the sum of their squares
is at most `TOGETHER`. Alone an angle reaches its limit; beside one that is there, another reaches 0.55 of its own. Trunk,
scapula and shoulder take the neck's number.
"""

import math
from collections.abc import Sequence

import numpy as np

from .joints import JOINT_INDEX, POSE_INDEX, POSE_NAMES, pose_slice

_FREE = (-math.inf, math.inf)

COUPLED = ("lumbar_body", "thorax", "head", "scapula_r", "scapula_l", "humerus_r", "humerus_l")
TOGETHER = math.hypot(1, 44 / 80)
ROUNDING = 1e-6  # radians and shares by which single precision may pass a limit

# Degrees, right side and midline. The left side follows from the mirror below.
_RECOMMENDED = {
    "pelvis_tilt": _FREE,
    "pelvis_list": _FREE,
    "pelvis_rotation": _FREE,
    "hip_flexion_r": (-30, 130),
    "hip_adduction_r": (-45, 30),
    "hip_rotation_r": (-45, 45),
    "knee_angle_r": (-3, 142),
    "ankle_angle_r": (-55, 30),
    "subtalar_angle_r": (-10, 25),
    "mtp_angle_r": (-65, 40),
    "lumbar_bending": (-18, 18),
    "lumbar_extension": (-52, 18),
    "lumbar_twist": (-10, 10),
    "thorax_bending": (-20, 20),
    "thorax_extension": (-38, 12),
    "thorax_twist": (-35, 35),
    "head_bending": (-49, 49),
    "head_extension": (-59, 59),
    "head_twist": (-80, 80),
    "scapula_abduction_r": (-9, 11),
    "scapula_elevation_r": (-11, 5),
    "scapula_upward_rot_r": (-12, 25),
    "shoulder_r_x": (-85, 115),
    "shoulder_r_y": (-59, 59),
    "shoulder_r_z": (-75, 95),
    "elbow_flexion_r": (-3, 148),
    "pro_sup_r": (-85, 80),
    "wrist_flexion_r": (-70, 80),
    "wrist_deviation_r": (-22, 36),
}

# The limits in SKEL's own code (radians there); the left scapula's elevation is sorted, free angles are infinite.
_OFFICIAL = {
    "knee_angle": (0, 135),
    "ankle_angle": (-45, 45),
    "subtalar_angle": (-45, 45),
    "mtp_angle": (-45, 45),
    "lumbar_bending": (-30, 30),
    "lumbar_extension": (-45, 45),
    "lumbar_twist": (-45, 45),
    "thorax_bending": (-45, 45),
    "thorax_extension": (-45, 45),
    "thorax_twist": (-45, 45),
    "head_bending": (-45, 45),
    "head_extension": (-45, 45),
    "head_twist": (-45, 45),
    "scapula_abduction": (math.degrees(-0.628), math.degrees(0.628)),
    "scapula_elevation": (math.degrees(-0.4), math.degrees(-0.1)),
    "scapula_upward_rot_r": (math.degrees(-0.19), math.degrees(0.319)),
    "scapula_upward_rot_l": (math.degrees(-0.21), math.degrees(0.219)),
    "shoulder_r_y": (-90, 90),
    "elbow_flexion": (0, 135),
    "pro_sup_r": (-67.5, 67.5),
    "pro_sup_l": (-90, 90),
    "wrist_flexion": (-90, 90),
    "wrist_deviation": (-45, 45),
}


def _mirror() -> tuple[np.ndarray, np.ndarray]:
    """Permutation and signs that turn q into the q of the mirrored pose: mirrored = signs * q[permutation]."""
    negative = {"pelvis_list", "pelvis_rotation"}
    negative |= {f"{part}_{way}" for part in ("lumbar", "thorax", "head") for way in ("bending", "twist")}
    negative |= {f"{name}_{side}" for name in ("scapula_abduction", "scapula_elevation") for side in "rl"}
    negative |= {f"shoulder_{side}_{axis}" for side in "rl" for axis in "xy"}
    permutation = []
    for name in POSE_NAMES:
        parts = name.split("_")
        other = "_".join({"r": "l", "l": "r"}.get(part, part) for part in parts)
        permutation.append(POSE_INDEX[other])
    signs = np.array([-1.0 if name in negative else 1.0 for name in POSE_NAMES])
    return np.array(permutation), signs


MIRROR_PERMUTATION, MIRROR_SIGNS = _mirror()


def mirror_pose(q):
    """The pose seen in a mirror: left and right exchanged. q (..., 46) array or tensor; the same type comes back."""
    mirrored = q[..., MIRROR_PERMUTATION.tolist()]
    if isinstance(q, np.ndarray):
        return mirrored * MIRROR_SIGNS.astype(q.dtype)
    return mirrored * mirrored.new_tensor(MIRROR_SIGNS)


def limits(table: str = "recommended") -> np.ndarray:
    """The limits (46, 2) in radians, lower and upper, infinite where an angle is free.

    table: "recommended" (ours, with the sources above) or "official" (what SKEL's own code lists; eleven angles are
    free).
    """
    degrees = np.empty((len(POSE_NAMES), 2))
    for i, name in enumerate(POSE_NAMES):
        if table == "recommended":
            if name in _RECOMMENDED:
                degrees[i] = _RECOMMENDED[name]
            else:
                lower, upper = _RECOMMENDED[POSE_NAMES[MIRROR_PERMUTATION[i]]]
                degrees[i] = (lower, upper) if MIRROR_SIGNS[i] > 0 else (-upper, -lower)
        elif table == "official":
            degrees[i] = _OFFICIAL.get(name) or _OFFICIAL.get(name.removesuffix("_r").removesuffix("_l")) or _FREE
        else:
            raise ValueError(f"There is no table of limits named {table!r}; there are 'recommended' and 'official'.")
    return np.radians(degrees)


def within(q: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """(...,) whether poses q (..., 46) keep limits (46, 2), each angle its own and `COUPLED` joints theirs together.

    Zero must be inside the limits of `COUPLED` joints, here and below; of the official table's scapulae it is not.
    """
    return _alone(q, ranges).all(-1) & coupled_within(q, ranges).all(-1)


def coupled_within(q: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """(..., len(COUPLED)) which of these joints keep limits (46, 2) in poses q (..., 46), each angle alone and all together."""
    slices = [pose_slice(JOINT_INDEX[joint]) for joint in COUPLED]
    return np.stack(
        [
            _alone(q[..., own], ranges[own]).all(-1) & (_share(q[..., own], ranges[own]) <= TOGETHER + ROUNDING)
            for own in slices
        ],
        -1,
    )


def _alone(q: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """(..., n) which of the angles q (..., n) keep their own limits (n, 2)."""
    low, high = ranges.T
    return (q >= low - ROUNDING) & (q <= high + ROUNDING)


def hold(q: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Poses q (..., 46) held within limits (46, 2): of a joint's angles the later ones yield to those before."""
    held = np.clip(q, *ranges.T)
    for joint in COUPLED:
        own = pose_slice(JOINT_INDEX[joint])
        left = np.full(q.shape[:-1], TOGETHER**2)
        for i in range(own.start, own.stop):
            reach = np.sqrt(np.minimum(left, 1))
            held[..., i] = np.clip(held[..., i], reach * ranges[i, 0], reach * ranges[i, 1])
            left = np.maximum(left - _share(held[..., i : i + 1], ranges[i : i + 1]) ** 2, 0)
    return held


def uniform(ranges: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """(count, 46) poses uniform within limits (46, 2), zero where an angle is free; `COUPLED` joints keep theirs together."""
    low, high = np.where(np.isfinite(ranges).all(1), ranges.T, 0)
    q = generator.uniform(low, high, (count, len(low)))
    for joint in COUPLED:
        own = pose_slice(JOINT_INDEX[joint])
        beyond = np.arange(count)
        while len(beyond := beyond[_share(q[beyond, own], ranges[own]) > TOGETHER]):
            q[beyond, own] = generator.uniform(low[own], high[own], (len(beyond), 3))
    return q


def farther(q: np.ndarray, other: np.ndarray, ranges: np.ndarray, joints: Sequence[str] = COUPLED) -> np.ndarray:
    """Poses q (..., 46) that take each of the joints from the other poses (..., 46) where these go farther."""
    q = q.copy()
    for joint in joints:
        own = pose_slice(JOINT_INDEX[joint])
        more = _share(other[..., own], ranges[own]) > _share(q[..., own], ranges[own])
        q[..., own] = np.where(more[..., None], other[..., own], q[..., own])
    return q


def _share(q: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """(...,) the root of the sum of squares of angles q (..., n) as shares of their limits (n, 2), zero being inside."""
    low, high = ranges.T
    assert (np.sign(ranges) == [-1, 1]).all()
    return np.linalg.norm(np.maximum(q / low, q / high), axis=-1)
