"""Lighter bones: each decimated by itself, so that small ones keep their form."""

import bpy
import numpy as np

from .axes import from_blender
from .meshes import build_mesh

RATIO = 0.25  # of the triangles that stay
FEWEST = 100  # triangles that every bone keeps, if it has them


def lighter(
    context: bpy.types.Context, vertices: np.ndarray, faces: np.ndarray, parts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """About a quarter of a mesh of single bones, by Blender's decimation; a bone that it would open stays as it is.

    Parameters
    ----------
    vertices, faces: (V, 3), (F, 3)
    parts: (V,) the single bone of each vertex

    Returns
    -------
    vertices, faces: of the lighter mesh (W, 3), (G, 3)
    nearest: (W,) the old vertex of the same bone that is nearest to each new one
    """
    from scipy.spatial import KDTree

    of_part = parts[faces[:, 0]]
    pieces = [np.unique(faces[of_part == part], return_inverse=True) for part in np.unique(of_part)]
    whole = [(vertices[ids], corners.reshape(-1, 3)) for ids, corners in pieces]
    new_vertices, new_faces, nearest = [], [], []
    start = 0
    for (ids, _), old, new in zip(pieces, whole, _decimated(context, whole), strict=True):
        points, triangles = new if loose_edges(new[1]) <= loose_edges(old[1]) else old
        new_vertices.append(points)
        new_faces.append(triangles + start)
        nearest.append(ids[KDTree(old[0]).query(points)[1]])
        start += len(points)
    return np.concatenate(new_vertices), np.concatenate(new_faces), np.concatenate(nearest)


def _decimated(
    context: bpy.types.Context, meshes: list[tuple[np.ndarray, np.ndarray]]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Vertices and triangles of each mesh after Blender's decimation; all are evaluated at once."""
    collection = bpy.data.collections.new("Osteon Decimation")
    made: list[bpy.types.ID] = [collection]
    try:
        objects = []
        for vertices, faces in meshes:
            mesh = build_mesh("Osteon Decimation", vertices, faces)
            made.append(mesh)
            obj = bpy.data.objects.new("Osteon Decimation", mesh)
            made.append(obj)
            decimation = obj.modifiers.new("Decimation", "DECIMATE")
            decimation.ratio = min(1.0, max(RATIO, FEWEST / len(faces)))
            decimation.use_collapse_triangulate = True
            collection.objects.link(obj)
            objects.append(obj)
        context.scene.collection.children.link(collection)
        depsgraph = context.evaluated_depsgraph_get()
        return [_arrays(obj.evaluated_get(depsgraph).data) for obj in objects]
    finally:
        bpy.data.batch_remove(made)


def _arrays(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray]:
    vertices = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", vertices)
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    return from_blender(vertices.reshape(-1, 3)), corners.reshape(-1, 3)


def loose_edges(faces: np.ndarray) -> int:
    """How many edges have not two triangles."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return int((np.unique(edges, axis=0, return_counts=True)[1] != 2).sum())
