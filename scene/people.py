"""The people of a photo in the scene: a keyed body each, and the camera that took the photo."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from .axes import to_blender
from .body import BodyObjects, add_body
from .camera import add_photo_camera
from .rig import set_pose, widen_limits
from .surfaces import metres

if TYPE_CHECKING:
    from ..core.bodies.skel import Skel


def add_people(
    context: bpy.types.Context, body: "Skel", result: Mapping[str, Any], image: bpy.types.Image
) -> list[BodyObjects]:
    """Adds the people that were fitted to a photo, posed and keyed on the current frame, and the photo's camera.

    The whole is moved so that the first person stands at the origin with the lowest skin on the floor.

    Parameters
    ----------
    body: the model that was fitted
    result: what the job `image_to_skeleton` returns: image_size (width, height), focal in pixels, and for each of the
        people pose (46,), betas (10,) and trans (3,)
    image: the photo
    """
    import torch

    people = result["people"]
    pose, betas, trans = (
        torch.tensor(np.array([person[key] for person in people]), dtype=torch.float64)
        for key in ("pose", "betas", "trans")
    )
    with torch.inference_mode():
        out = body(pose, betas, trans)
    floor = to_blender(out.skin.reshape(-1, 3).numpy())[:, 2].min()
    root = to_blender(out.joints[0, 0].numpy())
    shift = tuple((np.array([-root[0], -root[1], -floor]) / metres(context.scene)).tolist())
    made = []
    frame = context.scene.frame_current
    for i in range(len(people)):
        name = "Person" if len(people) == 1 else f"Person {i + 1}"
        objects = add_body(context, body, betas[i].numpy(), name, shift)
        widen_limits(objects.armature, pose[i : i + 1].numpy())
        set_pose(objects.armature, pose[i].numpy(), trans[i].numpy(), frame)
        made.append(objects)
    width, height = result["image_size"]
    add_photo_camera(context, image, float(result["focal"]), (int(width), int(height)), shift)
    context.view_layer.update()
    return made
