"""What the scapula turns about, so that it glides on the ribs: found on the body's own bones.

SKEL's scapula (Seth et al. 2016) turns about three axes and moves on an ellipsoid around the rib cage, the same for all bodies.
What a body may choose is where in the scapula the joint is and how the axes lie in it.
"""

import numpy as np
import scipy.optimize
import torch
from scipy.spatial.transform import Rotation

from ...anatomy.joints import JOINT_INDEX, JOINTS, pose_slice
from ...anatomy.limits import limits, uniform
from ...bodies.skel import scapular_glide
from . import skeleton
from .bone_names import OPENSIM_TO_BODY
from .bone_space import BoneSpace
from .placement import Cage, end_of, vertebral_body

# From the acromial end of the clavicle to the joint, as a share of stature: the middle of the blade, where the search begins.
OFFSET = np.array([0.047, -0.037, 0.005]) / 1.756
# Metres between scapula and the wall of ribs at which it stays while it glides: as near as at rest, but within these.
GAP = 0.004, 0.010
WINGING = 0.005  # metres by which the whole scapula may stand farther from the ribs than at rest
NO_RIBS = 0.06  # metres, the gap of what is over no ribs
STRETCH = 0.02  # of the clavicle, which counts as much as a millimetre of gap
AXES_SPREAD, OFFSET_SPREAD = 0.30, 0.022  # radians and metres that count as much
POSES, POINTS, EVALUATIONS = 150, 200, 400
SEED = 3
MILLIMETRE = 1e-3


def glide(bones: BoneSpace, known: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The axes of the right scapula's angles, columns (3, 3), and its joint (3,) in the mean body.

    bones: in the T pose; metres
    known: the joint, when it is known already and only the axes are looked for
    """
    v = {name: bones.points(name) for name in bones.names}
    scapula = v["scapula_r"][:: max(1, len(v["scapula_r"]) // POINTS)]
    cage = Cage(v)
    sternal, acromial = (end_of(v["clavicle_r"], [way, 0, 0]) for way in (1, -1))
    length = np.linalg.norm(acromial - sternal)
    thorax, lumbar = (vertebral_body(v[name]) for name in (skeleton.THORAX_VERTEBRA, skeleton.LUMBAR_VERTEBRA))
    half_height = float(np.linalg.norm(thorax - lumbar)) / 2
    stature = np.ptp(np.concatenate([v["skull"], v["calcaneus_r"]])[:, 1])
    start = acromial + OFFSET * stature if known is None else known
    gaps = np.minimum(np.nan_to_num(cage.gap(scapula), nan=NO_RIBS), NO_RIBS)
    kept, resting = gaps.min().clip(*GAP), gaps.mean()
    q = uniform(limits(), POSES, np.random.default_rng(SEED))[:, pose_slice(JOINT_INDEX["scapula_r"])]
    turns = turned(q)

    def at(change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        axes = skeleton.SCAPULAR_AXES @ Rotation.from_rotvec(change[:3] * AXES_SPREAD).as_matrix()
        return axes, start + (change[3:] * OFFSET_SPREAD if len(change) > 3 else 0)

    def cost(change: np.ndarray) -> float:
        axes, joint = at(change)
        frame = axes @ OPENSIM_TO_BODY
        rotations = frame @ turns @ frame.T
        moved = joint + displacements(q, joint, half_height)
        points = (scapula - joint) @ rotations.transpose(0, 2, 1) + moved[:, None]
        gaps = np.nan_to_num(cage.gap(points.reshape(-1, 3)).reshape(points.shape[:2]), nan=NO_RIBS)
        nearest, winged = gaps.min(1), np.minimum(gaps, NO_RIBS).mean(1)
        end = ((acromial - joint) @ rotations.transpose(0, 2, 1)) + moved
        stretch = np.linalg.norm(end - sternal, axis=1) / length - 1
        misses = (nearest - kept) ** 2 + np.maximum(winged - resting - WINGING, 0) ** 2
        return float(misses.mean() / MILLIMETRE**2 + (stretch**2).mean() / STRETCH**2 + (change**2).sum())

    count = 6 if known is None else 3
    simplex = np.concatenate([np.zeros((1, count)), np.eye(count) * 0.7])
    options = {"maxfev": EVALUATIONS, "xatol": 1e-3, "fatol": 1e-2, "initial_simplex": simplex}
    found = scipy.optimize.minimize(cost, np.zeros(count), method="Nelder-Mead", options=options)
    return at(found.x)


def turned(q: np.ndarray) -> np.ndarray:
    """(Q, 3, 3) rotations of the right scapula's angles (Q, 3), about its own axes."""
    rotations = np.eye(3)
    for k, axis in enumerate(JOINTS[JOINT_INDEX["scapula_r"]].axes):
        rotations = Rotation.from_rotvec(q[:, k : k + 1] * np.array(axis, float)).as_matrix() @ rotations
    return rotations


def displacements(q: np.ndarray, joint: np.ndarray, half_height: float) -> np.ndarray:
    """(Q, 3) how the right scapula's joint, at (3,), moves with its angles (Q, 3)."""
    abduction, elevation, _ = torch.as_tensor(q).unbind(1)
    quarter = torch.as_tensor(abs(joint[0]) / 2)
    return scapular_glide(-1.0, quarter, torch.as_tensor(half_height), abduction, elevation).numpy()
