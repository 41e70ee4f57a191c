"""Clavicles and patellae in the armature: bones that are no joints of SKEL and move by rules of their own.

The rules are those of core/bodies/followers.py: a clavicle stretches from the thorax to the scapula, a patella runs on
a path before the femur.
"""

from typing import TYPE_CHECKING

import bpy
import numpy as np

from ..core.anatomy.joints import JOINT_INDEX, JOINTS, SIDES
from ..core.anatomy.patella import path_slopes
from .drivers import drive_along_curve, drive_displayed_angles
from .rig_plan import MECHANISM, BonePlan

if TYPE_CHECKING:
    from ..core.bodies.followers import Followers
    from ..core.bodies.skel import Skel

_SHORT = 0.03  # metres, of bones whose length means nothing


def follower_names(body: "Skel") -> list[str]:
    """The bones of an armature that move single bones of the body by rules of their own; they are named alike."""
    rest = body.followers()
    names = ["clavicle"] if rest.clavicle_ends is not None else []
    names += ["patella"] if rest.patella_centres is not None else []
    return [f"{name}_{side}" for name in names for side in SIDES]


def plan_followers(rest: "Followers") -> list[BonePlan]:
    """The bones for clavicles and patellae of one shape (B = 1), and those that clavicles stretch to."""
    plans = []
    if rest.clavicle_ends is not None:
        for side, (sternal, acromial) in zip(SIDES, rest.clavicle_ends[0].double().cpu().numpy(), strict=True):
            length = float(np.linalg.norm(acromial - sternal))
            frame = _frame_along((acromial - sternal) / length)
            plans.append(_plan(f"clavicle_{side}", "thorax", sternal, frame, length))
            plans.append(_plan(_acromion(side), f"scapula_{side}", acromial, frame, _SHORT))
    if rest.patella_centres is not None and rest.patella_axes is not None:
        centres, axes = (t[0].double().cpu().numpy() for t in (rest.patella_centres, rest.patella_axes))
        for side, centre, (forward, up, hinge) in zip(SIDES, centres, axes.swapaxes(1, 2), strict=True):
            frame = np.stack([hinge, up, forward], 1)
            plans.append(_plan(f"patella_{side}", f"femur_{side}", centre, frame, _SHORT))
    return plans


def _plan(name: str, parent: str, head: np.ndarray, frame: np.ndarray, length: float) -> BonePlan:
    return BonePlan(name, JOINT_INDEX[parent], head, frame, length, "XYZ", ())


def _acromion(side: str) -> str:
    return f"{MECHANISM}acromion_{side}"


def _frame_along(y: np.ndarray) -> np.ndarray:
    x = np.cross(y, (0.0, 0.0, 1.0))
    x /= np.linalg.norm(x)
    return np.stack([x, y, np.cross(x, y)], 1)


def set_up_followers(
    armature: bpy.types.Object, body: "Skel", rest: "Followers", plans: list[BonePlan], joints: list[BonePlan]
) -> None:
    """Constraints and drivers of the bones that `plan_followers` planned; `joints` are the plans of the joints' bones."""
    bones = armature.pose.bones
    for plan in plans:
        bone = bones[plan.name]
        bone.rotation_mode = plan.order
        bone.lock_location = bone.lock_rotation = bone.lock_scale = (True,) * 3
        bone.lock_ik_x = bone.lock_ik_y = bone.lock_ik_z = True
    for row, side in enumerate(SIDES):
        if rest.clavicle_ends is not None:
            bone = bones[f"clavicle_{side}"]
            stretch = bone.constraints.new("STRETCH_TO")
            stretch.name = "Acromion"
            stretch.target, stretch.subtarget = armature, _acromion(side)
            stretch.rest_length = bone.bone.length
            stretch.volume = "NO_VOLUME"
            stretch.keep_axis = "SWING_Y"
        if rest.patella_scales is not None and body.data.patella_path is not None:
            bone = bones[f"patella_{side}"]
            knee = JOINT_INDEX[f"tibia_{side}"]
            (source,) = drive_displayed_angles(bone, armature, JOINTS[knee].name, joints[knee].channels)
            path, slopes = body.data.patella_path, path_slopes(body.data.patella_path)
            scale = float(rest.patella_scales[0, row])
            for target, index, column, factor in (
                ("rotation_euler", 0, 0, 1.0),
                ("location", 2, 1, scale),
                ("location", 1, 2, scale),
            ):
                values = factor * path[:, 1 + column], factor * slopes[:, column]
                drive_along_curve(bone, target, index, source, path[:, 0], *values)
