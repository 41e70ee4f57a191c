"""Whether bones keep their shape: how unequally the body shape makes a single bone grow along its axes."""

from typing import Any

import numpy as np

from ...bodies.skel import Skel

UNEQUAL = 2.0  # times as much along one axis as along another, beyond which a bone is not that bone any more
LISTED = 8  # bones, the worst ones


def unequal_growth(body: Skel, betas: np.ndarray) -> np.ndarray:
    """(B, P) the largest growth of each bone over its smallest in shapes (B, 10); infinite where it is turned inside out.

    The singular values of the bone's own map of the shape, so turning a bone does not count.
    """
    maps = body.data.part_shapedirs
    assert maps is not None
    growth = np.eye(3) + np.einsum("pack,bk->bpac", maps[:, :, :3], betas)
    values = np.linalg.svd(growth, compute_uv=False)
    whole = np.linalg.det(growth) > 0
    return np.divide(values[..., 0], values[..., 2], out=np.full(whole.shape, np.inf), where=whole)


def growth_report(body: Skel, betas: np.ndarray) -> dict[str, Any] | None:
    """What the report says about it, the worst bones first, None for what is turned inside out.

    None for bodies whose bones have no maps of their own.
    """
    if body.data.part_shapedirs is None:
        return None
    names = body.bone_part_names
    unequal = unequal_growth(body, betas)
    worst_first = np.argsort(-unequal.max(0), kind="stable")
    order = [part for part in worst_first if not names[part].endswith("_l")]  # the left mirrors the right
    bones = [
        {
            "bone": names[part],
            "worst": _finite(unequal[:, part].max()),
            "percentile_95": _finite(np.percentile(unequal[:, part], 95, method="higher")),
            "marked": bool(unequal[:, part].max() > UNEQUAL),
        }
        for part in order[:LISTED]
    ]
    return {"tolerance": UNEQUAL, "worst": bones[0]["worst"], "bones": bones}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def times(value: float | None) -> str:
    """A growth of the report in words."""
    return "inside out" if value is None else f"{value:.2f}"
