"""Whose vertices a mesh has: a body's skin is recognised by how its triangles hang together, in whatever order they are.

Programs that export meshes order vertices anew, split them where a texture has its seams, or join other things to them. A
surface is mapped onto another that is connected alike by one pair of edges: whoever walks from there over both, always to
the next edge of the triangle or across it, sees the same. Left and right are told apart by which way round triangles go.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from ..errors import InputError

_ROUNDS = 24  # how many edges far a vertex' signature sees
_STARTS = 64  # pairs of edges to try; a body needs one or two
_SAME_PLACE = 1e-5  # of the mesh's size, within which vertices along open edges are one
_KNOWN_EDGES = 1 / 3  # of a vertex' edges, when quads were made of triangles or their diagonals turned


def match_topology(
    points: np.ndarray,
    triangles: np.ndarray,
    template: np.ndarray,
    faces: np.ndarray,
    name: str = "The mesh",
    body: str = "the body",
) -> np.ndarray:
    """Finds the vertices of a body's skin in a mesh.

    The mesh may have them in another order, split along seams, beside other loose parts, or, if they are all there are and
    in the body's order, with quads or turned diagonals instead of its triangles.

    Parameters
    ----------
    points: (V, 3) the mesh's vertices, in any pose
    triangles: (T, 3) its faces, triangulated
    template: (N, 3) the body's skin
    faces: (F, 3) its triangles
    name, body: what to call the mesh and the body in messages

    Returns
    -------
    (N,) for each vertex of the body the mesh's

    Raises
    ------
    InputError
        When the mesh is not of the body's topology, or not finite; the error says how it differs.
    """
    if not np.isfinite(points).all():
        raise InputError(f"{name} has vertices that are not finite: look at what moves them.")
    n, outward = len(template), _volume(template, faces) > 0
    in_order = len(points) == n and (_volume(points, faces) > 0) == outward
    if in_order and len(triangles) == len(faces) and np.array_equal(_edges(triangles, n), _edges(faces, n)):
        return np.arange(n)
    wanted = _half_edges(faces)
    for welded in (triangles, _welded(points, triangles)):
        parts = _parts(welded)
        for part in parts:
            if len(part) != len(faces) or len(np.unique(part)) != n:
                continue
            facing = part if (_volume(points, part) > 0) == outward else part[:, ::-1]
            found = _mapped(wanted, _half_edges(facing))
            if found is not None:
                return found
            if _mapped(wanted, _half_edges(facing[:, ::-1])) is not None:
                raise InputError(f"{name} is the skin of {body} mirrored: undo what turns its left into its right.")
    if in_order and _has_most_edges(triangles, faces, n):
        return np.arange(n)
    raise InputError(f"{name} is not the skin of {body}: {_difference(parts, n, len(faces))}")


def part_sizes(points: np.ndarray, triangles: np.ndarray) -> list[int]:
    """How many vertices each loose part of a mesh has, the largest first; split vertices count once."""
    return sorted((len(np.unique(part)) for part in _parts(_welded(points, triangles))), reverse=True)


def _difference(parts: list[np.ndarray], n: int, n_faces: int) -> str:
    advice = "take the mesh as the model has it, without modifiers that add or remove vertices."
    largest = max(parts, key=len, default=np.empty((0, 3), int))
    found = len(np.unique(largest)), len(largest)
    if found == (n, n_faces):
        return f"its {n:,} vertices are connected otherwise; {advice}"
    return f"its largest part has {found[0]:,} vertices and {found[1]:,} triangles instead of {n:,} and {n_faces:,}; {advice}"


def _volume(points: np.ndarray, triangles: np.ndarray) -> float:
    """Of what the triangles enclose; negative when they face inward."""
    a, b, c = np.moveaxis((points - points.mean(0))[triangles], 1, 0)
    return float(np.einsum("ij,ij", a, np.cross(b, c))) / 6


def _edges(triangles: np.ndarray, n: int) -> np.ndarray:
    """The edges of triangles, a number each, sorted."""
    ends = np.sort(np.stack([triangles, np.roll(triangles, -1, 1)], 2).reshape(-1, 2), 1)
    return np.unique(ends @ (n, 1))


def _has_most_edges(triangles: np.ndarray, faces: np.ndarray, n: int) -> bool:
    """Whether at every vertex some of the edges are the body's, as when the vertices are those of the body in order."""
    edges = _edges(triangles, n)
    known = edges[np.isin(edges, _edges(faces, n))]
    have, wanted = (np.bincount(np.concatenate(np.divmod(some, n)), minlength=n) for some in (known, edges))
    return bool((have > 0).all() and (have >= _KNOWN_EDGES * wanted).all())


def _parts(triangles: np.ndarray) -> list[np.ndarray]:
    """The triangles (T, 3) of each loose part."""
    size = triangles.max(initial=-1) + 1
    a, b = triangles[:, :2].ravel(), triangles[:, 1:].ravel()
    label = connected_components(coo_matrix((np.ones(len(a), bool), (a, b)), shape=(size, size)), directed=False)[1]
    of = label[triangles[:, 0]]
    order = np.argsort(of, kind="stable")
    return np.split(triangles[order], np.flatnonzero(np.diff(of[order])) + 1)


def _welded(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The triangles with one vertex instead of several in a place. Only those along open edges, where lips that touch have
    none; triangles that become lines are left out.
    """
    ends = np.stack([triangles, np.roll(triangles, -1, 1)], 2).reshape(-1, 2)
    codes = ends @ (len(points), 1)
    open_ends = np.unique(ends[~np.isin(codes, ends @ (1, len(points)))])
    first = np.arange(len(points))
    if len(open_ends):
        pairs = KDTree(points[open_ends]).query_pairs(_SAME_PLACE * np.ptp(points, axis=0).max(), output_type="ndarray")
        near = coo_matrix((np.ones(len(pairs), bool), pairs.T), shape=(len(open_ends),) * 2)
        label = connected_components(near, directed=False)[1]
        first[open_ends] = open_ends[np.unique(label, return_index=True)[1]][label]
    welded = first[triangles]
    return welded[(welded != np.roll(welded, 1, 1)).all(1)]


class _HalfEdges(NamedTuple):
    """The edges of triangles, each once for the triangle on its left; H of them."""

    start: np.ndarray  # (H,) the vertex where it begins
    end: np.ndarray  # (H,)
    next: np.ndarray  # (H,) the next one of the same triangle
    twin: np.ndarray  # (H,) the same edge seen from the other triangle; itself where there is none
    signature: np.ndarray  # (H,) what can be said of it without knowing the order of vertices


def _half_edges(triangles: np.ndarray) -> _HalfEdges:
    start, end = triangles.ravel(), np.roll(triangles, -1, 1).ravel()
    here = np.arange(len(start))
    following = np.roll(here.reshape(-1, 3), -1, 1).ravel()
    size = start.max() + 1
    order = np.argsort(start * size + end)
    place = np.searchsorted(start * size + end, end * size + start, sorter=order)
    twin = order[np.minimum(place, len(order) - 1)]
    twin = np.where((start[twin] == end) & (end[twin] == start), twin, here)
    # Weisfeiler and Lehman: a vertex is known by its degree, then by what its neighbours are known by, and so on.
    of_vertex = np.bincount(start, minlength=size).astype(np.uint64)
    by_start = np.argsort(start, kind="stable")
    starts, first = np.unique(start[by_start], return_index=True)
    for _ in range(_ROUNDS):
        of_vertex[starts] = _mixed(of_vertex[starts]) + np.add.reduceat(_mixed(of_vertex)[end[by_start]], first) * 3
    signature = _mixed(of_vertex[start]) + _mixed(_mixed(of_vertex[end]))
    return _HalfEdges(start, end, following, twin, signature)


def _mixed(values: np.ndarray) -> np.ndarray:
    """Numbers that look random and are the same for the same (64 bits, splitmix)."""
    x = values + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _mapped(body: _HalfEdges, mesh: _HalfEdges) -> np.ndarray | None:
    """(N,) for each vertex of a body the mesh's, None when they are not connected alike."""
    if not np.array_equal(np.sort(body.signature), np.sort(mesh.signature)):
        return None
    kinds, first, count = np.unique(body.signature, return_index=True, return_counts=True)
    rarest = count.argmin()
    for start in np.flatnonzero(mesh.signature == kinds[rarest])[:_STARTS]:
        image = _walked(body, mesh, int(first[rarest]), int(start))
        if image is not None:
            found = np.empty(body.start.max() + 1, int)
            found[body.start] = mesh.start[image]
            return found
    return None


def _walked(body: _HalfEdges, mesh: _HalfEdges, here: int, there: int) -> np.ndarray | None:
    """(H,) for each half-edge of a body the mesh's, when `here` is `there`; None when that does not fit."""
    image = np.full(len(body.start), -1)
    image[here] = there
    ahead = np.array([here])
    while len(ahead):
        reached = []
        for step, same in ((body.next, mesh.next), (body.twin, mesh.twin)):
            new = step[ahead]
            fresh = image[new] < 0
            image[new[fresh]] = same[image[ahead[fresh]]]
            reached.append(new[fresh])
        ahead = np.unique(np.concatenate(reached))
    fits = (image >= 0).all() and len(np.unique(image)) == len(image)
    fits = fits and np.array_equal(image[body.next], mesh.next[image])
    fits = fits and np.array_equal(image[body.twin], mesh.twin[image])
    # Each vertex of the one is one vertex of the other.
    pairs = np.unique(np.stack([body.start, mesh.start[image]], 1), axis=0) if fits else np.empty((0, 2))
    return image if len(pairs) == len(np.unique(body.start)) == len(np.unique(mesh.start)) else None
