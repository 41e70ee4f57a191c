"""Meshes of the scene as core's surfaces: as they are shown, in the world, over time."""

import time
from collections.abc import Callable, Generator, Sequence

import bpy
import numpy as np

from ..core.errors import InputError
from .axes import from_blender

EVERY = 0.2  # seconds between looks at whether to go on

# Modifiers that make a body move, without which it would be another one.
_MOVING = {"ARMATURE", "LATTICE", "MESH_CACHE", "MESH_DEFORM", "MESH_SEQUENCE_CACHE", "SURFACE_DEFORM"}
# Modifiers that add or remove vertices.
_REBUILDING = {"ARRAY", "BEVEL", "BOOLEAN", "BUILD", "DECIMATE", "EDGE_SPLIT",
               "MASK", "MESH_SEQUENCE_CACHE", "MIRROR", "MULTIRES", "NODES", "REMESH",
               "SCREW", "SKIN", "SOLIDIFY", "SUBSURF", "WELD", "WIREFRAME"}  # fmt: skip


def metres(scene: bpy.types.Scene) -> float:
    """How many metres a unit of the scene is."""
    units = scene.unit_settings
    return 1.0 if units.system == "NONE" else units.scale_length


def scale_to_metres(obj: bpy.types.Object, scene: bpy.types.Scene) -> None:
    """Scales an object that is built in metres, such that it measures them in a scene."""
    obj.scale = (1 / metres(scene),) * 3


def surfaces(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    frames: Sequence[int],
    recognise: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Generator[float, None, np.ndarray]:
    """Some vertices of a mesh object, with all that shapes it, on F frames of the scene.

    Yields the share of frames that are read, a few times a second. The scene goes through the frames one by one, as
    simulations want it, and is on the frame where it was when this returns or is closed. It does not leave it when that is
    the only one asked for, so that what has no keys counts too.

    Parameters
    ----------
    frames: rising
    recognise: which vertices (N,), of the mesh's points (V, 3) in metres and core's axes and its triangles (T, 3); asked
        once, on the first frame on which all points are finite

    Returns
    -------
    (F, N, 3) float32 metres in core's axes; not finite on frames before the first that is

    Raises
    ------
    InputError
        When the object or what moves it is disabled in the viewport, no frame is finite, or the mesh has another number of
        vertices on one of the frames.
    """
    scene = context.scene
    now, between = scene.frame_current, scene.frame_subframe
    unit = metres(scene)
    stays = list(frames) == [now]
    _check_shown(obj)
    found = vertices = None
    since = time.monotonic()
    try:
        for i, frame in enumerate(frames):
            if time.monotonic() - since > EVERY:
                yield i / len(frames)
                since = time.monotonic()
            if not stays:
                scene.frame_set(frame)
            evaluated = obj.evaluated_get(context.evaluated_depsgraph_get())
            if not evaluated.is_evaluated:
                raise InputError(
                    f"{obj.name} is disabled in the viewport, where nothing moves it: enable it in the Outliner."
                )
            points = _points(evaluated, unit)
            if vertices is None:
                if not np.isfinite(points).all():
                    continue
                vertices, count = recognise(points, _triangles(evaluated)), len(points)
                found = np.full((len(frames), len(vertices), 3), np.nan, np.float32)
            if len(points) != count:
                raise InputError(
                    f"{obj.name} has {len(points):,} vertices on frame {frame} instead of {count:,}: "
                    "choose a range of frames in which they stay the same."
                )
            found[i] = points[vertices]
    finally:
        if not stays:
            scene.frame_set(now, subframe=between)
    if found is None:
        raise InputError(
            f"{obj.name} has vertices that are not finite on every frame of the range: look at what moves them."
        )
    return found


def rebuilding(obj: bpy.types.Object) -> str:
    """The names of the modifiers that add vertices to a mesh object or remove some."""
    return ", ".join(m.name for m in obj.modifiers if m.show_viewport and m.type in _REBUILDING)


def _check_shown(obj: bpy.types.Object) -> None:
    off = ", ".join(m.name for m in obj.modifiers if m.type in _MOVING and not m.show_viewport)
    if off:
        raise InputError(
            f"{obj.name} is not moved by its modifier {off}, off in the viewport: turn it on or remove it."
        )


def _triangles(evaluated: bpy.types.Object) -> np.ndarray:
    """(T, 3) the faces of an evaluated object, triangulated."""
    mesh = evaluated.data
    mesh.calc_loop_triangles()
    triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    return triangles.reshape(-1, 3).astype(np.int64)


def _points(evaluated: bpy.types.Object, unit: float) -> np.ndarray:
    """(V, 3) the vertices of an evaluated object in metres and core's axes; float64, since it may be far away."""
    vertices = evaluated.data.vertices
    points = np.empty(3 * len(vertices), np.float32)
    vertices.foreach_get("co", points)
    world = np.array(evaluated.matrix_world)
    return from_blender(points.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]) * unit
