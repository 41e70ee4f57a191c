"""Meshes of the scene as core's surfaces: as they are shown, in the world, over time."""

from collections.abc import Callable, Sequence

import bpy
import numpy as np

from ..core.errors import InputError
from .axes import from_blender


def metres(scene: bpy.types.Scene) -> float:
    """How many metres a unit of the scene is."""
    units = scene.unit_settings
    return 1.0 if units.system == "NONE" else units.scale_length


def surface(context: bpy.types.Context, obj: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """A mesh object with all that shapes it, on the current frame.

    Returns
    -------
    points: (V, 3) metres in core's axes
    triangles: (T, 3) its faces, triangulated
    """
    evaluated = obj.evaluated_get(context.evaluated_depsgraph_get())
    mesh = evaluated.data
    mesh.calc_loop_triangles()
    triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    return _points(evaluated, metres(context.scene)), triangles.reshape(-1, 3).astype(np.int64)


def surfaces(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    frames: Sequence[int],
    vertices: np.ndarray,
    progress: Callable[[float], None] = lambda fraction: None,
) -> np.ndarray:
    """Some vertices (N,) of a mesh object on F frames of the scene: (F, N, 3) float32 metres in core's axes.

    The scene is on the frame where it was when this returns.

    Raises
    ------
    InputError
        When the mesh has another number of vertices on one of the frames than on the current one.
    """
    scene = context.scene
    now, between = scene.frame_current, scene.frame_subframe
    unit = metres(scene)
    found = np.empty((len(frames), len(vertices), 3), np.float32)
    count = len(obj.evaluated_get(context.evaluated_depsgraph_get()).data.vertices)
    try:
        for i, frame in enumerate(frames):
            progress(i / len(frames))
            scene.frame_set(frame)
            points = _points(obj.evaluated_get(context.evaluated_depsgraph_get()), unit)
            if len(points) != count:
                raise InputError(
                    f"{obj.name} has {len(points):,} vertices on frame {frame} instead of {count:,}: "
                    "choose a range of frames in which they stay the same."
                )
            found[i] = points[vertices]
    finally:
        scene.frame_set(now, subframe=between)
    return found


def _points(evaluated: bpy.types.Object, unit: float) -> np.ndarray:
    """(V, 3) the vertices of an evaluated object in metres and core's axes; float64, since it may be far away."""
    vertices = evaluated.data.vertices
    points = np.empty(3 * len(vertices), np.float32)
    vertices.foreach_get("co", points)
    world = np.array(evaluated.matrix_world)
    return from_blender(points.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]) * unit
