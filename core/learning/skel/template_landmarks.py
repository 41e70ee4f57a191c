"""Landmarks on the bones, found by construction: extreme points and fitted spheres, never picked by hand."""

import numpy as np

from .bone_names import Bones

HEAD_SHELL = 0.0025  # metres a vertex of a joint head may lie off its sphere


def fit_sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre and radius of the least-squares sphere."""
    matrix = np.column_stack([2 * points, np.ones(len(points))])
    solution = np.linalg.lstsq(matrix, (points**2).sum(1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))


def joint_head(vertices: np.ndarray, start: np.ndarray, radius: float) -> np.ndarray:
    """Ids of the vertices on the spherical head of a long bone, from a rough centre and radius."""
    ids = np.flatnonzero(np.linalg.norm(vertices - start, axis=1) < 1.3 * radius)
    for _ in range(20):
        centre, radius = fit_sphere(vertices[ids])
        off = np.abs(np.linalg.norm(vertices - centre, axis=1) - radius)
        near = np.flatnonzero(off < HEAD_SHELL)
        if np.array_equal(near, ids):
            break
        ids = near
    return ids


def find(bones: Bones) -> dict[str, tuple[str, np.ndarray]]:
    """Landmarks of the right side on the standing template: name -> (bone, its vertex ids)."""
    femur, humerus = bones["femur_r"].vertices, bones["humerus_r"].vertices
    top = femur[femur[:, 1] > femur[:, 1].max() - 0.045]
    head_start = np.array([top[:, 0].max() - 0.022, top[:, 1].max() - 0.022, top[np.argmax(top[:, 0]), 2]])
    shoulder_top = humerus[:, 1].max()
    medial = humerus[humerus[:, 1] > shoulder_top - 0.04]
    shoulder_start = np.array([medial[:, 0].max() - 0.022, shoulder_top - 0.022, medial[np.argmax(medial[:, 0]), 2]])
    return {
        "femoral_head_r": ("femur_r", joint_head(femur, head_start, 0.022)),
        "femur_lateral_epicondyle_r": ("femur_r", _extreme(femur, [-1, 0, 0], below=0.06)),
        "femur_medial_epicondyle_r": ("femur_r", _extreme(femur, [1, 0, 0], below=0.06)),
        "medial_malleolus_r": ("tibia_r", _extreme(bones["tibia_r"].vertices, [1, 0, 0], below=0.03)),
        "lateral_malleolus_r": ("fibula_r", _extreme(bones["fibula_r"].vertices, [-1, 0, 0], below=0.03)),
        "humeral_head_r": ("humerus_r", joint_head(humerus, shoulder_start, 0.022)),
        "humerus_lateral_epicondyle_r": ("humerus_r", _extreme(humerus, [-1, 0, 0], below=0.05)),
        "humerus_medial_epicondyle_r": ("humerus_r", _extreme(humerus, [1, 0, 0], below=0.05)),
        "radial_styloid_r": ("radius_r", _extreme(bones["radius_r"].vertices, [0, -1, 0])),
        "ulnar_styloid_r": ("ulna_r", _extreme(bones["ulna_r"].vertices, [0, -1, 0])),
    }


def _extreme(vertices: np.ndarray, direction: list[float], below: float = np.inf) -> np.ndarray:
    """The id (1,) of the vertex farthest along `direction`, among those at most `below` metres above the lowest."""
    low = np.flatnonzero(vertices[:, 1] < vertices[:, 1].min() + below)
    return low[[np.argmax(vertices[low] @ np.array(direction, float))]]
