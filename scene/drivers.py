"""Drivers of the kinds that Blender evaluates without Python: simple expressions, and curves."""

from collections.abc import Sequence

import bpy
import numpy as np

from ..core.anatomy.joints import POSE_NAMES
from ..core.anatomy.limits import COUPLED, TOGETHER, limits
from .rig_plan import Channel

LIMITS = "Joint Limits"  # the constraint that holds the limits of a joint's angles
SHARED_LIMITS = "Shared Limits"  # and the one that holds what they share

ROUNDING = 3e-6  # of squares of shares of limits, in single precision

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


def drive_displayed_angles(
    owner: bpy.types.bpy_struct, armature: bpy.types.Object, bone_name: str, channels: Sequence[Channel]
) -> list[Source]:
    """Gives `owner` properties, named as in q, that hold a joint's angles as displayed: within limits that are on.

    Where the properties are is returned. Of `COUPLED` joints each angle yields to those before, as in `limits.hold`.
    """
    bone = f'pose.bones["{bone_name}"]'
    limit = f'{bone}.constraints["{LIMITS}"]'
    before: dict[str, Source] = {}
    taken = ""
    found = []
    for variable, channel in zip("abc", channels, strict=False):
        letter = "xyz"[channel.axis]
        sources = {
            "x": f"{bone}.rotation_euler[{channel.axis}]",
            "l": f"{limit}.min_{letter}",
            "h": f"{limit}.max_{letter}",
            "u": f"{limit}.use_limit_{letter}",
            "o": f"{limit}.enabled",
            "i": f"{limit}.influence",
        }
        reach = ""
        if before:
            sources["s"] = f'{bone}.constraints["{SHARED_LIMITS}"].enabled'
            # Where nothing is left, rounding shall not leave a thousandth of a limit.
            reach = f"*sqrt(min(1,max(0,{TOGETHER**2 - len(before) * ROUNDING:.6f}-s*({taken}))))"
        expression = f"{channel.sign:.0f}*(x+u*o*i*(min(max(x,l{reach}),h{reach})-x))"  # 255 characters at most
        parameter = POSE_NAMES[channel.parameter]
        owner[parameter] = 0.0
        path = f'["{parameter}"]'
        drive(owner, path, -1, {name: (armature, source) for name, source in sources.items()} | before, expression)
        prefix = "" if isinstance(owner, bpy.types.ID) else owner.path_from_id()
        found.append((owner.id_data, prefix + path))
        if bone_name in COUPLED:
            before[variable] = found[-1]
            low, high = limits()[channel.parameter]
            taken += f"{'+' if taken else ''}pow(max({variable}/{low:.6f},{variable}/{high:.6f}),2)"
    return found


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
