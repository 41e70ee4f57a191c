"""Joint angles as a table that a spreadsheet opens."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..anatomy.joints import POSE_NAMES
from .replacing import replacing


def write_angles(path: str | Path, poses: Sequence[np.ndarray] | np.ndarray, fps: float | None = None) -> None:
    """Writes joint angles in degrees, one row for each person and frame, one column for each of SKEL's 46 angles.

    Parameters
    ----------
    path: the .csv file
    poses: one array (F, 46) or (46,) in radians for each person
    fps: frames in a second, for the column `time`; left out when None

    Raises
    ------
    FileError
        When the file cannot be written.
    """
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["person", "frame", *(["time"] if fps else []), *POSE_NAMES])
        for person, pose in enumerate(poses):
            for frame, q in enumerate(np.degrees(np.atleast_2d(pose))):
                time = [f"{frame / fps:.4f}"] if fps else []
                writer.writerow([person, frame, *time, *(f"{angle:.3f}" for angle in q)])
