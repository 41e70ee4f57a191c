"""The job that fits a SKEL body to the skin of a mesh over time."""

from typing import Any

import numpy as np

from ..fitting.surface import SkelFit, fit_skel
from .named import Progress, part


def fit_surface(progress: Progress, skin: np.ndarray, body: str, smoothness: float = 0.0) -> dict[str, Any]:
    """Fits a SKEL body to surfaces.

    Parameters
    ----------
    progress: see `named.Progress`
    skin: (F, N, 3) metres, the body's vertices; see `fit_skel`
    body: what `load_skel` takes
    smoothness: see `fit_skel`

    Returns
    -------
    see `fit_values`

    Raises
    ------
    FileError, InputError
        When the model is missing or wrong, or the skin is not its.
    """
    progress(0.0, "Loading")
    from ..bodies.load import load_skel

    return fit_values(fit_skel(skin, load_skel(body), smoothness=smoothness, progress=part(progress, 0.02, 1.0)))


def fit_values(fit: SkelFit) -> dict[str, Any]:
    """What a job returns of a fit.

    Returns
    -------
    dict with
        poses: (F, 46); betas: (10,); trans: (F, 3)
        known: numbers of the frames that have a pose; surfaces that are not finite have none
        failed: numbers of the frames without a pose or with a vertex farther off than 6 cm
        vertex_error: (N,) each vertex' distance in the mean over the frames that did not fail, over all if all failed, metres
        mean_error, worst_error: over the same frames and all vertices
    """
    known = np.isfinite(fit.vertex_error).all(1)
    counted = fit.vertex_error[known if fit.failed.all() else ~fit.failed]
    return {
        "poses": fit.pose,
        "betas": fit.betas,
        "trans": fit.trans,
        "known": np.flatnonzero(known),
        "failed": np.flatnonzero(fit.failed),
        "vertex_error": counted.mean(0),
        "mean_error": float(counted.mean()),
        "worst_error": float(counted.max()),
    }
