"""How far a fitted body is off, as its skin shows it: in numbers, and in the colours of a material.

Panels read this in every redraw: it needs nothing of core.
"""

import bpy
import numpy as np

from .materials import ERROR_RAMP, ERROR_RANGE, error_colours, error_material, shows_error

REPORT = "osteon_fit"  # on the armature's data: the fit in a line
ERROR = "skel_error"  # on the skin: each vertex' distance from the fitted surface, metres
SLOTS = "osteon_materials"  # on the faces, while they show errors: the material slots that they had
COLOURS = "SKEL Error"  # on the skin: the same in colours


def add_errors(skin: bpy.types.Object, error: np.ndarray) -> None:
    """Keeps the error (N,) of each vertex on the skin, as a number and as a colour, and the material that shows it."""
    mesh = skin.data
    mesh.attributes.new(ERROR, "FLOAT", "POINT").data.foreach_set("value", error.astype(np.float32))
    stops, colours = zip(*ERROR_RAMP, strict=True)
    shades = [np.interp(error / ERROR_RANGE, stops, channel) for channel in zip(*colours, strict=True)]
    shown = mesh.color_attributes.new(COLOURS, "FLOAT_COLOR", "POINT")
    shown.data.foreach_set("color", np.stack([*shades, np.ones(len(error))], 1).astype(np.float32).ravel())
    mesh.color_attributes.active_color = shown
    mesh.materials.append(error_material(ERROR))


def has_errors(skin: bpy.types.Object) -> bool:
    """Whether an object is the skin of a fit, with its errors."""
    return skin.type == "MESH" and ERROR in skin.data.attributes


def shows_errors(skin: bpy.types.Object) -> bool:
    """Whether the skin of a fit has the material of its errors on."""
    return SLOTS in skin.data.attributes


def show_errors(skin: bpy.types.Object, shown: bool) -> None:
    """Gives the faces of the skin of a fit the material of its errors, or those again that they had."""
    mesh = skin.data
    if shown == shows_errors(skin):
        return
    slots = np.zeros(len(mesh.polygons), np.int32)
    if shown:
        if _slot(skin) is None:  # taken away by somebody
            mesh.materials.append(error_material(ERROR))
        mesh.polygons.foreach_get("material_index", slots)
        mesh.attributes.new(SLOTS, "INT", "FACE").data.foreach_set("value", slots)
        slots[:] = _slot(skin)
    else:
        mesh.attributes[SLOTS].data.foreach_get("value", slots)
        mesh.attributes.remove(mesh.attributes[SLOTS])
    mesh.polygons.foreach_set("material_index", slots)
    mesh.update()


def legend(skin: bpy.types.Object) -> list[tuple[bpy.types.ColorRampElement, str]]:
    """The colours that the skin of a fit has for its errors, and the millimetres that each stands for."""
    slot = _slot(skin)
    return [] if slot is None else error_colours(skin.data.materials[slot])


def _slot(skin: bpy.types.Object) -> int | None:
    return next((i for i, material in enumerate(skin.data.materials) if shows_error(material)), None)
