"""The landmarks of four calibrated cameras meet in space: an accuracy that no other software is needed for."""

from xml.etree import ElementTree

import numpy as np
import pytest
from osteon.core.vision.detector import detect
from osteon.core.vision.landmarker import HEAT_CELLS, find_landmarks


@pytest.fixture(scope="module")
def cameras(demo):
    """Projection matrices (4, 3, 4) from Qualisys' file; its lens distortion moves no landmark by 3 pixels."""
    matrices = []
    for camera in ElementTree.parse(demo / "calibration" / "Calib.qca.txt").getroot().iter("camera"):
        lens, place = camera.find("intrinsic").attrib, camera.find("transform").attrib
        focal, middle = ([float(lens[name + axis]) / 64 for axis in "UV"] for name in ("focalLength", "centerPoint"))
        inner = np.array([[focal[0], 0, middle[0]], [0, focal[1], middle[1]], [0, 0, 1]])
        turn = np.diag([1.0, -1.0, -1.0]) @ [[float(place[f"r{i}{j}"]) for j in (1, 2, 3)] for i in (1, 2, 3)]
        position = np.array([float(place[axis]) / 1000 for axis in "xyz"])
        matrices.append(inner @ np.column_stack([turn, -turn @ position]))
    return np.array(matrices)


def reprojection(cameras: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (33, 3) for `points` (4, 33, 2), by homogeneous least squares, and how far off they are (4, 33)."""
    rows = points[..., None] * cameras[:, None, None, 2] - cameras[:, None, :2]  # (4, 33, 2, 4)
    rows = rows / np.linalg.norm(rows[..., :3], axis=-1, keepdims=True)
    solution = np.linalg.svd(rows.transpose(1, 0, 2, 3).reshape(33, 8, 4))[2][:, -1]
    seen = np.einsum("cij,nj->cni", cameras, solution)
    return solution[:, :3] / solution[:, 3:], np.linalg.norm(seen[..., :2] / seen[..., 2:] - points, axis=-1)


@pytest.mark.parametrize("index", [32, 72])
def test_four_cameras_agree(frame, cameras, index):
    views = []
    for camera in (1, 2, 3, 4):
        image = frame(camera, index)
        (person, *_) = detect(image, (0, 0, image.shape[1], image.shape[0]), 0.5)
        views.append(find_landmarks(image, find_landmarks(image, person.roi).next_roi))
    points = np.array([view.points[:, :2] for view in views])
    place, off = reprojection(cameras, points)
    assert off.mean() < 0.02 * 850  # 2 % of the gymnast's height in pixels
    # Limbs have the length of a grown man's.
    assert 0.35 < np.linalg.norm(place[25] - place[27]) < 0.5  # knee to ankle
    assert 0.25 < np.linalg.norm(place[11] - place[12]) < 0.45  # shoulders

    # Counting a heat cell at its middle, not at its corner as MediaPipe does, fits the cameras less well.
    shifted = np.array([view.points[:, :2] + view.roi.axes @ [0.5, 0.5] / HEAT_CELLS * view.roi.side for view in views])
    assert reprojection(cameras, shifted)[1].mean() > off.mean() + 2
