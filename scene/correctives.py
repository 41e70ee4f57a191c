"""SKEL's pose correctives as shape keys of the skin, which the rig drives.

Shape keys displace the skin before the armature does, as the model has it.
"""

from typing import TYPE_CHECKING

import bpy
import numpy as np

from ..core.anatomy.joints import JOINTS
from .axes import to_blender
from .corrective_plan import plan_correctives
from .drivers import Source, drive, drive_displayed_angles
from .rig import channels

if TYPE_CHECKING:
    from ..core.bodies.skel import Skel, SkelRest


def add_correctives(skin: bpy.types.Object, armature: bpy.types.Object, body: "Skel", rest: "SkelRest") -> None:
    """Gives the skin of a body shape its correctives, if the model has any; rest: that shape (B = 1)."""
    if body.data.posedirs is None:
        return
    orientations = rest.orientations[0].double().cpu().numpy()
    plans = plan_correctives(body.data.posedirs, orientations, body.data.apose_rel_transfo[:, :3, :3])
    if not plans:
        return
    basis = np.empty(3 * len(skin.data.vertices), np.float32)
    skin.data.vertices.foreach_get("co", basis)
    skin.shape_key_add(name="Basis", from_mix=False)
    keys = skin.data.shape_keys
    angles: dict[int, list[Source]] = {}
    for plan in plans:
        name = JOINTS[plan.joint].name
        if plan.joint not in angles:
            bone = armature.pose.bones[name]
            angles[plan.joint] = drive_displayed_angles(keys, armature, name, channels(bone))
        key = skin.shape_key_add(name=f"{name} {plan.expression}", from_mix=False)
        key.points.foreach_set("co", basis + to_blender(plan.offsets).astype(np.float32).ravel())
        key.slider_min, key.slider_max = -2.0, 2.0  # a driven value stays between them
        used = zip("abc", angles[plan.joint], strict=False)
        sources = {variable: source for variable, source in used if f"({variable})" in plan.expression}
        drive(key, "value", -1, sources, plan.expression)
