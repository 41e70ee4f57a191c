"""Blender as it was, when something goes wrong half way."""

from collections.abc import Iterator
from contextlib import contextmanager

import bpy

_RENDER = (
    *("resolution_x", "resolution_y", "resolution_percentage", "pixel_aspect_x", "pixel_aspect_y"),
    *("fps", "fps_base"),
)


@contextmanager
def unchanged_on_error(context: bpy.types.Context) -> Iterator[None]:
    """Takes back what the block added and switched if it raises: data blocks, selection, mode, frames, camera, render size.

    Markers of the timeline are not among it.
    """
    scene, layer = context.scene, context.view_layer
    before = _data_blocks()
    active, selected, mode = layer.objects.active, list(context.selected_objects), _mode(context)
    frame, end, camera = scene.frame_current, scene.frame_end, scene.camera
    render = {name: getattr(scene.render, name) for name in _RENDER}
    try:
        yield
    except BaseException:
        if _mode(context) != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        bpy.data.batch_remove(_data_blocks() - before)
        for obj in layer.objects:
            obj.select_set(obj in selected)
        layer.objects.active = active
        scene.camera, scene.frame_end = camera, end
        for name, value in render.items():
            setattr(scene.render, name, value)
        if scene.frame_current != frame:
            scene.frame_set(frame)
        if mode != "OBJECT":
            bpy.ops.object.mode_set(mode=mode)
        raise


def _data_blocks() -> set[bpy.types.ID]:
    """All data blocks of the file but what belongs to the window."""
    skipped = {"window_managers", "screens", "workspaces"}
    collections = (p.identifier for p in bpy.data.bl_rna.properties if p.type == "COLLECTION")
    return {block for name in collections if name not in skipped for block in getattr(bpy.data, name)}


def _mode(context: bpy.types.Context) -> str:
    """The mode as `mode_set` takes it."""
    active = context.view_layer.objects.active
    return active.mode if active else "OBJECT"
