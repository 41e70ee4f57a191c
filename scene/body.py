"""A body in the scene: an armature, the skin and the bones that it moves."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
import numpy as np

from .correctives import add_correctives
from .detail import lighter
from .followers import follower_names
from .materials import bone_material, skin_material
from .meshes import add_parts, add_weights, bind, build_mesh
from .rig import build_armature
from .surfaces import scale_to_metres

if TYPE_CHECKING:
    import scipy.sparse

    from ..core.bodies.skel import Skel

# Version of what is kept on the armature and its bones; a later Osteon tells old rigs by it.
SCHEMA = 1


@dataclass(frozen=True)
class BodyObjects:
    """What `add_body` makes."""

    collection: bpy.types.Collection
    armature: bpy.types.Object
    skin: bpy.types.Object
    bones: bpy.types.Object


def add_body(
    context: bpy.types.Context,
    body: "Skel",
    betas: np.ndarray | None = None,
    name: str = "Body",
    location: tuple[float, float, float] = (0.0, 0.0, 0.0),
    light: bool = False,
) -> BodyObjects:
    """Adds a body in the T pose: a collection with armature, skin and bones; the armature becomes active.

    Leaves nothing behind when it fails.

    Parameters
    ----------
    body: the model
    betas: (10,) its shape; the mean when None
    name: of the collection; its objects are named after it
    location: of the armature, which the meshes follow, in the scene's units
    light: whether the bones are decimated to about a quarter
    """
    made: list[bpy.types.ID] = []
    active, selected = context.view_layer.objects.active, list(context.selected_objects)
    try:
        objects = _add_body(context, body, betas, name, location, light, made)
    except BaseException:
        bpy.data.batch_remove(made)
        context.view_layer.objects.active = active
        raise
    for obj in selected:
        obj.select_set(False)
    objects.armature.select_set(True)
    return objects


def _add_body(
    context: bpy.types.Context,
    body: "Skel",
    betas: np.ndarray | None,
    name: str,
    location: tuple[float, float, float],
    light: bool,
    made: list[bpy.types.ID],
) -> BodyObjects:
    """`add_body`, noting in `made` every data block as it comes to be."""
    import torch

    shape = torch.zeros(1, body.n_betas, dtype=torch.float64)
    if betas is not None:
        shape[0] = torch.as_tensor(np.asarray(betas, dtype=np.float64))
    pose = torch.zeros(1, len(body.pose_names), dtype=torch.float64)
    out = body(pose, shape, bones=True)
    if context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    bone_vertices, bone_faces, parts, bone_weights = _used_bones(body, out.bones[0].numpy())
    if light:
        bone_vertices, bone_faces, nearest = lighter(context, bone_vertices, bone_faces, parts)
        parts, bone_weights = parts[nearest], bone_weights[nearest]
    followers = follower_names(body)
    bone_weights = _carried(bone_weights, parts, [body.bone_part_names.index(name) for name in followers])

    collection = bpy.data.collections.new(name)
    made.append(collection)
    data = bpy.data.armatures.new(f"{collection.name} Skeleton")
    made.append(data)
    armature = bpy.data.objects.new(f"{collection.name} Skeleton", data)
    made.append(armature)
    data["osteon_schema"] = SCHEMA
    data["osteon_body"] = body.name
    data["osteon_gender"] = body.gender
    data["osteon_betas"] = shape[0].tolist()
    context.scene.collection.children.link(collection)
    collection.objects.link(armature)
    context.view_layer.objects.active = armature
    build_armature(armature, body, out.rest, body.followers(shape))
    meshes = []
    for suffix, vertices, faces, weights, groups in (
        ("Skin", out.skin[0].numpy(), body.faces, body.data.skin_weights, body.joint_names),
        ("Bones", bone_vertices, bone_faces, bone_weights, (*body.joint_names, *followers)),
    ):
        mesh = build_mesh(f"{collection.name} {suffix}", vertices, faces)
        made.append(mesh)
        obj = bpy.data.objects.new(mesh.name, mesh)
        made.append(obj)
        add_weights(obj, weights, groups)
        bind(obj, armature, rigid=suffix == "Bones" and body.data.part_shapedirs is not None)
        collection.objects.link(obj)
        meshes.append(obj)
    skin, bones = meshes
    add_correctives(skin, armature, body, out.rest)
    add_parts(bones, parts, body.bone_part_names)
    skin.data.materials.append(skin_material())
    bones.data.materials.append(bone_material())
    armature.location = location
    scale_to_metres(armature, context.scene)
    return BodyObjects(collection, armature, skin, bones)


def _used_bones(
    body: "Skel", vertices: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, "scipy.sparse.csr_matrix"]:
    """Vertices, faces, parts and weights of the bone mesh, without the vertices that no face uses."""
    used, faces = np.unique(body.bone_faces, return_inverse=True)
    return vertices[used], faces.reshape(-1, 3), body.bone_parts[used], body.data.bone_weights[used]


def _carried(weights: "scipy.sparse.csr_matrix", parts: np.ndarray, followers: list[int]) -> "scipy.sparse.csr_matrix":
    """The weights (V, 24) with a column more for each of the parts that have a bone of their own, which carries them."""
    import scipy.sparse

    own = scipy.sparse.csr_matrix(parts[:, None] == np.array(followers, int), dtype=float)
    others = scipy.sparse.diags(1.0 - np.isin(parts, followers))
    weights = scipy.sparse.csr_matrix(scipy.sparse.hstack([others @ weights, own]))
    weights.eliminate_zeros()
    return weights
