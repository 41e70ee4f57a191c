"""Shows how far the skin of a converted body is off, in colours, or its skin again."""

import bpy

from ..scene.errors import has_errors, show_errors, shows_errors
from ..scene.rig import rig_of


class OSTEON_OT_show_errors(bpy.types.Operator):
    """Colour the skin by its distance from the mesh that it was fitted to, or stop that"""

    bl_idname = "osteon.show_errors"
    bl_label = "Show Errors"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        skin = fitted_skin(context)
        if skin is None or skin.mode == "EDIT":
            cls.poll_message_set("Select a body that Convert to SKEL made, and leave its Edit Mode")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        skin = fitted_skin(context)
        shown = not shows_errors(skin)
        show_errors(skin, shown)
        if context.area is not None and context.area.type == "VIEW_3D":
            shading = context.space_data.shading
            if shown:
                shading.color_type = "VERTEX"
            elif shading.color_type == "VERTEX":
                shading.color_type = "MATERIAL"
        return {"FINISHED"}


def fitted_skin(context: bpy.types.Context) -> bpy.types.Object | None:
    """The skin, with its errors, of the fitted body that is active."""
    rig = rig_of(context.object)
    return next((child for child in rig.children if has_errors(child)), None) if rig else None


CLASSES = (OSTEON_OT_show_errors,)
