"""The armature of a SKEL body: a pose bone for each joint, a rotation channel for each angle, limits that hold."""

import math
from typing import TYPE_CHECKING

import bpy
import numpy as np
from mathutils import Matrix

from ..core.anatomy.joints import JOINT_INDEX, JOINTS, PARENTS, POSE_NAMES
from ..core.anatomy.limits import COUPLED, TOGETHER, coupled_within, limits
from ..core.errors import InputError
from .axes import from_blender, to_blender
from .drivers import LIMITS, SHARED_LIMITS, drive, drive_displayed_angles
from .followers import plan_followers, set_up_followers
from .rig_plan import MECHANISM, BonePlan, Channel, lay_out, plan_rig

if TYPE_CHECKING:
    from ..core.bodies.followers import Followers
    from ..core.bodies.skel import Skel, SkelRest

# Custom properties on a bone: the indices into q of its angles, their channels (0 to 2 for X, Y, Z), their signs. They
# are on the armature's bone, since pasting a flipped pose carries properties of pose bones from one side to the other.
PARAMETERS, AXES, SIGNS = "osteon_parameters", "osteon_axes", "osteon_signs"
# Hidden bones of joints whose angles share their limits: MCH-NAME knows how far they go, MCH-held-NAME turns so far. Joints
# that SKEL also displaces have the first as their parent, which does that, since a bone's own location cannot be driven by its
# own rotation without a dependency cycle. The others have no parent: no chain that IK solves may reach them.
HELD = f"{MECHANISM}held-"
_SPINE, _SCAPULAE = ("lumbar_body", "thorax", "head"), ("scapula_r", "scapula_l")
_DISPLACED = _SPINE + _SCAPULAE

_COLLECTIONS = {
    "Spine": ("pelvis", "lumbar_body", "thorax", "head"),
    "Right Arm": ("scapula_r", "humerus_r", "ulna_r", "radius_r", "hand_r"),
    "Left Arm": ("scapula_l", "humerus_l", "ulna_l", "radius_l", "hand_l"),
    "Right Leg": ("femur_r", "tibia_r", "talus_r", "calcn_r", "toes_r"),
    "Left Leg": ("femur_l", "tibia_l", "talus_l", "calcn_l", "toes_l"),
}
_COLOURS = {
    "Spine": "THEME09",
    "Right Arm": "THEME04",
    "Right Leg": "THEME04",
    "Left Arm": "THEME01",
    "Left Leg": "THEME01",
}


def build_armature(armature: bpy.types.Object, body: "Skel", rest: "SkelRest", followers: "Followers") -> None:
    """Gives an empty armature object the bones of a body shape; the object must be linked to the scene and active.

    rest, followers: one shape (B = 1) as `Skel.rest` and `Skel.followers` give it
    """
    default_rotations = body.data.apose_rel_transfo[:, :3, :3]
    (joints, orientations), mean = (
        [t[0].double().cpu().numpy() for t in (shape.joints, shape.orientations)] for shape in (rest, body.rest())
    )
    plans = plan_rig(joints, orientations, default_rotations, lay_out(*mean, default_rotations))
    follower_plans = plan_followers(followers)
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        for plan in [*plans, *follower_plans]:
            _add_edit_bone(armature.data, plan)
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
    for plan in plans:
        _set_up_pose_bone(armature.pose.bones[plan.name], plan, body.limits)
    for name in COUPLED:
        _hold_together(armature, plans[JOINT_INDEX[name]])
    _add_displacements(armature, plans, joints)
    set_up_followers(armature, body, followers, follower_plans, plans)
    _add_hidden_collection(armature, "Mechanism", [b.name for b in armature.data.bones if b.name.startswith(MECHANISM)])
    _add_hidden_collection(armature, "Followers", [p.name for p in follower_plans if not p.name.startswith(MECHANISM)])
    for name, members in _COLLECTIONS.items():
        collection = armature.data.collections.new(name)
        for member in members:
            collection.assign(armature.data.bones[member])
            armature.data.bones[member].color.palette = _COLOURS[name]
    armature.data.display_type = "STICK"
    armature.show_in_front = True


def _add_hidden_collection(armature: bpy.types.Object, name: str, members: list[str]) -> None:
    if not members:
        return
    collection = armature.data.collections.new(name)
    collection.is_visible = False
    for member in members:
        collection.assign(armature.data.bones[member])


def _add_edit_bone(data: bpy.types.Armature, plan: BonePlan) -> None:
    matrix = np.eye(4)
    matrix[:3, :3] = to_blender(plan.frame.T).T
    matrix[:3, 3] = to_blender(plan.head)
    parent = data.edit_bones[JOINTS[plan.parent].name] if plan.parent >= 0 else None
    hidden = [HELD + plan.name, MECHANISM + plan.name] if plan.name in COUPLED else []
    for name in [*hidden, plan.name]:
        bone = data.edit_bones.new(name)
        bone.head = (0.0, 0.0, 0.0)
        bone.tail = (0.0, plan.length, 0.0)
        bone.matrix = Matrix(matrix)
        bone.use_deform = not name.startswith(MECHANISM)
        displaces = name == MECHANISM + plan.name and plan.name in _DISPLACED
        if displaces or name == plan.name:
            bone.parent = parent
        if displaces:
            parent = bone


def _set_up_pose_bone(bone: bpy.types.PoseBone, plan: BonePlan, ranges_of_q: np.ndarray) -> None:
    bone.rotation_mode = plan.order
    bone.bone[PARAMETERS] = [channel.parameter for channel in plan.channels]
    bone.bone[AXES] = [channel.axis for channel in plan.channels]
    bone.bone[SIGNS] = [channel.sign for channel in plan.channels]
    used = {channel.axis for channel in plan.channels}
    bone.lock_location = (plan.parent >= 0,) * 3
    bone.lock_rotation = tuple(axis not in used for axis in range(3))
    bone.lock_scale = (True,) * 3
    bone.lock_ik_x, bone.lock_ik_y, bone.lock_ik_z = bone.lock_rotation
    ranges = {channel.axis: _channel_limits(channel, ranges_of_q) for channel in plan.channels}
    if all(math.isinf(low) and math.isinf(high) for low, high in ranges.values()):
        return
    constraint = bone.constraints.new("LIMIT_ROTATION")
    constraint.name = LIMITS
    constraint.owner_space = "LOCAL"
    constraint.euler_order = plan.order
    constraint.use_transform_limit = True
    for axis, (low, high) in ranges.items():
        letter = "xyz"[axis]
        if math.isinf(low) or math.isinf(high):
            continue
        setattr(constraint, f"use_limit_{letter}", True)
        setattr(constraint, f"min_{letter}", low)
        setattr(constraint, f"max_{letter}", high)
        _limit_ik(bone, letter, low, high)


def _limit_ik(bone: bpy.types.PoseBone, letter: str, low: float, high: float) -> None:
    setattr(bone, f"use_ik_limit_{letter}", True)
    # Blender's IK wants zero inside the range.
    setattr(bone, f"ik_min_{letter}", max(min(low, 0.0), -math.pi))
    setattr(bone, f"ik_max_{letter}", min(max(high, 0.0), math.pi))


def _channel_limits(channel: Channel, ranges_of_q: np.ndarray) -> tuple[float, float]:
    low, high = (float(v) for v in ranges_of_q[channel.parameter])
    return (low, high) if channel.sign > 0 else (-high, -low)


def _hold_together(armature: bpy.types.Object, plan: BonePlan) -> None:
    """Holds what a joint's angles share: a hidden bone turns by as much as they may, and the joint's own bone as that one.

    A constraint's limits cannot be driven by the rotation of the bone that it is on without a dependency cycle.
    """
    mechanism, held = armature.pose.bones[MECHANISM + plan.name], armature.pose.bones[HELD + plan.name]
    for hidden in (mechanism, held):
        hidden.lock_location = hidden.lock_rotation = hidden.lock_scale = (True,) * 3
        hidden.lock_ik_x = hidden.lock_ik_y = hidden.lock_ik_z = True
    bone = armature.pose.bones[plan.name]
    copy = bone.constraints.new("COPY_ROTATION")
    copy.name = SHARED_LIMITS
    copy.target, copy.subtarget = armature, held.name
    copy.owner_space = copy.target_space = "LOCAL"
    copy.euler_order = held.rotation_mode = plan.order
    angles = drive_displayed_angles(mechanism, armature, plan.name, plan.channels)
    for channel, source in zip(plan.channels, angles, strict=True):
        drive(held, "rotation_euler", channel.axis, {"angle": source}, f"{channel.sign:.0f}*angle")


def _add_displacements(armature: bpy.types.Object, plans: list[BonePlan], joints: np.ndarray) -> None:
    """Drivers for what SKEL moves besides turning: spine joints bend as arcs, scapulae glide on an ellipsoid.

    The formulas are those of core/bodies/skel.py, written in the subset that Blender evaluates without Python.
    """
    index = JOINT_INDEX
    for name in _SPINE:
        j = index[name]
        length = abs(joints[j, 1] - joints[PARENTS[j], 1])
        for axis in range(3):
            x, y, z = length * plans[j].frame[:, axis]
            expression = f"{_arc('a', -x, y)}+{_arc('b', -z, y)}-({2 * y:.7f})"
            _drive_location(armature, plans[j], axis, expression)
    quarter = np.linalg.norm(joints[index["scapula_l"]] - joints[index["scapula_r"]]) / 4
    half_height = np.linalg.norm(joints[index["thorax"]] - joints[index["lumbar_body"]]) / 2
    for name, side, mirror in zip(_SCAPULAE, (-1.0, 1.0), (1.0, -1.0), strict=True):
        plan = plans[index[name]]
        for axis in range(3):
            x, y, z = plan.frame[:, axis] * [side * quarter, -half_height, quarter]
            at_rest = (x - y) * math.sqrt(0.5)
            tilt = f"({mirror:.0f}*b-pi/4)"
            expression = f"({x:.7f})*cos{tilt}*cos(a)+({y:.7f})*sin{tilt}+({z * mirror:.7f})*sin(a)-({at_rest:.7f})"
            _drive_location(armature, plan, axis, expression)


def _arc(angle: str, side: float, up: float) -> str:
    """(side (1 - cos t) + up sin t) / t, and its limit at t = 0."""
    return f"((({side:.7f})*(1-cos({angle}))+({up:.7f})*sin({angle}))/{angle} if {angle} else {up:.7f})"


def _drive_location(armature: bpy.types.Object, plan: BonePlan, axis: int, expression: str) -> None:
    mechanism = armature.pose.bones[MECHANISM + plan.name]
    path = f'pose.bones["{mechanism.name}"]'
    names = [POSE_NAMES[channel.parameter] for channel in plan.channels[:2]]
    sources = {variable: (armature, f'{path}["{name}"]') for variable, name in zip("ab", names, strict=True)}
    drive(mechanism, "location", axis, sources, expression)


def is_rig(obj: bpy.types.Object | None) -> bool:
    """Whether an object is the armature of an Osteon body."""
    return obj is not None and obj.type == "ARMATURE" and "osteon_body" in obj.data


def rig_of(obj: bpy.types.Object | None) -> bpy.types.Object | None:
    """The Osteon armature that an object is or belongs to."""
    if is_rig(obj):
        return obj
    return obj.parent if obj is not None and is_rig(obj.parent) else None


def channels(bone: bpy.types.PoseBone) -> list[Channel]:
    """The channels of a pose bone of a rig, in the order of q; none for other bones."""
    kept = bone.bone
    if PARAMETERS not in kept:
        return []
    return [Channel(*values) for values in zip(kept[PARAMETERS], kept[AXES], kept[SIGNS], strict=True)]


def set_pose(
    armature: bpy.types.Object, q: np.ndarray, trans: np.ndarray | None = None, frame: int | None = None
) -> None:
    """Sets the channels of a rig, and keys all of them when a frame is given.

    Parameters
    ----------
    q: (46,) radians
    trans: (3,) metres in core's axes; the root stays where it is when None
    """
    for bone in armature.pose.bones:
        for channel in channels(bone):
            bone.rotation_euler[channel.axis] = channel.sign * q[channel.parameter]
    root = armature.pose.bones["pelvis"]
    if trans is not None:
        root.location = np.asarray(trans) @ _root_frame(armature)
    if frame is None:
        return
    root.keyframe_insert("location", frame=frame, group="pelvis")
    for bone in armature.pose.bones:
        for channel in channels(bone):
            bone.keyframe_insert("rotation_euler", index=channel.axis, frame=frame, group=bone.name)


def set_motion(armature: bpy.types.Object, poses: np.ndarray, trans: np.ndarray, frames: np.ndarray) -> None:
    """Keys all channels of a rig that has no keys on F frames, with straight lines between them.

    The root's angles, which have no limits, go on where they pass a whole turn.

    Parameters
    ----------
    poses: (F, 46) radians
    trans: (F, 3) metres in core's axes
    frames: (F,) rising
    """
    set_pose(armature, poses[0], trans[0], int(frames[0]))  # makes the curves, in whatever way this Blender keeps them
    root = [channel.parameter for channel in channels(armature.pose.bones["pelvis"])]
    poses = poses.copy()
    poses[:, root] = np.unwrap(poses[:, root], axis=0)
    places = trans @ _root_frame(armature)
    values = {(_path("pelvis", "location"), axis): places[:, axis] for axis in range(3)}
    for bone in armature.pose.bones:
        for channel in channels(bone):
            angles = channel.sign * poses[:, channel.parameter]
            values[_path(bone.name, "rotation_euler"), channel.axis] = angles
    for curve in curves(armature):
        keys = curve.keyframe_points
        keys.add(len(frames) - 1)
        keys.foreach_set("co", np.stack([frames, values[curve.data_path, curve.array_index]], 1).ravel())
        for key in keys:
            key.interpolation = "LINEAR"
        curve.update()


def _path(bone: str, name: str) -> str:
    return f'pose.bones["{bone}"].{name}'


def curves(armature: bpy.types.Object) -> bpy.types.bpy_prop_collection:
    """The F-curves of a rig that has keys.

    Raises
    ------
    InputError
        When it has none.
    """
    data = armature.animation_data
    if data is None or data.action is None:
        raise InputError(f"{armature.name} has no keys: key its pose first.")
    if not hasattr(data, "action_slot"):  # before Blender 4.4
        return data.action.fcurves
    return data.action.layers[0].strips[0].channelbag(data.action_slot).fcurves


def widen_limits(armature: bpy.types.Object, poses: np.ndarray) -> None:
    """Moves the limits of a rig beyond which some of the poses (F, 46) go, as far as these need; those of IK too.

    A joint of which some pose goes farther than its angles may together no longer shares its limits among them.
    """
    kept = dict(zip(COUPLED, coupled_within(poses, limits()).all(0), strict=True))
    for bone in armature.pose.bones:
        limit = bone.constraints.get(LIMITS)
        if bone.name in kept and SHARED_LIMITS in bone.constraints and not kept[bone.name]:
            bone.constraints[SHARED_LIMITS].enabled = False
        for channel in channels(bone):
            angles, letter = channel.sign * poses[:, channel.parameter], "xyz"[channel.axis]
            if limit is None or not getattr(limit, f"use_limit_{letter}"):
                continue
            for end, furthest in (("min", min), ("max", max)):
                name = f"{end}_{letter}"
                setattr(limit, name, furthest(getattr(limit, name), float(furthest(angles))))
            _limit_ik(bone, letter, getattr(limit, f"min_{letter}"), getattr(limit, f"max_{letter}"))


def displayed_ranges(bone: bpy.types.PoseBone) -> list[tuple[float, float] | None]:
    """How far each angle of a bone may go, radians in q's sign: its limits, less what those before it take of what they share.

    None where an angle is free.
    """
    limit = bone.constraints.get(LIMITS)
    shares = SHARED_LIMITS in bone.constraints and bone.constraints[SHARED_LIMITS].enabled
    standard = limits()
    left = TOGETHER**2
    found: list[tuple[float, float] | None] = []
    for channel in channels(bone):
        angle, letter = channel.sign * bone.rotation_euler[channel.axis], "xyz"[channel.axis]
        if limit is None or not getattr(limit, f"use_limit_{letter}"):
            found.append(None)
        else:
            reach = math.sqrt(min(1.0, left)) if shares else 1.0
            low, high = sorted(reach * channel.sign * getattr(limit, f"{end}_{letter}") for end in ("min", "max"))
            found.append((low, high))
            angle = min(max(angle, low), high)
        if shares:  # of the standard limits, as in the drivers
            low, high = standard[channel.parameter]
            left = max(left - max(angle / low, angle / high) ** 2, 0.0)
    return found


def _root_frame(armature: bpy.types.Object) -> np.ndarray:
    """(3, 3) the axes of the pelvis' location as columns, in core's axes."""
    root = armature.data.bones["pelvis"]
    return from_blender(np.array(root.matrix_local.to_3x3()).T).T


def get_pose(armature: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """q (46,) in radians and trans (3,) in metres, core's axes, as the channels of a rig stand, limits not applied."""
    q = np.zeros(len(POSE_NAMES))
    for bone in armature.pose.bones:
        for channel in channels(bone):
            q[channel.parameter] = channel.sign * bone.rotation_euler[channel.axis]
    root = armature.pose.bones["pelvis"]
    return q, from_blender(np.array(root.bone.matrix_local.to_3x3()) @ np.array(root.location))
