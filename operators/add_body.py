"""Adds a body at the 3D cursor."""

import bpy

from .bodies import body_file, body_property
from .report import reporting
from .unchanged import unchanged_on_error

_SLIDERS = 4


class OSTEON_OT_add_body(bpy.types.Operator):
    """Add a body with its skeleton: skin, bones and an armature whose channels are the joint angles"""

    bl_idname = "osteon.add_body"
    bl_label = "Add Body"
    bl_options = {"REGISTER", "UNDO"}

    body: body_property("The body to add")
    joints: bpy.props.EnumProperty(
        name="Joints",
        description="What moves the body",
        items=(
            ("SKEL", "SKEL", "The joints of a skeleton with its bones, whose channels are the joint angles"),
            ("SMPL", "SMPL", "SMPL's 24 ball joints and no bones, as a body from elsewhere that Convert to SKEL takes"),
        ),
    )
    betas: bpy.props.FloatVectorProperty(
        name="Shape",
        description="Shape of the body in standard deviations from the mean, the most telling component first",
        size=10,
        soft_min=-2.0,
        soft_max=2.0,
        step=10,
    )
    measured: bpy.props.BoolProperty(
        name="Height and Weight", description="The likeliest shape of a height and a weight, instead of the one above"
    )
    stature: bpy.props.FloatProperty(
        name="Height",
        description="In metres, from sole to crown",
        default=1.70,
        min=0.5,
        max=2.5,
        step=1,
        precision=2,
    )
    mass: bpy.props.FloatProperty(
        name="Weight",
        description="In kilograms, from the volume of the skin",
        default=65,
        min=5,
        max=250,
        step=100,
        precision=1,
    )
    detail: bpy.props.EnumProperty(
        name="Detail",
        description="How finely the bones are drawn",
        items=(
            ("MEDIUM", "Medium", "All vertices that the model has"),
            ("LIGHT", "Light", "About a quarter of the bones' vertices, for many bodies in one scene"),
        ),
        default="MEDIUM",
    )
    location: bpy.props.FloatVectorProperty(
        name="Location",
        description="Where the feet stand; at the 3D cursor if not given",
        subtype="TRANSLATION",
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        return reporting(self, self._add, context)

    def _add(self, context: bpy.types.Context) -> set[str]:
        if not self.properties.is_property_set("location"):
            self.location = context.scene.cursor.location
        import torch

        from ..core.bodies.load import load_skel
        from ..core.bodies.open_smpl import smpl_from_skel
        from ..core.bodies.smpl import Smpl
        from ..core.bodies.stature import betas_for
        from ..scene.axes import to_blender
        from ..scene.body import add_body
        from ..scene.smpl import add_smpl_body
        from ..scene.surfaces import metres

        body = load_skel(body_file(context, self.body))
        betas = torch.tensor([list(self.betas)], dtype=torch.float64)[:, : body.n_betas]
        if self.measured:
            betas = torch.as_tensor(betas_for(body, self.stature, self.mass))[None]
        skin = body(torch.zeros(1, len(body.pose_names), dtype=torch.float64), betas).skin[0]
        lowest = to_blender(skin.numpy())[:, 2].min()
        x, y, z = self.location
        with unchanged_on_error(context):
            place = x, y, z - float(lowest) / metres(context.scene)
            if self.joints == "SMPL":
                add_smpl_body(context, Smpl(smpl_from_skel(body)), betas[0].numpy(), place)
            else:
                add_body(context, body, betas[0].numpy(), location=place, light=self.detail == "LIGHT")
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "body")
        layout.prop(self, "joints")
        column = layout.column(align=True)
        column.active = not self.measured
        for i in range(_SLIDERS):
            column.prop(self, "betas", index=i, text="Shape" if i == 0 else " ", slider=True)
        layout.prop(self, "measured")
        column = layout.column(align=True)
        column.active = self.measured
        column.prop(self, "stature", text="Height (m)")
        column.prop(self, "mass", text="Weight (kg)")
        layout.prop(self, "detail")
        layout.prop(self, "location")


def draw_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """The entry in Add > Armature."""
    self.layout.operator_menu_enum(OSTEON_OT_add_body.bl_idname, "body", text="Osteon Body", icon="ARMATURE_DATA")


CLASSES = (OSTEON_OT_add_body,)
MENUS = ((bpy.types.VIEW3D_MT_armature_add, draw_menu),)
