"""Stature and mass of a body's shapes, and the likeliest shape of a stature and a mass: handles that people know."""

import numpy as np

from ..errors import InputError
from .skel import Skel

DENSITY = 1010.0  # kg per cubic metre of the skin's volume, lungs half full
FARTHEST = 6.0  # standard deviations of a shape that is no longer a body
STEPS, LONGEST = 40, 2.0
CLOSE = 1e-6  # share of the wanted figure


def stature_and_mass(body: Skel, betas: np.ndarray) -> tuple[float, float]:
    """Metres from sole to vertex in the T pose and kilograms (of the skin's volume), of a shape (10,)."""
    skin = _skin(body, betas)
    return float(np.ptp(skin[:, 1])), DENSITY * _volume(skin, body.faces)


def betas_for(body: Skel, stature: float | None = None, mass: float | None = None) -> np.ndarray:
    """The likeliest shape (10,), that is the one nearest to the mean, with a stature (metres), a mass (kilograms) or both.

    Newton's method on the two constraints, in each step by the smallest betas that meet them linearised.

    Raises
    ------
    InputError
        When the body's shape space has no such person.

    Examples
    --------
    >>> body = load_body("open-female")
    >>> out = body(torch.zeros(1, 46), torch.as_tensor(betas_for(body, stature=1.70, mass=62))[None])
    """
    wanted = [(k, value) for k, value in ((0, stature), (1, mass)) if value is not None]
    if not all(np.isfinite(value) and value > 0 for _, value in wanted):
        raise InputError("Height and weight must be positive numbers, in metres and kg.")
    betas = np.zeros(body.n_betas)
    if not wanted:
        return betas
    for _ in range(STEPS):
        figures, slopes = _figures(body, betas)
        miss = np.array([value - figures[k] for k, value in wanted])
        if (np.abs(miss) < CLOSE * np.array([value for _, value in wanted])).all() and _size(betas) <= FARTHEST:
            return betas
        rows = np.array([slopes[k] for k, _ in wanted])
        step = np.linalg.lstsq(rows, miss + rows @ betas, rcond=None)[0] - betas
        # Volume is a cubic of the betas: far from the mean whole steps may overshoot.
        betas = betas + step * min(1.0, LONGEST / max(_size(step), 1e-12))
        if _size(betas) > 2 * FARTHEST:
            break
    text = " and ".join(f"{value:g} {('m', 'kg')[k]}" for k, value in wanted)
    (low, low_mass), (high, high_mass) = _range(body)
    raise InputError(
        f"The body {body.name} has no shape of {text}: usual are {low:.2f} to {high:.2f} m"
        f" and {low_mass:.0f} to {high_mass:.0f} kg, heavy bodies for tall ones."
    )


def _size(betas: np.ndarray) -> float:
    return float(np.linalg.norm(betas))


def _skin(body: Skel, betas: np.ndarray) -> np.ndarray:
    return body.data.skin_template + body.data.shapedirs @ betas


def _volume(skin: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = np.moveaxis(skin[faces], 1, 0)
    return float((a * np.cross(b, c)).sum() / 6)


def _figures(body: Skel, betas: np.ndarray) -> tuple[tuple[float, float], tuple[np.ndarray, np.ndarray]]:
    """Stature and mass, and their slopes (10,) in the betas."""
    skin, directions = _skin(body, betas), body.data.shapedirs
    top, sole = skin[:, 1].argmax(), skin[:, 1].argmin()
    a, b, c = np.moveaxis(skin[body.faces], 1, 0)
    push = np.zeros_like(skin)  # how the volume grows as each vertex moves
    for corner, area in zip(body.faces.T, (np.cross(b, c), np.cross(c, a), np.cross(a, b)), strict=True):
        push += np.column_stack([np.bincount(corner, area[:, k], len(skin)) for k in range(3)]) / 6
    slope = DENSITY * np.einsum("na,nak->k", push, directions)
    mass = DENSITY * float((a * np.cross(b, c)).sum() / 6)
    return (float(skin[top, 1] - skin[sole, 1]), mass), (directions[top, 1] - directions[sole, 1], slope)


def _range(body: Skel) -> tuple[tuple[float, float], tuple[float, float]]:
    """Stature and mass two standard deviations below and above the mean, each along its own slope."""
    figures, slopes = _figures(body, np.zeros(body.n_betas))
    spread = [2 * float(np.linalg.norm(slope)) for slope in slopes]
    low, high = ((figures[0] + s * spread[0], figures[1] + s * spread[1]) for s in (-1, 1))
    return low, high
