"""Where the user's licensed model files are, and what was found there."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from .core.errors import InputError

if TYPE_CHECKING:
    from .core.bodies.licensed import Examined

# What the last check found; None before there was one. Reading models takes seconds, so drawing never does it.
_examined: "list[Examined] | None" = None


def _forget(self: object, context: bpy.types.Context) -> None:
    global _examined
    _examined = None


def _file(name: str) -> object:
    return bpy.props.StringProperty(
        name=f"SKEL {name.title()}",
        description=f"The file skel_{name}.pkl, licensed to you, if it is not in the folder",
        subtype="FILE_PATH",
        update=_forget,
    )


class OSTEON_AP_preferences(bpy.types.AddonPreferences):
    """The extension's preferences."""

    bl_idname = __package__

    models: bpy.props.StringProperty(
        name="Models",
        description="The folder with the SKEL, SMPL and STAR files that are licensed to you, as they were downloaded",
        subtype="DIR_PATH",
        update=_forget,
    )
    skel_female: _file("female")
    skel_male: _file("male")

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.label(
            text="Osteon ships open bodies. SKEL, SMPL and STAR models are licensed to each user by their makers:"
        )
        row = layout.row()
        row.prop(self, "models")
        row.label(icon=_mark(self.models, Path.is_dir))
        for name in ("skel_female", "skel_male"):
            row = layout.row()
            row.prop(self, name)
            row.label(icon=_mark(getattr(self, name), Path.is_file))
        layout.operator(OSTEON_OT_check_models.bl_idname, icon="VIEWZOOM")
        if _examined is None:
            return
        column = layout.column(align=True)
        for model in _examined:
            row = column.row()
            row.label(text=model.path.name, icon="CHECKMARK" if model.kind else "ERROR")
            row.label(text=model.what)
        from .core.bodies.licensed import missing

        for kind, files, site in missing(_examined):
            row = column.row()
            row.label(text=f"{kind} is missing", icon="BLANK1")
            row.label(text=files)
            row.operator("wm.url_open", text=site, icon="URL").url = f"https://{site}"


class OSTEON_OT_check_models(bpy.types.Operator):
    """Read your model files, and list which are found and sound and which are missing"""

    bl_idname = "osteon.check_models"
    bl_label = "Check Models"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return preferences(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        global _examined
        from .core.bodies.licensed import Examined, examine, model_files

        settings = preferences(context)
        files, folder = (
            [Path(bpy.path.abspath(path)) for path in paths if path]
            for paths in ((settings.skel_female, settings.skel_male), (settings.models,))
        )
        files += model_files(folder[0]) if folder and folder[0].is_dir() else folder
        _examined = [
            examine(path) if path.is_file() else Examined(path, "", "", f"{path} is not there")
            for path in dict.fromkeys(files)
        ]
        sound = sum(bool(model.kind) for model in _examined)
        self.report({"INFO"}, f"{sound} of {len(_examined)} files are sound models")
        return {"FINISHED"}


def _mark(path: str, exists) -> str:
    return "BLANK1" if not path else "CHECKMARK" if exists(Path(bpy.path.abspath(path))) else "ERROR"


def preferences(context: bpy.types.Context) -> OSTEON_AP_preferences | None:
    """The extension's preferences; None where it is registered without being an add-on, as in a script."""
    addon = context.preferences.addons.get(__package__)
    return addon.preferences if addon else None


def models_folder(context: bpy.types.Context) -> Path | None:
    """The folder of the user's models, None where none is set.

    Raises
    ------
    InputError
        When it is not there.
    """
    return set_path(context, "models")


def set_path(context: bpy.types.Context, name: str) -> Path | None:
    """The file or folder that one of the preferences names, None where it names none.

    Raises
    ------
    InputError
        When it is not there.
    """
    settings = preferences(context)
    path = Path(bpy.path.abspath(getattr(settings, name, "")))
    if not getattr(settings, name, ""):
        return None
    if not path.exists():
        label = settings.bl_rna.properties[name].name
        raise InputError(f"{path} is not there: choose {label} anew in Preferences > Add-ons > Osteon.")
    return path


CLASSES = (OSTEON_AP_preferences, OSTEON_OT_check_models)
