"""SKEL motion files: poses, shape and translation over time."""

from pathlib import Path

import numpy as np

from .replacing import replacing


def save_motion(
    path: str | Path, poses: np.ndarray, betas: np.ndarray, trans: np.ndarray, gender: str, fps: float = 30.0
) -> None:
    """Writes a SKEL motion as .npz with the keys poses (F, 46), betas (10) or (F, 10), trans (F, 3), gender and fps.

    Raises
    ------
    FileError
        When the file cannot be written.
    """
    with replacing(path) as part:
        np.savez_compressed(part, poses=poses, betas=betas, trans=trans, gender=np.array(gender), fps=np.array(fps))
