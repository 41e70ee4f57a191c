"""Reads OpenSim's bone geometry (VTK XML PolyData, ascii) and splits it into connected pieces."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

# Vertices closer than this are one: the files repeat vertices along seams.
MERGE_DISTANCE = 1e-5


def read_vtp(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) in metres and triangles (F, 3) of a .vtp file; seams merged, polygons cut into fans."""
    root = ElementTree.parse(path).getroot()
    (points_array,) = root.findall("PolyData/Piece/Points/DataArray")
    points = _numbers(points_array, float).reshape(-1, 3)
    polygons = {array.get("Name"): _numbers(array, int) for array in root.findall("PolyData/Piece/Polys/DataArray")}
    ends = polygons["offsets"]
    starts = np.concatenate([[0], ends[:-1]])
    corners = polygons["connectivity"]
    triangles = [
        (corners[start], corners[k], corners[k + 1])
        for start, end in zip(starts, ends, strict=True)
        for k in range(start + 1, end - 1)
    ]
    return merge(points, np.array(triangles))


def _numbers(array: ElementTree.Element, kind: type) -> np.ndarray:
    return np.array((array.text or "").split(), kind)


def merge(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merges vertices that lie together, drops triangles that collapse and vertices that no triangle uses."""
    pairs = cKDTree(points).query_pairs(MERGE_DISTANCE, output_type="ndarray")
    graph = scipy.sparse.coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(points),) * 2)
    _, label = connected_components(graph, directed=False)
    first = np.unique(label, return_index=True)[1]
    triangles = label[triangles]
    distinct = (triangles != np.roll(triangles, 1, axis=1)).all(1)
    triangles = triangles[distinct]
    _, unique = np.unique(np.sort(triangles, 1), axis=0, return_index=True)
    return compact(points[first], triangles[np.sort(unique)])


def compact(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Only the vertices that the triangles use."""
    used, flat = np.unique(triangles, return_inverse=True)
    return points[used], flat.reshape(triangles.shape)


def pieces(points: np.ndarray, triangles: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The connected pieces of a mesh, largest first."""
    edges = np.vstack([triangles[:, :2], triangles[:, 1:]])
    graph = scipy.sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(len(points),) * 2)
    count, label = connected_components(graph, directed=False)
    parts = [compact(points, triangles[label[triangles[:, 0]] == k]) for k in range(count)]
    return sorted(parts, key=lambda part: -len(part[0]))
