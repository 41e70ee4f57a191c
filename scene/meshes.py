"""Skin and bones as mesh objects that an armature deforms."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import bpy
import numpy as np

from .axes import to_blender

if TYPE_CHECKING:
    import scipy.sparse

# Vertex groups of single bones stand beside those of the joints, whose names deform; the prefix keeps them apart.
PART_PREFIX = "bone:"
PART_ATTRIBUTE = "bone"


def build_mesh(name: str, vertices: np.ndarray, faces: np.ndarray) -> bpy.types.Mesh:
    """A smooth-shaded mesh. vertices (V, 3) in core's axes, faces (F, 3)."""
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", to_blender(vertices).astype(np.float32).ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.astype(np.int32).ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
    mesh.update(calc_edges=True)
    mesh.validate()
    return mesh


def add_weights(obj: bpy.types.Object, weights: "scipy.sparse.csr_matrix", names: Sequence[str]) -> None:
    """A vertex group for each column of `weights` (V, groups); vertices of equal weight are assigned in one call."""
    columns = weights.tocsc()
    for i, name in enumerate(names):
        group = obj.vertex_groups.new(name=name)
        span = slice(columns.indptr[i], columns.indptr[i + 1])
        vertices, values = columns.indices[span], columns.data[span]
        order = np.argsort(values, kind="stable")
        starts = np.flatnonzero(np.diff(values[order], prepend=np.nan) != 0)
        for start, stop in pairwise([*starts, len(order)]):
            group.add(vertices[order[start:stop]].tolist(), float(values[order[start]]), "REPLACE")


def add_parts(obj: bpy.types.Object, parts: np.ndarray, names: Sequence[str]) -> None:
    """Marks the single bones: an integer attribute for shaders and nodes, a vertex group each for selecting."""
    attribute = obj.data.attributes.new(PART_ATTRIBUTE, "INT", "POINT")
    attribute.data.foreach_set("value", parts.astype(np.int32))
    for i, name in enumerate(names):
        members = np.flatnonzero(parts == i)
        if len(members):
            obj.vertex_groups.new(name=PART_PREFIX + name).add(members.tolist(), 1.0, "REPLACE")


def bind(obj: bpy.types.Object, armature: bpy.types.Object, rigid: bool = False) -> None:
    """Parents a mesh to an armature that deforms it as the model does: by plain linear blending.

    rigid: by dual quaternions instead, as `core/bodies/followers.py` moves single bones between two joints
    """
    obj.parent = armature
    modifier = obj.modifiers.new("Skeleton", "ARMATURE")
    modifier.object = armature
    modifier.use_deform_preserve_volume = rigid
