"""From core's axes (Y up, facing +Z) to Blender's (Z up, facing -Y), and back."""

import numpy as np

_TO_BLENDER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def to_blender(vectors: np.ndarray) -> np.ndarray:
    """Points or directions (..., 3) with Z up: (x, y, z) -> (x, -z, y)."""
    return np.asarray(vectors) @ _TO_BLENDER.T


def from_blender(vectors: np.ndarray) -> np.ndarray:
    """Points or directions (..., 3) with Y up: (x, y, z) -> (x, z, -y)."""
    return np.asarray(vectors) @ _TO_BLENDER
