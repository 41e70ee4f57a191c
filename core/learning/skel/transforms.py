"""Points moved by affine maps."""

import numpy as np


def moved(transforms: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(..., n, 3) points (n, 3) or (..., n, 3) moved by transforms (..., 3, 4)."""
    return points @ np.swapaxes(transforms[..., :3], -1, -2) + transforms[..., None, :, 3]
