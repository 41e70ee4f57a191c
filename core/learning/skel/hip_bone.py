"""Puts the finely meshed hip bone of OpenSim's older models in the place of the template's coarse one.

They are two people's bones in different frames. The fine one is turned, moved and scaled onto the coarse one, then mapped
affinely, near to a similarity, so that the socket holds the femoral head and the symphysis and the width are kept. In
OpenSim's axes: x forward, y up, z right.
"""

import numpy as np
from scipy.spatial import cKDTree

from .transforms import moved

Mesh = tuple[np.ndarray, np.ndarray]  # vertices (V, 3) and triangles (F, 3)

HEAD_RADIUS = 0.0232  # metres, of the template's femoral head
CARTILAGE = 0.001  # metres that the head keeps from the socket
SYMPHYSIS = 0.003  # metres from the midline that the pubic bone is drawn to; it comes to 1 to 3 mm
ROUNDS = 60
# Squared residuals in metres are weighed so, the mean over the coarse bone's vertices being 1.
SOCKET, EDGE, SIMILARITY = 3.0, 0.2, 1.5
LOOSE = 0.03  # metres off from which a vertex of the coarse bone counts little
# The socket: triangles that face its centre (cosine), and how far they may be off the head (metres); how much more the head's
# lying inside the bone weighs than a gap, and from which gap on it counts little.
FACING, SHELL, INSIDE, FLOOR = 0.3, 0.010, 2.5, 0.003
SUBDIVISION = 4
UP, OUT = 1, 2  # axes


def fine_hip_bone(fine: Mesh, coarse: Mesh, head: np.ndarray) -> Mesh:
    """The fine right hip bone where the coarse one is; `head` is the femoral head's centre."""
    vertices, faces = fine
    goal = coarse[0]
    samples = surface_samples(vertices, faces)
    start = np.column_stack([np.eye(3), (goal.min(0) + goal.max(0) - vertices.min(0) - vertices.max(0)) / 2])
    similar = start
    for _ in range(ROUNDS):
        near = samples[cKDTree(moved(similar, samples)).query(goal)[1]]
        similar = similarity(near, goal)
    centre = seat(moved(similar, vertices), faces, head, HEAD_RADIUS + CARTILAGE)
    centre = np.linalg.solve(similar[:, :3], centre - similar[:, 3])
    affine = similar
    for _ in range(ROUNDS):
        affine = _affine_step(affine, vertices, samples, goal, centre, head)
    return ream(moved(affine, vertices), head), faces


def ream(vertices: np.ndarray, head: np.ndarray) -> np.ndarray:
    """The bone with the part of the socket that the femoral head would not fit into pushed away from it."""
    ray = vertices - head
    far = np.linalg.norm(ray, axis=1, keepdims=True)
    return head + ray * np.maximum(1, (HEAD_RADIUS + CARTILAGE) / far)


def _affine_step(
    affine: np.ndarray,
    vertices: np.ndarray,
    samples: np.ndarray,
    goal: np.ndarray,
    centre: np.ndarray,
    head: np.ndarray,
) -> np.ndarray:
    """The affine map (3, 4) that fits best what lies nearest under the present one."""
    now = moved(affine, vertices)
    distance, nearest = cKDTree(moved(affine, samples)).query(goal)
    alike = moved(similarity(vertices, now), vertices)
    ends = [(axis, np.argmin) for axis in (UP, OUT)] + [(axis, np.argmax) for axis in (UP, OUT)]
    bounds = np.array([goal[:, UP].min(), SYMPHYSIS, goal[:, UP].max(), goal[:, OUT].max()])
    extremes = vertices[[pick(now[:, axis]) for axis, pick in ends]]
    rows = [
        _points(samples[nearest], goal, 1 / (1 + (distance / LOOSE) ** 2) / len(goal)),
        _points(vertices, alike, np.full(len(vertices), SIMILARITY / len(vertices))),
        _points(centre[None], head[None], np.array([SOCKET])),
        _rows(extremes, np.eye(3)[[axis for axis, _ in ends]], bounds, np.full(4, EDGE)),
    ]
    matrix, right = (np.concatenate(part) for part in zip(*rows, strict=True))
    return np.linalg.lstsq(matrix, right, rcond=None)[0].reshape(3, 4)


def _rows(points: np.ndarray, directions: np.ndarray, goals: np.ndarray, weights: np.ndarray) -> tuple:
    """Equations for the 12 numbers of a map: how far along `directions` (P, 3) it should take `points`."""
    root = np.sqrt(weights)
    matrix = np.einsum("pa,ph->pah", directions, np.column_stack([points, np.ones(len(points))]))
    return matrix.reshape(-1, 12) * root[:, None], goals * root


def _points(points: np.ndarray, goals: np.ndarray, weights: np.ndarray) -> tuple:
    """Equations that take points to goals (P, 3)."""
    return _rows(np.repeat(points, 3, 0), np.tile(np.eye(3), (len(points), 1)), goals.ravel(), np.repeat(weights, 3))


def similarity(points: np.ndarray, goals: np.ndarray) -> np.ndarray:
    """The similarity (3, 4) that fits points to goals best (Umeyama 1991)."""
    middle, goal = points.mean(0), goals.mean(0)
    u, s, vt = np.linalg.svd((goals - goal).T @ (points - middle))
    s[2] *= (sign := np.sign(np.linalg.det(u @ vt)))
    linear = (u * [1, 1, sign]) @ vt * (s.sum() / ((points - middle) ** 2).sum())
    return np.column_stack([linear, goal - linear @ middle])


def surface_samples(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Points all over the surface: the corners of each triangle's equal parts."""
    n = SUBDIVISION
    weights = np.array([(i, j, n - i - j) for i in range(n + 1) for j in range(n + 1 - i)]) / n
    return np.einsum("kc,fcd->fkd", weights, vertices[faces]).reshape(-1, 3)


def seat(vertices: np.ndarray, faces: np.ndarray, start: np.ndarray, radius: float) -> np.ndarray:
    """The centre of a ball of `radius` that sits in the hip socket; its floor, which is deeper, counts little."""
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    double = np.linalg.norm(normals, axis=1)
    ray = start - corners.mean(1)
    far = np.linalg.norm(ray, axis=1)
    ids = (np.abs(far - radius) < SHELL) & ((ray * normals).sum(1) > FACING * far * double)
    points = surface_samples(vertices, faces[ids])
    area = np.repeat(double[ids], len(points) // ids.sum())
    centre = start
    for _ in range(ROUNDS):
        ray = points - centre
        far = np.linalg.norm(ray, axis=1)
        off = far - radius
        root = np.sqrt(area * np.where(off < 0, INSIDE, 1 / (1 + (off / FLOOR) ** 2)))
        step = np.linalg.lstsq(ray / far[:, None] * root[:, None], off * root, rcond=None)[0]
        centre = centre + step / 2
    return centre
