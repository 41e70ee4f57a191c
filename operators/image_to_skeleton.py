"""Turns a photo into the rigged bodies of the people in it, seen by the photo's camera."""

from pathlib import Path
from typing import Any

import bpy

from .bodies import body_file, body_property
from .long_work import LongWork
from .photo import load_photo, read_photo

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")


class OSTEON_OT_image_to_skeleton(LongWork, bpy.types.Operator):
    """Find the people in a photo and give each a body with its skeleton, posed as in the photo"""

    bl_idname = "osteon.image_to_skeleton"
    bl_label = "Photo to Skeleton"
    bl_options = {"UNDO"}

    filepath: bpy.props.StringProperty(
        name="Photo", description="The photo's file", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    body: body_property("The body that everybody in the photo gets")
    max_people: bpy.props.IntProperty(
        name="People",
        description="At most so many people, the largest in the photo first",
        default=4,
        min=1,
        soft_max=20,
    )
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self.start(context) if self.filepath else self.ask(context.window_manager.fileselect_add)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        self.layout.prop(self, "body")
        self.layout.prop(self, "max_people")

    def job(self, context: bpy.types.Context) -> tuple[str, dict[str, Any]]:
        path = bpy.path.abspath(self.filepath)
        arguments = {
            "body": body_file(context, self.body),
            "image": read_photo(path),
            "name": Path(path).name,
            "max_people": self.max_people,
        }
        return "image_to_skeleton", arguments

    def apply(self, context: bpy.types.Context, result: Any) -> str:
        from ..core.bodies.load import load_skel
        from ..scene.people import add_people

        image = load_photo(bpy.path.abspath(self.filepath))
        add_people(context, load_skel(result["body"]), result, image)
        count = len(result["people"])
        worst = max(person["relative_reprojection"] for person in result["people"])
        return f"{count} {'person' if count == 1 else 'people'} found, landmarks within {worst:.1%} of their height"


class OSTEON_FH_photo(bpy.types.FileHandler):
    """Photos dropped into the 3D view."""

    bl_idname = "OSTEON_FH_photo"
    bl_label = "Photo to Skeleton"
    bl_import_operator = OSTEON_OT_image_to_skeleton.bl_idname
    bl_file_extensions = ";".join(EXTENSIONS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


def draw_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """The entry in File > Import."""
    self.layout.operator(OSTEON_OT_image_to_skeleton.bl_idname, text="Photo to Skeleton (Osteon)")


CLASSES = (OSTEON_OT_image_to_skeleton, OSTEON_FH_photo)
MENUS = ((bpy.types.TOPBAR_MT_file_import, draw_menu),)
