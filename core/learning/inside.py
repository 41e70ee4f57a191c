"""Signed distance of points to a closed skin: how deep inside they lie."""

from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

NEIGHBOURS = 6
NEAR_CENTRES = 8
# How many times a triangle's size, the root of its area, or its longest reach a point must be from it to see it as a dipole.
CLOSE, BESIDE = 3.0, 1.5
SAMPLING = 0.007  # metres; every point of the skin is that near to a sample of it


class Skin:
    """A closed triangle mesh that can be asked for depths, and for cuts and rays."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        self.vertices, self.faces = vertices, faces
        self.corners = vertices[faces]
        x, y, z = ((plane[1] - plane[0], plane[2] - plane[0]) for plane in self.corners.transpose(2, 1, 0))
        self.face_normals = np.empty((len(faces), 3))  # as long as the triangles are large
        normals = np.empty((len(vertices), 3))
        for k, (one, other) in enumerate(((y, z), (z, x), (x, y))):
            plane = (one[0] * other[1] - other[0] * one[1]) / 2
            self.face_normals[:, k] = plane
            normals[:, k] = np.bincount(faces.ravel(), np.repeat(plane, 3), len(vertices))
        self.vertex_normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)

    @cached_property
    def _sampled(self) -> tuple[cKDTree, np.ndarray]:
        samples, owner = _samples(self.corners)
        return quick_tree(samples), owner

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

        Triangles that are close by their solid angles (Van Oosterom and Strackee 1983), the others as dipoles (Barill et al.
        2018, eq. 4), which at this distance change the sum by hundredths at most.
        """
        angles = np.zeros(len(points))
        if not len(points):
            return angles
        # About the points' middle, where single precision will do for what is far.
        middle = points.mean(0)
        local = (points - middle).astype(np.float32)
        centres = (self._centres - middle).astype(np.float32)
        normals = self.face_normals.astype(np.float32)
        one = np.ones(len(points), np.float32)
        to_distance = np.column_stack([-2 * centres, _dot(centres, centres), np.ones(len(centres), np.float32)]).T
        to_height = np.column_stack([-normals, _dot(normals, centres)]).T
        arms = self.corners - self._centres[:, None]
        reach = np.maximum(CLOSE**2 * np.sqrt(_dot(normals, normals)), BESIDE**2 * _dot(arms, arms).max(1))
        # Squared distances are no exacter than this.
        reach += 4 * np.finfo(np.float32).eps * max(_dot(local, local).max(), _dot(centres, centres).max())
        of_distance, of_height = np.column_stack([local, one, _dot(local, local)]), np.column_stack([local, one])
        for start in range(0, len(points), 32):  # as many as the processor's cache holds
            some = slice(start, start + 32)
            squared = of_distance[some] @ to_distance
            point, triangle = np.divmod(np.flatnonzero(squared < reach), len(reach))
            dipoles = of_height[some] @ to_height
            np.maximum(squared, 1e-12, out=squared)
            dipoles /= squared
            dipoles /= np.sqrt(squared, out=squared)
            dipoles[point, triangle] = 0
            exact = _solid_angles(self.corners[triangle] - points[start + point, None])
            angles[some] = dipoles.sum(1, dtype=float) + np.bincount(point, exact, len(dipoles))
        return angles / (4 * np.pi)

    def near(self, points: np.ndarray) -> np.ndarray:
        """(P, 8) the triangles with the nearest middles: for `closest`, sooner found, but a large triangle may be missed."""
        return self._centre_tree.query(points, NEAR_CENTRES)[1]

    @cached_property
    def _centres(self) -> np.ndarray:
        a, b, c = self.corners.swapaxes(0, 1)
        return (a + b + c) / 3

    @cached_property
    def _centre_tree(self) -> cKDTree:
        return quick_tree(self._centres)

    def true_depth(self, points: np.ndarray) -> np.ndarray:
        """(P,) as `depth`, with the sign of what seems outside checked by the winding number.

        Near folds (lips, crotch) the nearest skin may face away from a point that is well inside.
        """
        depth = self.depth(points)
        outside = np.flatnonzero(depth < 0)
        depth[outside[self.inside(points[outside], -depth[outside])]] *= -1
        return depth

    def inside(self, points: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """(P,) whether the skin winds around each point, which is `distance` (P,) from it.

        No skin passes through the ball around a point that reaches to the nearest skin, so that the skin winds as often
        around all points in it, and one of them need be asked.
        """
        order = np.argsort(-distance, kind="stable")
        places, reach = points[order], distance[order]
        asked: list[int] = []
        answered_by = np.full(len(order), -1)
        for k in range(len(order)):
            if answered_by[k] < 0:
                within = (np.linalg.norm(places - places[k], axis=1) < reach[k]) & (answered_by < 0)
                answered_by[within] = len(asked)
                answered_by[k] = len(asked)
                asked.append(k)
        found = np.empty(len(order), bool)
        found[order] = (self.winding(places[asked]) > 0.5)[answered_by]
        return found

    def depth(self, points: np.ndarray) -> np.ndarray:
        """(P,) metres below the skin, negative outside."""
        return self.closest(points)[0]

    def shallow(self, points: np.ndarray, reach: float | np.ndarray, farthest: float = np.inf) -> np.ndarray:
        """Ids of the points (P, 3) that may lie within `reach` below the skin, or outside.

        reach: metres, of all or of each (P,)
        farthest: metres outside beyond which there is no point; the nearer, the sooner it is found out
        """
        reach = np.broadcast_to(reach, len(points))
        distance, sample = self.tree.query(points, distance_upper_bound=max(reach.max(initial=0), farthest) + SAMPLING)
        found = np.flatnonzero(np.isfinite(distance))
        triangle = self.owner[sample[found]]
        outside = _dot(points[found] - self.corners[triangle, 0], self.face_normals[triangle]) > 0
        return found[outside | (distance[found] < reach[found] + SAMPLING)]

    def closest(self, points: np.ndarray, near: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Depths (P,) and outward unit directions (P, 3) of the nearest skin.

        The sign comes from the normal interpolated at the nearest point, which is safe on a smooth skin.

        near: (P, K) the triangles that may be nearest; found when None
        """
        if near is None:
            near = self.owner[self.tree.query(points, NEIGHBOURS)[1]]
        squared, second, third = _nearest_on_triangles(points, near, *self._edges)
        best = squared.argmin(1)
        row = np.arange(len(points))
        triangle, second, third = near[row, best], second[row, best], third[row, best]
        weights = np.stack([1 - second - third, second, third], 1)
        foot = np.einsum("pk,pkc->pc", weights, self.corners[triangle])
        normal = np.einsum("pk,pkc->pc", weights, self.vertex_normals[self.faces[triangle]])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        away = foot - points
        return np.sign(_dot(away, normal)) * np.sqrt(_dot(away, away)), normal

    @cached_property
    def _edges(self) -> tuple[np.ndarray, ...]:
        """First corners and both edges from it (F, 3), and the edges' products (F,): first, mixed, second."""
        start = np.ascontiguousarray(self.corners[:, 0])
        one, other = self.corners[:, 1] - start, self.corners[:, 2] - start
        return start, one, other, _dot(one, one), _dot(one, other), _dot(other, other)

    def span(self, point: np.ndarray, axis: int) -> tuple[float, float]:
        """Where the line through `point` along a coordinate axis leaves the skin below and above the point."""
        others = [k for k in range(3) if k != axis]
        a, b, c = (self.corners[:, k][:, others] - point[others] for k in range(3))
        first, second, third = areas = _cross2(b, c), _cross2(c, a), _cross2(a, b)
        positive, negative = (
            turned(first, 0) & turned(second, 0) & turned(third, 0) for turned in (np.greater_equal, np.less_equal)
        )
        hit = np.flatnonzero(positive | negative)
        weights = np.stack([area[hit] for area in areas], 1)
        whole = weights.sum(1, keepdims=True)
        seen = np.abs(whole[:, 0]) > 1e-15  # not from its edge
        at = (weights[seen] / whole[seen] * self.corners[hit[seen], :, axis]).sum(1)
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


def quick_tree(points: np.ndarray) -> cKDTree:
    """A tree that is made twice as fast as others, and asked faster too when it is asked for what is near."""
    return cKDTree(points, balanced_tree=False, compact_nodes=False)


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
        of_planes = np.array(weights) @ corners[ids].transpose(1, 0, 2).reshape(3, -1)
        points.append(of_planes.reshape(-1, 3))
        owners.append(np.tile(ids, len(weights)))
    return np.concatenate(points), np.concatenate(owners)


def _solid_angles(corners: np.ndarray) -> np.ndarray:
    """(...) solid angles of triangles (..., 3, 3) seen from the origin."""
    a, b, c = (corners[..., k, :] for k in range(3))
    la, lb, lc = (np.sqrt(_dot(v, v)) for v in (a, b, c))
    flat = la * lb * lc + _dot(a, b) * lc + _dot(b, c) * la + _dot(c, a) * lb
    return 2 * np.arctan2(_dot(a, np.cross(b, c)), flat)


def _cross2(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(...) products of vectors (..., 3)."""
    return np.einsum("...c,...c->...", one, other)


def _nearest_on_triangles(
    points: np.ndarray, ids: np.ndarray, start: np.ndarray, one: np.ndarray, other: np.ndarray,
    one_one: np.ndarray, one_other: np.ndarray, other_other: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Squared distances (P, K) of points (P, 3) to triangles, and the weights of the nearest points' second and third corners.

    The nearest point lies on one of the three sides, or within, where the foot of the perpendicular does.

    ids: (P, K) which triangles; start, one, ...: as `Skin._edges`
    """
    way = points[:, None] - start[ids]
    p, q, r = _dot(way, way), _dot(way, one[ids]), _dot(way, other[ids])
    aa, ab, bb = one_one[ids], one_other[ids], other_other[ids]
    area = np.maximum(aa * bb - ab**2, 1e-30)
    v, w = (bb * q - ab * r) / area, (aa * r - ab * q) / area
    inside = (v >= 0) & (w >= 0) & (v + w <= 1)
    least = np.where(inside, p - 2 * (v * q + w * r) + v * v * aa + 2 * v * w * ab + w * w * bb, np.inf)
    nothing = np.zeros_like(q)
    opposite = np.clip((r - q - ab + aa) / np.maximum(aa + bb - 2 * ab, 1e-30), 0, 1)
    for v_side, w_side in (
        (np.clip(q / np.maximum(aa, 1e-30), 0, 1), nothing),
        (nothing, np.clip(r / np.maximum(bb, 1e-30), 0, 1)),
        (1 - opposite, opposite),
    ):
        squared = p - 2 * (v_side * q + w_side * r) + v_side**2 * aa + 2 * v_side * w_side * ab + w_side**2 * bb
        nearer = squared < least
        least = np.where(nearer, squared, least)
        v, w = np.where(nearer, v_side, v), np.where(nearer, w_side, w)
    return least, v, w
