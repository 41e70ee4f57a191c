"""A SKEL body that was fitted to something, in the scene: keyed, with how far off it is."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from .body import BodyObjects, add_body
from .errors import REPORT, add_errors
from .rig import set_motion, set_pose, widen_limits

if TYPE_CHECKING:
    from ..core.bodies.skel import Skel

_LISTED = 10  # failed frames in the report


def add_fit(
    context: bpy.types.Context,
    body: "Skel",
    result: Mapping[str, Any],
    name: str,
    frames: np.ndarray | None = None,
    notes: Sequence[str] = (),
) -> BodyObjects:
    """Adds the body of a fit where the surface is in the world.

    Parameters
    ----------
    body: the model
    result: what the jobs `fit_surface` and `skel_motion` return
    name: of the body's collection
    frames: (F,) the scene's frames that the poses are keyed on; the body only stands there when None
    notes: what else to say in the report
    """
    objects = add_body(context, body, result["betas"], name)
    armature = objects.armature
    known = result.get("known", np.arange(len(result["poses"])))
    poses, trans = result["poses"][known], result["trans"][known]
    widen_limits(armature, poses)
    if frames is None:
        set_pose(armature, poses[0], trans[0])
    else:
        set_motion(armature, poses, trans, frames[known])
    armature.data[REPORT] = ", ".join([body.name, *_described(result, frames), *notes])
    if "vertex_error" in result:
        add_errors(objects.skin, result["vertex_error"])
    context.scene.frame_set(context.scene.frame_current, subframe=context.scene.frame_subframe)
    if frames is not None:  # last, since nobody takes them back
        _mark(context.scene, f"{name}: fit failed", frames[result.get("failed", np.zeros(0, int))])
    return objects


def _mark(scene: bpy.types.Scene, name: str, frames: np.ndarray) -> None:
    """Marks the first of each run of frames, instead of what has the markers' name already."""
    for marker in [marker for marker in scene.timeline_markers if marker.name == name]:
        scene.timeline_markers.remove(marker)
    for frame in frames[np.diff(frames, prepend=-np.inf) > 1]:
        scene.timeline_markers.new(name, frame=int(frame))


def _described(result: Mapping[str, Any], frames: np.ndarray | None) -> list[str]:
    """What the report says of a fit, part by part."""
    parts = [_frames(len(result["poses"]))] if frames is not None else []
    if "mean_error" in result:
        parts += [f"mean {1e3 * result['mean_error']:.1f} mm", f"worst {1e3 * result['worst_error']:.0f} mm"]
        known = result.get("known", np.arange(len(result["poses"])))
        failed = np.intersect1d(result["failed"], known)
        if frames is None and len(failed):
            parts.append("failed (vertex beyond 6 cm)")
        elif len(failed):
            some = ", ".join(map(str, frames[failed[:_LISTED]])) + (" ..." if len(failed) > _LISTED else "")
            parts.append(f"{_frames(len(failed))} failed (vertex beyond 6 cm): {some}")
        if len(known) < len(result["poses"]):
            parts.append(f"{_frames(len(result['poses']) - len(known))} without a surface: not keyed")
    return parts


def _frames(count: int) -> str:
    return f"{count} {'frame' if count == 1 else 'frames'}"
