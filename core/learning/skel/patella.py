"""How the patella glides before the femur as the knee bends, found on the body's own bones.

The patellar ligament keeps its length from the patella's apex to the tibial tuberosity, the cartilage its thickness between
patella and femur, and the patella turns with the tibia, lagging behind (Rajagopal et al. 2016: about 0.85 of the knee's
angle beyond the first ten degrees).
"""

from collections.abc import Callable

import numpy as np
import scipy.optimize

from ...anatomy.joints import JOINT_INDEX
from ..inside import Skin
from .bone_space import BoneSpace

ANGLES = np.deg2rad(np.arange(-10, 161, 10))
LAG, SHARE = np.deg2rad(6.0), 0.85
SWINGS = np.deg2rad([-70.0, 70.0])  # between which the ligament leans, seen from the tibia
CARTILAGE = 0.004  # metres between patella and femur
TUBEROSITY = (0.03, 0.075)  # metres below the knee's axis between which the tuberosity is the foremost point


def path(bones: BoneSpace, centres: np.ndarray, frames: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(18, 4) knee angle and patella's rotation in radians, way forward and up in metres, from its place in the T pose.

    centres, frames: (24, 3) joints and (24, 3, 3) bone frames of the mean body; faces (F, 3) of the right femur
    """
    femur, tibia, patella = (bones.points(f"{n}_r") for n in ("femur", "tibia", "patella"))
    knee = centres[JOINT_INDEX["tibia_r"]]
    forward, up = frames[JOINT_INDEX["femur_r"]][:, 0], frames[JOINT_INDEX["femur_r"]][:, 1]
    below = (knee - tibia) @ up
    shin = tibia[(below > TUBEROSITY[0]) & (below < TUBEROSITY[1])]
    tuberosity = shin[np.argmax(shin @ forward)]
    middle = patella.mean(0)
    apex = patella[np.argmin(patella @ up)]
    condyles = Skin(femur, faces)
    flat = np.array([forward, up])  # (2, 3): the sagittal plane

    def turned(points: np.ndarray, angle: float) -> np.ndarray:
        """Turned in the sagittal plane as a bending knee turns the tibia: up goes forward."""
        z, y = points @ forward, points @ up
        aside = points - z[..., None] * forward - y[..., None] * up
        cos, sin = np.cos(angle), np.sin(angle)
        return aside + (z * cos + y * sin)[..., None] * forward + (y * cos - z * sin)[..., None] * up

    ligament = apex - tuberosity
    length = np.linalg.norm(flat @ ligament)
    resting = -condyles.depth(patella).max()

    rows = [[0.0, 0.0, 0.0, 0.0]]
    for angle in ANGLES[ANGLES > 0]:
        pull = turned((tuberosity - knee)[None], angle)[0] + knee
        turn = SHARE * max(angle - LAG, 0.0)
        wanted = CARTILAGE + (resting - CARTILAGE) * max(0.0, 1 - angle / np.deg2rad(30))

        def placed(swing: float, pull=pull, turn=turn, angle=angle) -> np.ndarray:
            """The patella with its ligament leaning forward by `swing`, seen from the tibia."""
            upward = turned(up[None], angle)[0] * np.cos(swing) + turned(forward[None], angle)[0] * np.sin(swing)
            goal = pull + length * upward
            moved = turned(patella - apex, turn) + goal
            return moved + ((apex - goal) - flat.T @ flat @ (apex - goal))  # no way sideways

        def excess(swing: float, placed=placed, wanted=wanted) -> float:
            return -condyles.depth(placed(swing)).max() - wanted

        way = placed(_first_touch(excess)).mean(0) - middle
        rows.append([angle, turn, way @ forward, way @ up])
    straight = [ANGLES[0], *(-np.array(rows[1][1:]) * 0.3)]
    return np.array([straight, *rows])


def _first_touch(excess: Callable[[float], float]) -> float:
    """The swing at which a patella that comes from the front is as near to the femur as wanted, or nearest to that."""
    swings = np.linspace(SWINGS[1], SWINGS[0], 36)
    values = np.array([excess(swing) for swing in swings])
    touching = np.flatnonzero((values[:-1] > 0) & (values[1:] <= 0))
    if not len(touching):
        return float(swings[np.abs(values).argmin()])
    k = touching[0]
    return float(scipy.optimize.brentq(excess, swings[k + 1], swings[k], xtol=1e-4))
