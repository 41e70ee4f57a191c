"""A SKEL body that was fitted to something, in the scene: keyed, with how far off it is in words and in colours."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from .body import BodyObjects, add_body
from .materials import ERROR_RAMP, ERROR_RANGE, error_colours, error_material, shows_error
from .rig import set_motion, set_pose, widen_limits
from .surfaces import metres

if TYPE_CHECKING:
    from ..core.bodies.skel import Skel

REPORT = "osteon_fit"  # on the armature's data: the fit in a line
ERROR = "skel_error"  # on the skin: each vertex' distance from the fitted surface, metres
COLOURS = "SKEL Error"  # on the skin: the same in colours
_LISTED = 10  # failed frames in the report


def add_fit(
    context: bpy.types.Context, body: "Skel", result: Mapping[str, Any], name: str, frames: np.ndarray | None = None
) -> BodyObjects:
    """Adds the body of a fit where the surface is in the world.

    Parameters
    ----------
    body: the model
    result: what the jobs `fit_surface` and `skel_motion` return
    name: of the body's collection
    frames: (F,) the scene's frames that the poses are keyed on; the body only stands there when None
    """
    objects = add_body(context, body, result["betas"], name)
    armature = objects.armature
    armature.scale = (1 / metres(context.scene),) * 3
    known = result.get("known", np.arange(len(result["poses"])))
    poses, trans = result["poses"][known], result["trans"][known]
    widen_limits(armature, poses)
    if frames is None:
        set_pose(armature, poses[0], trans[0])
    else:
        set_motion(armature, poses, trans, frames[known])
    armature.data[REPORT] = _described(result, frames)
    if "vertex_error" in result:
        _add_errors(objects.skin, result["vertex_error"])
    if frames is not None:
        for frame in frames[result.get("failed", np.zeros(0, int))]:
            context.scene.timeline_markers.new("Fit failed", frame=int(frame))
    context.scene.frame_set(context.scene.frame_current, subframe=context.scene.frame_subframe)
    return objects


def _described(result: Mapping[str, Any], frames: np.ndarray | None) -> str:
    parts = [f"{len(result['poses'])} frames"] if frames is not None else []
    if "mean_error" in result:
        parts += [f"mean {1e3 * result['mean_error']:.1f} mm", f"worst {1e3 * result['worst_error']:.0f} mm"]
        if frames is None and len(result["failed"]):
            parts.append("failed (vertex beyond 6 cm)")
        elif len(result["failed"]):
            failed = frames[result["failed"]]
            some = ", ".join(map(str, failed[:_LISTED])) + (" ..." if len(failed) > _LISTED else "")
            parts.append(
                f"{len(failed)} {'frame' if len(failed) == 1 else 'frames'} failed (vertex beyond 6 cm): {some}"
            )
    return ", ".join(parts)


def _add_errors(skin: bpy.types.Object, error: np.ndarray) -> None:
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
    return skin.type == "MESH" and ERROR in skin.data.attributes and _slot(skin) is not None


def shows_errors(skin: bpy.types.Object) -> bool:
    """Whether the skin of a fit has the material of its errors on."""
    return skin.data.polygons[0].material_index == _slot(skin)


def show_errors(skin: bpy.types.Object, shown: bool) -> None:
    """Gives the faces of the skin of a fit the material of its errors, or its first one again."""
    slots = np.full(len(skin.data.polygons), _slot(skin) if shown else 0, np.int32)
    skin.data.polygons.foreach_set("material_index", slots)
    skin.data.update()


def legend(skin: bpy.types.Object) -> list[tuple[bpy.types.ColorRampElement, str]]:
    """The colours that the skin of a fit has for its errors, and the millimetres that each stands for."""
    return error_colours(skin.data.materials[_slot(skin)])


def _slot(skin: bpy.types.Object) -> int | None:
    return next((i for i, material in enumerate(skin.data.materials) if shows_error(material)), None)
