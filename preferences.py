"""Where the user's licensed model files are."""

from pathlib import Path

import bpy


class OSTEON_AP_preferences(bpy.types.AddonPreferences):
    """The extension's preferences."""

    bl_idname = __package__

    skel_female: bpy.props.StringProperty(
        name="SKEL Female", description="The file skel_female.pkl, licensed to you", subtype="FILE_PATH"
    )
    skel_male: bpy.props.StringProperty(
        name="SKEL Male", description="The file skel_male.pkl, licensed to you", subtype="FILE_PATH"
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.label(text="Osteon ships open bodies. SKEL models are licensed to each user, at skel.is.tue.mpg.de:")
        for name in ("skel_female", "skel_male"):
            path = getattr(self, name)
            row = layout.row()
            row.prop(self, name)
            found = bool(path) and Path(bpy.path.abspath(path)).is_file()
            row.label(icon="CHECKMARK" if found else "ERROR" if path else "BLANK1")


def preferences(context: bpy.types.Context) -> OSTEON_AP_preferences | None:
    """The extension's preferences; None where it is registered without being an add-on, as in a script."""
    addon = context.preferences.addons.get(__package__)
    return addon.preferences if addon else None


CLASSES = (OSTEON_AP_preferences,)
