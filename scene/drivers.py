"""Drivers of the kinds that Blender evaluates without Python: simple expressions, and curves."""

import bpy
import numpy as np

from ..core.anatomy.joints import POSE_NAMES
from .rig_plan import Channel

LIMITS = "Joint Limits"  # the constraint that holds the limits of a joint's angles

# Where a driver's variable is read: a data block and the path of a property in it.
Source = tuple[bpy.types.ID, str]


def drive(owner: bpy.types.bpy_struct, path: str, index: int, sources: dict[str, Source], expression: str) -> None:
    """Drives a property of a pose bone, a shape key or a data block; index: of its component, -1 for a single value."""
    driver = _new_driver(owner, path, index, sources)[0]
    driver.type = "SCRIPTED"
    driver.expression = expression


def drive_along_curve(
    owner: bpy.types.bpy_struct,
    path: str,
    index: int,
    source: Source,
    knots: np.ndarray,
    values: np.ndarray,
    slopes: np.ndarray,
) -> None:
    """Drives a property by a cubic curve over another, constant beyond the first and last knot; all (K,)."""
    driver, curve = _new_driver(owner, path, index, {"x": source})
    driver.type = "SUM"
    curve.extrapolation = "CONSTANT"
    curve.keyframe_points.add(len(knots))
    # With handles at thirds of the way a Bézier curve is the cubic through both points with their slopes.
    thirds = np.diff(knots) / 3
    before, after = np.append(thirds[0], thirds), np.append(thirds, thirds[-1])
    for i, key in enumerate(curve.keyframe_points):
        key.interpolation = "BEZIER"
        key.handle_left_type = key.handle_right_type = "FREE"
        key.co = knots[i], values[i]
        key.handle_left = knots[i] - before[i], values[i] - before[i] * slopes[i]
        key.handle_right = knots[i] + after[i], values[i] + after[i] * slopes[i]
    curve.update()


def drive_displayed_angle(
    owner: bpy.types.bpy_struct, armature: bpy.types.Object, bone_name: str, channel: Channel
) -> str:
    """Gives `owner` a property, named as in q, that holds an angle as displayed: within its limit if that is on.

    The path of the property in `owner` is returned.
    """
    parameter = POSE_NAMES[channel.parameter]
    owner[parameter] = 0.0
    bone = f'pose.bones["{bone_name}"]'
    limit = f'{bone}.constraints["{LIMITS}"]'
    letter = "xyz"[channel.axis]
    sources = {
        "angle": f"{bone}.rotation_euler[{channel.axis}]",
        "low": f"{limit}.min_{letter}",
        "high": f"{limit}.max_{letter}",
        "used": f"{limit}.use_limit_{letter}",
        "on": f"{limit}.enabled",
        "influence": f"{limit}.influence",
    }
    expression = f"{channel.sign:.0f}*(angle+used*on*influence*(min(max(angle,low),high)-angle))"
    path = f'["{parameter}"]'
    drive(owner, path, -1, {name: (armature, source) for name, source in sources.items()}, expression)
    return path


def _new_driver(
    owner: bpy.types.bpy_struct, path: str, index: int, sources: dict[str, Source]
) -> tuple[bpy.types.Driver, bpy.types.FCurve]:
    curve = owner.driver_add(path, index)
    # Versions differ in the identity that a new curve maps by: a modifier, or two keys, near which values are rounded to
    # theirs. An empty curve passes values on as they are.
    for modifier in list(curve.modifiers):
        curve.modifiers.remove(modifier)
    for key in reversed(curve.keyframe_points):
        curve.keyframe_points.remove(key)
    for name, (data_block, source) in sources.items():
        variable = curve.driver.variables.new()
        variable.name = name
        target = variable.targets[0]
        if isinstance(data_block, bpy.types.Key):
            target.id_type = "KEY"
        target.id = data_block
        target.data_path = source
        target.use_fallback_value = True  # 0, where the user deleted the constraint
    return curve.driver, curve
