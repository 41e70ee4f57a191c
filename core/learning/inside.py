"""Signed distance of points to a closed skin: how deep inside they lie."""

from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

NEIGHBOURS = 6
EXACT_ANGLES = 60  # triangles whose solid angles are taken exactly
SAMPLING = 0.007  # metres; every point of the skin is that near to a sample of it


class Skin:
    """A closed triangle mesh that can be asked for depths, and for cuts and rays."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        self.vertices, self.faces = vertices, faces
        self.corners = vertices[faces]
        # As long as the triangles are large.
        self.face_normals = (
            np.cross(self.corners[:, 1] - self.corners[:, 0], self.corners[:, 2] - self.corners[:, 0]) / 2
        )
        every = np.repeat(self.face_normals, 3, axis=0)
        normals = np.column_stack([np.bincount(faces.ravel(), every[:, k], len(vertices)) for k in range(3)])
        self.vertex_normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)

    @cached_property
    def _sampled(self) -> tuple[cKDTree, np.ndarray]:
        samples, owner = _samples(self.corners)
        return cKDTree(samples), owner

    @property
    def tree(self) -> cKDTree:
        """Points all over the skin."""
        return self._sampled[0]

    @property
    def owner(self) -> np.ndarray:
        """(P,) the triangles that they lie on."""
        return self._sampled[1]

    def winding(self, points: np.ndarray) -> np.ndarray:
        """(P,) how often the skin winds around each point: 1 inside, 0 outside, whatever its folds.

        The nearest triangles by their solid angles (Van Oosterom and Strackee 1983), the others as dipoles (Barill et al.
        2018, eq. 4), which at this distance are as good.
        """
        normals, centres = self.face_normals, self.corners.mean(1)
        result = np.empty(len(points))
        offset, squares = (normals * centres).sum(1), (centres**2).sum(1)
        for start in range(0, len(points), 512):
            part = points[start : start + 512]
            distance = np.maximum(squares + (part**2).sum(1)[:, None] - 2 * part @ centres.T, 1e-12)
            dipoles = (offset - part @ normals.T) / (distance * np.sqrt(distance))
            near = np.argpartition(distance, min(EXACT_ANGLES, len(centres) - 1), 1)[:, :EXACT_ANGLES]
            np.put_along_axis(dipoles, near, 0, 1)
            a, b, c = (self.corners[near][:, :, k] - part[:, None] for k in range(3))
            la, lb, lc = (np.linalg.norm(v, axis=-1) for v in (a, b, c))
            triple = (a * np.cross(b, c)).sum(-1)
            flat = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
            result[start : start + 512] = (dipoles.sum(1) + 2 * np.arctan2(triple, flat).sum(1)) / (4 * np.pi)
        return result

    def true_depth(self, points: np.ndarray) -> np.ndarray:
        """(P,) as `depth`, with the sign of what seems outside checked by the winding number.

        Near folds (lips, crotch) the nearest skin may face away from a point that is well inside.
        """
        depth = self.depth(points)
        outside = np.flatnonzero(depth < 0)
        misread = outside[self.winding(points[outside]) > 0.5]
        depth[misread] *= -1
        return depth

    def depth(self, points: np.ndarray) -> np.ndarray:
        """(P,) metres below the skin, negative outside."""
        return self.closest(points)[0]

    def shallow(self, points: np.ndarray, reach: float) -> np.ndarray:
        """Ids of the points that may lie within `reach` below the skin, or outside."""
        distance, sample = self.tree.query(points)
        triangle = self.owner[sample]
        outside = ((points - self.corners[triangle, 0]) * self.face_normals[triangle]).sum(1) > 0
        return np.flatnonzero(outside | (distance < reach + SAMPLING))

    def closest(self, points: np.ndarray, near: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Depths (P,) and outward unit directions (P, 3) of the nearest skin.

        The sign comes from the normal interpolated at the nearest point, which is safe on a smooth skin.

        near: (P, K) the triangles that may be nearest; found when None
        """
        if near is None:
            near = self.owner[self.tree.query(points, NEIGHBOURS)[1]]
        foot, weights = _closest_on_triangles(points[:, None], self.corners[near])
        distance = np.linalg.norm(points[:, None] - foot, axis=2)
        best = distance.argmin(1)
        row = np.arange(len(points))
        normal = (self.vertex_normals[self.faces[near[row, best]]] * weights[row, best][..., None]).sum(1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        sign = np.sign(((foot[row, best] - points) * normal).sum(1))
        return sign * distance[row, best], normal

    def span(self, point: np.ndarray, axis: int) -> tuple[float, float]:
        """Where the line through `point` along a coordinate axis leaves the skin below and above the point."""
        others = [k for k in range(3) if k != axis]
        a, b, c = (self.corners[:, k][:, others] - point[others] for k in range(3))
        areas = np.stack([_cross2(b, c), _cross2(c, a), _cross2(a, b)], 1)
        hit = (areas >= 0).all(1) | (areas <= 0).all(1)
        hit &= np.abs(areas.sum(1)) > 1e-15
        weights = areas[hit] / areas[hit].sum(1, keepdims=True)
        at = (weights * self.corners[hit][:, :, axis]).sum(1)
        low, high = at[at < point[axis]], at[at > point[axis]]
        return low.max(initial=-np.inf), high.min(initial=np.inf)

    def section(self, point: np.ndarray, axis: int | np.ndarray, reach: float = np.inf) -> np.ndarray:
        """(P, 3) points of the cut through `point` across a coordinate axis or a direction (3,), within `reach` of it."""
        height = (self.corners - point) @ (np.eye(3)[axis] if isinstance(axis, int) else axis)
        points = []
        for i, k in ((0, 1), (1, 2), (2, 0)):
            crosses = (height[:, i] < 0) != (height[:, k] < 0)
            share = height[crosses, i] / (height[crosses, i] - height[crosses, k])
            points.append(
                self.corners[crosses, i] + share[:, None] * (self.corners[crosses, k] - self.corners[crosses, i])
            )
        cut = np.concatenate(points)
        return cut[np.linalg.norm(cut - point, axis=1) < reach]


def _samples(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points on triangles (F, 3, 3) and the triangles they lie on: middles of equal parts no larger than `SAMPLING`."""
    size = np.linalg.norm(corners - corners.mean(1)[:, None], axis=2).max(1)
    parts = np.maximum(np.ceil(size / SAMPLING), 1).astype(int)
    points, owners = [], []
    for n in np.unique(parts):
        ids = np.flatnonzero(parts == n)
        weights = [
            np.array([i + share, k + share, n - i - k - 2 * share]) / n
            for share, count in ((1 / 3, n), (2 / 3, n - 1))  # the parts that point up, those that point down
            for i in range(count)
            for k in range(count - i)
        ]
        points.append(np.einsum("wk,fkc->fwc", weights, corners[ids]).reshape(-1, 3))
        owners.append(np.repeat(ids, len(weights)))
    return np.concatenate(points), np.concatenate(owners)


def _cross2(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _closest_on_triangles(points: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest points (..., 3) on triangles (..., 3, 3), and their barycentric weights (..., 3)."""
    a, b, c = np.moveaxis(corners, -2, 0)
    candidates = [_plane_weights(points, a, b, c)]
    inside = (candidates[0] >= 0).all(-1)
    for i, k in ((0, 1), (1, 2), (2, 0)):
        start, along = corners[..., i, :], corners[..., k, :] - corners[..., i, :]
        share = ((points - start) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-30)
        share = np.clip(share, 0, 1)
        weights = np.zeros_like(candidates[0])
        weights[..., i], weights[..., k] = 1 - share, share
        candidates.append(weights)
    feet = [(w[..., None] * corners).sum(-2) for w in candidates]
    distance = [((points - foot) ** 2).sum(-1) for foot in feet]
    distance[0] = np.where(inside, distance[0], np.inf)
    best = np.argmin(distance, 0)[..., None]
    foot = np.take_along_axis(np.stack(feet, -2), best[..., None], -2)[..., 0, :]
    weights = np.take_along_axis(np.stack(candidates, -2), best[..., None], -2)[..., 0, :]
    return foot, weights


def _plane_weights(points: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Barycentric weights of the projections of points onto the triangles' planes."""
    u, v, w = b - a, c - a, points - a
    uu, uv, vv, wu, wv = ((p * q).sum(-1) for p, q in ((u, u), (u, v), (v, v), (w, u), (w, v)))
    area = np.maximum(uu * vv - uv**2, 1e-30)
    second, third = (vv * wu - uv * wv) / area, (uu * wv - uv * wu) / area
    return np.stack([1 - second - third, second, third], -1)
