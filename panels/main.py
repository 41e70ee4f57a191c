"""The tab "Osteon" in the sidebar of the 3D view."""

import math

import bpy

from ..core.anatomy.joints import POSE_NAMES
from ..operators.convert_to_skel import OSTEON_OT_convert_to_skel
from ..operators.image_to_skeleton import OSTEON_OT_image_to_skeleton
from ..operators.import_motion import OSTEON_OT_import_motion
from ..operators.long_work import current
from ..operators.show_errors import OSTEON_OT_show_errors, fitted_skin
from ..scene.errors import REPORT, legend, shows_errors
from ..scene.materials import has_opacity
from ..scene.rig import channels, displayed_ranges, rig_of
from ..scene.rig_plan import Channel

_SLACK = math.radians(0.05)  # an angle that is keyed on its limit is not beyond it


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Osteon"


class OSTEON_PT_body(_Panel, bpy.types.Panel):
    bl_label = "Body"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        row = layout.row()
        row.scale_y = 1.3
        row.operator_menu_enum("osteon.add_body", "body", text="Add Body", icon="ARMATURE_DATA")


class OSTEON_PT_photo(_Panel, bpy.types.Panel):
    bl_label = "Photo"

    def draw(self, context: bpy.types.Context) -> None:
        _draw_long_work(self.layout, OSTEON_OT_image_to_skeleton, "IMAGE_DATA")


class OSTEON_PT_convert(_Panel, bpy.types.Panel):
    bl_label = "SMPL to SKEL"

    def draw(self, context: bpy.types.Context) -> None:
        _draw_long_work(self.layout, OSTEON_OT_convert_to_skel, "MOD_ARMATURE")
        _draw_long_work(self.layout, OSTEON_OT_import_motion, "IMPORT")


def _draw_long_work(layout: bpy.types.UILayout, operator: type[bpy.types.Operator], icon: str) -> None:
    """The button of long work, or how far it is."""
    work = current()
    row = layout.row(align=True)
    row.scale_y = 1.3
    if work is None or work.title != operator.bl_label:
        row.operator(operator.bl_idname, icon=icon)
        return
    row.progress(factor=work.state.fraction, text=work.text)
    if not work.is_reading:  # Esc then, since clicks get nowhere
        row.operator("osteon.cancel_job", text="", icon="X")


class OSTEON_PT_skeleton(_Panel, bpy.types.Panel):
    bl_label = "Skeleton"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return rig_of(context.object) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        rig = rig_of(context.object)
        row = layout.row()
        row.label(text=rig.name, icon="OUTLINER_OB_ARMATURE")
        row.label(text=str(rig.data["osteon_body"]))
        row = layout.row(align=True)
        row.prop(rig, "hide_viewport", text="Rig", toggle=True, invert_checkbox=True)
        for child in rig.children:
            text = child.name.rpartition(" ")[2]
            row.prop(child, "hide_viewport", text=text, toggle=True, invert_checkbox=True)
        for material in {child.active_material for child in rig.children}:
            if has_opacity(material):
                layout.prop(material, "diffuse_color", index=3, text="Skin Opacity", slider=True)


class OSTEON_PT_fit(_Panel, bpy.types.Panel):
    bl_label = "Fit"
    bl_parent_id = "OSTEON_PT_skeleton"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return REPORT in rig_of(context.object).data

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        column = layout.column(align=True)
        for part in str(rig_of(context.object).data[REPORT]).split(", ", 4):
            column.label(text=part)
        skin = fitted_skin(context)
        if skin is None:
            return
        layout.operator(OSTEON_OT_show_errors.bl_idname, depress=shows_errors(skin), icon="COLOR")
        grid = layout.row(align=True)
        for element, text in legend(skin):
            column = grid.column(align=True)
            column.prop(element, "color", text="")
            column.label(text=text)
        layout.label(text="mm from the surface")


class OSTEON_PT_joint(_Panel, bpy.types.Panel):
    bl_label = "Joint Angles"
    bl_parent_id = "OSTEON_PT_skeleton"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        rig = rig_of(context.object)
        bone = rig.data.bones.active and rig.pose.bones[rig.data.bones.active.name]
        joint = channels(bone) if bone else []
        if not joint:
            layout.label(text="Select a bone in Pose Mode", icon="BONE_DATA")
            return
        layout.label(text=bone.name, icon="BONE_DATA")
        for channel, limits in zip(joint, displayed_ranges(bone), strict=True):
            _draw_angle(layout, bone, channel, limits)


def _draw_angle(
    layout: bpy.types.UILayout, bone: bpy.types.PoseBone, channel: Channel, limits: tuple[float, float] | None
) -> None:
    """One angle by its name in q: its value in degrees, and where that lies between its limits."""
    name = POSE_NAMES[channel.parameter]
    angle = channel.sign * bone.rotation_euler[channel.axis]
    column = layout.column(align=True)
    row = column.row()
    row.label(text=name)
    value = row.row()
    value.alignment = "RIGHT"
    if limits is None:
        value.label(text=_degrees(angle))
        return
    low, high = limits
    beyond = not low - _SLACK <= angle <= high + _SLACK
    value.alert = beyond
    value.label(text=_degrees(angle), icon="ERROR" if beyond else "NONE")
    row = column.row(align=True)
    row.progress(factor=(angle - low) / max(high - low, _SLACK), text=f"{_degrees(low)} to {_degrees(high)}")


def _degrees(angle: float) -> str:
    return f"{math.degrees(angle):.0f}°"


CLASSES = (OSTEON_PT_body, OSTEON_PT_photo, OSTEON_PT_convert, OSTEON_PT_skeleton, OSTEON_PT_fit, OSTEON_PT_joint)
