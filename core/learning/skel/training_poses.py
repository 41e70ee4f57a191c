"""The poses in which people's skins are learned: angles within the limits in which no limb passes through the body."""

from collections.abc import Callable, Sequence

import numpy as np

from ...anatomy.joints import POSE_INDEX
from ...anatomy.limits import MIRROR_PERMUTATION, MIRROR_SIGNS, farther, hold, uniform
from ...bodies.skel import Skel
from ...errors import OsteonError
from ..report.sampling import limbs_apart

WHOLE = 0.75  # share of the other poses that are drawn from the whole of the limits
# Share of the poses in which people mostly are: arms hanging (degrees, and how much they vary), all other angles near zero.
USUAL = 0.2
HANGING = {"shoulder_r_x": (65, 12), "shoulder_r_y": (0, 20), "shoulder_r_z": (0, 20), "scapula_upward_rot_r": (-7, 3)}
USUAL_SHARE = 0.3
LIFTED = 0.02  # share by which arms hang less in each new draw: beside a stout child's trunk they cannot
DRAWS = 500  # of twice as many poses as are wanted, before a body counts as one that has none


def training_poses(
    body: Skel,
    beta: np.ndarray,
    count: int,
    generator: np.random.Generator,
    usual: float = USUAL,
    whole: float = WHOLE,
    twice: Sequence[str] = (),
) -> np.ndarray:
    """(count, 46) angles within the limits, the root upright, in which no limb passes through the body of shape beta (10,).

    usual: the share of usual poses; of the others `whole` are drawn from the whole of the limits, the rest from some of it.
    twice: joints that are drawn twice, to take what goes farther.
    An `OsteonError` tells of a body in which limbs pass through it in nearly all poses.
    """

    def drawn(_: int) -> np.ndarray:
        share = np.minimum(np.sqrt(generator.uniform(0, 1 / (1 - whole), (2 * count, 1))), 1)
        q = uniform(body.limits, 2 * count, generator)
        if twice:
            q = farther(q, uniform(body.limits, 2 * count, generator), body.limits, twice)
        return share * q

    first = usual_poses(body, beta, round(usual * count), generator)
    return np.concatenate([first, _possible(body, beta, count - len(first), drawn)])


def usual_poses(body: Skel, beta: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """(count, 46) angles of people of shape beta (10,) who stand or walk, arms hanging."""

    def drawn(draw: int) -> np.ndarray:
        q = USUAL_SHARE * uniform(body.limits, 2 * count, generator)
        down = max(1 - LIFTED * draw, 0)
        for name, (mean, spread) in HANGING.items():
            right = POSE_INDEX[name]
            for side in (right, MIRROR_PERMUTATION[right]):
                angle = np.radians(generator.normal(down * mean, spread, len(q)))
                q[:, side] = angle if side == right else MIRROR_SIGNS[side] * angle
        return hold(q, body.limits)

    return _possible(body, beta, count, drawn)


def _possible(body: Skel, beta: np.ndarray, count: int, drawn: Callable[[int], np.ndarray]) -> np.ndarray:
    """(count, 46) those of drawn poses (B, 46) in which no limb passes through the body; `drawn` is told how often it was."""
    poses = np.empty((0, len(POSE_INDEX)))
    for draw in range(DRAWS):
        if len(poses) >= count:
            return poses[:count]
        q = drawn(draw)
        poses = np.concatenate([poses, q[limbs_apart(body, q, beta[None])]])
    raise OsteonError(f"In {DRAWS} draws of poses limbs pass through a body of betas {beta.round(2).tolist()}.")
