"""A body in SMPL's schema in the scene: its skin on an armature of 24 joints, as it comes from other programs.

Pose correctives are not among what the armature does.
"""

from typing import TYPE_CHECKING

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..core.bodies.smpl_joints import JOINT_NAMES
from .axes import to_blender
from .meshes import add_weights, bind, build_mesh
from .surfaces import scale_to_metres

if TYPE_CHECKING:
    from ..core.bodies.smpl import Smpl

_LENGTH = 0.06  # metres, of every bone


def add_smpl_body(
    context: bpy.types.Context,
    body: "Smpl",
    betas: np.ndarray | None = None,
    location: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> tuple[bpy.types.Object, bpy.types.Object]:
    """Adds a body in the T pose; its skin becomes active, so that it can be converted.

    A bone for each joint, with core's axes, so that its rotation is SMPL's: `set_smpl_pose`.

    Parameters
    ----------
    body: the model
    betas: (10,) its shape; the mean when None
    location: of the armature, which the skin follows, in the scene's units

    Returns
    -------
    armature, skin
    """
    import torch

    shape = torch.as_tensor(np.zeros(body.n_betas) if betas is None else np.asarray(betas, np.float64))
    out = body(torch.zeros(1, len(body.pose_names), dtype=torch.float64), shape)
    if context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    name = f"{body.kind} {body.gender}"
    armature = bpy.data.objects.new(f"{name} Skeleton", bpy.data.armatures.new(f"{name} Skeleton"))
    mesh = build_mesh(f"{name} Skin", out.skin[0].numpy(), body.faces)
    skin = bpy.data.objects.new(mesh.name, mesh)
    for obj in (armature, skin):
        context.collection.objects.link(obj)
    context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        axes = Matrix(to_blender(np.eye(3)).T).to_4x4()
        for joint, head, parent in zip(body.joint_names, out.joints[0].numpy(), body.parents, strict=True):
            bone = armature.data.edit_bones.new(joint)
            bone.tail = (0.0, _LENGTH, 0.0)
            bone.matrix = Matrix.Translation(Vector(to_blender(head))) @ axes
            if parent >= 0:
                bone.parent = armature.data.edit_bones[body.joint_names[parent]]
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
    armature.data.display_type = "STICK"
    armature.location = location
    scale_to_metres(armature, context.scene)
    add_weights(skin, body.data.skin_weights, body.joint_names)
    bind(skin, armature)
    for obj in context.selected_objects:
        obj.select_set(False)
    skin.select_set(True)
    context.view_layer.objects.active = skin
    return armature, skin


def set_smpl_pose(
    armature: bpy.types.Object, pose: np.ndarray, trans: np.ndarray | None = None, frame: int | None = None
) -> None:
    """Poses the armature of `add_smpl_body`, and keys it when a frame is given.

    Parameters
    ----------
    pose: (72,) rotation vectors
    trans: (3,) metres in core's axes; the root stays where it is when None
    """
    for name, turn in zip(JOINT_NAMES, np.asarray(pose).reshape(-1, 3), strict=True):
        bone = armature.pose.bones[name]
        angle = float(np.linalg.norm(turn))
        bone.rotation_mode = "QUATERNION"
        bone.rotation_quaternion = Matrix.Rotation(angle, 3, Vector(turn)).to_quaternion() if angle else (1, 0, 0, 0)
        if frame is not None:
            bone.keyframe_insert("rotation_quaternion", frame=frame, group=bone.name)
    root = armature.pose.bones[JOINT_NAMES[0]]
    if trans is not None:
        root.location = trans
    if frame is not None:
        root.keyframe_insert("location", frame=frame, group=root.name)
