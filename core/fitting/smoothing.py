"""Poses made smooth over time where the surface does not tell them apart.

Whittaker (1923) and Henderson's smoother, each frame weighed by what its surface says: an angle that the skin shows stays
where the skin has it, one that it hardly shows, as a twist of the spine, goes with its neighbours.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import scipy.linalg

WINDOW, OVERLAP = 600, 60  # frames that are solved at once, and beyond them on either side: what bounds the memory
ANGLE, PLACE = np.deg2rad(10.0), 0.1  # radians and metres a frame, a frame: changes of velocity that count as much
CUT_ANGLE, CUT_PLACE = np.deg2rad(45.0), 0.5  # radians and metres, steps from a frame to the next that are no motion
_SECOND_DIFFERENCE = np.array([1.0, -2.0, 1.0])


def runs(x: np.ndarray, sound: np.ndarray, n_angles: int) -> list[slice]:
    """The stretches of frames over which parameters move steadily: not across a cut, a flip or a frame that is not sound.

    Parameters
    ----------
    x: (F, P) the parameters frame by frame, the first `n_angles` in radians, then metres
    sound: (F,) frames that have been fitted
    """
    most = np.where(np.arange(x.shape[1]) < n_angles, CUT_ANGLE, CUT_PLACE)
    joined = (np.abs(np.diff(x, axis=0)) < most).all(1) & sound[1:] & sound[:-1]
    ends = np.flatnonzero(~np.concatenate([[False], joined, [False]]))
    return [slice(start, stop) for start, stop in pairwise(ends.tolist()) if stop - start > 2]


def smoothed(
    x: np.ndarray, information: Callable[[np.ndarray], np.ndarray], n_angles: int, smoothness: float
) -> np.ndarray:
    """Parameters of F frames with which surfaces lie nearly as well and velocities change less.

    Minimises the sum over frames of (y - x)' H (y - x) / 2 and `smoothness`^2 / 2 times the squared second differences of y.

    Parameters
    ----------
    x: (F, P) the parameters of one of `runs`
    information: frames (B,) -> (B, P, P) what a frame's surface says of its parameters: Gauss-Newton's Hessian or one like it
    smoothness: how much a change of velocity by `ANGLE` or `PLACE` counts beside a residual of one
    """
    frames, count = x.shape
    unit = np.where(np.arange(count) < n_angles, ANGLE, PLACE)
    found = np.empty_like(x)
    for start in range(0, frames, WINDOW):
        stop = min(start + WINDOW, frames)
        first, last = max(start - OVERLAP, 0), min(stop + OVERLAP, frames)
        solved = _solve(information(np.arange(first, last)), x[first:last], (smoothness / unit) ** 2)
        found[start:stop] = solved[start - first : stop - first]
    return found


def _solve(weight: np.ndarray, x: np.ndarray, stiffness: np.ndarray) -> np.ndarray:
    """(F, P) where the sum of both costs is least; weight (F, P, P), stiffness (P,) of second differences."""
    frames, count = x.shape
    # The lower triangle in bands, as LAPACK has it: entry (i + k, i) in row k; frames are coupled two ahead.
    bands = np.zeros((2 * count + 1, frames, count))
    for k in range(count):
        bands[k, :, : count - k] = np.diagonal(weight, -k, 1, 2)
    for ahead in range(3):
        coupled = np.zeros(frames)
        for i in range(3 - ahead):
            coupled[i : frames - 2 + i] += _SECOND_DIFFERENCE[i] * _SECOND_DIFFERENCE[i + ahead]
        bands[ahead * count] += coupled[:, None] * stiffness
    bands[0] += 1e-9 * stiffness  # a parameter of which no frame says anything stays where it is
    right = (weight @ x[..., None])[..., 0] + 1e-9 * stiffness * x
    return scipy.linalg.solveh_banded(
        bands.reshape(2 * count + 1, -1), right.ravel(), lower=True, overwrite_ab=True
    ).reshape(frames, count)
