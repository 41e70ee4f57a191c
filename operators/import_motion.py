"""Reads a motion file into a keyed body: SKEL's as it is, SMPL's and AMASS' converted."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from ..core.errors import InputError
from ..preferences import models_folder
from .bodies import AUTO, body_file, body_property, licensed_for, smoothness_property
from .long_work import LongWork

if TYPE_CHECKING:
    from ..core.exchange.motion import Motion


class OSTEON_OT_import_motion(LongWork, bpy.types.Operator):
    """Read a SKEL, SMPL or AMASS motion into a body with its skeleton, keyed from the scene's first frame on"""

    bl_idname = "osteon.import_motion"
    bl_label = "Import Motion"
    bl_options = {"UNDO"}

    filepath: bpy.props.StringProperty(
        name="Motion", description="The motion's file", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    body: body_property("The SKEL body that moves", automatic=True)
    smoothness: smoothness_property()
    up: bpy.props.EnumProperty(
        name="Up",
        description="What points up in the file",
        items=(
            ("auto", "Automatic", "Z in AMASS files, Y in others"),
            ("y", "Y", "The file's y axis"),
            ("z", "Z", "The file's z axis"),
        ),
    )
    set_rate: bpy.props.BoolProperty(
        name="Set Frame Rate",
        description="The scene takes the motion's frame rate; else the motion is resampled to the scene's",
    )
    filter_glob: bpy.props.StringProperty(default="*.npz;*.pkl", options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self.start(context) if self.filepath else self.ask(context.window_manager.fileselect_add)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        for name in ("body", "up", "set_rate", "smoothness"):
            self.layout.prop(self, name)

    def job(self, context: bpy.types.Context) -> tuple[str, dict[str, Any]]:
        from ..core.bodies.load import OPEN_BODIES
        from ..core.exchange.motion_files import load_motion

        if not self.filepath:
            raise InputError("No motion is chosen: name a .npz or .pkl file.")
        path = bpy.path.abspath(self.filepath)
        motion = load_motion(path)
        self._name, self._body = motion.name, self._body_for(context, motion)
        self._notes = ["gender not known"] if self.body == AUTO and motion.gender == "neutral" else []
        if self._body in OPEN_BODIES and motion.body != self._body and motion.betas.any():
            self._notes.append("the shape is the open body's, not the file's")
        smpl = None
        if motion.kind == "smpl" and self._body in OPEN_BODIES:
            smpl = self._body.replace("open", "open-smpl")
        elif motion.kind == "smpl":
            smpl = models_folder(context)
            if smpl is None:
                raise InputError(
                    f"{Path(path).name} moves a SMPL body: set the folder with your SMPL or SMPL-H models in "
                    "Preferences > Add-ons > Osteon, or choose an open body."
                )
        render = context.scene.render
        arguments = {
            "motion": path,
            "smpl": smpl and str(smpl),
            "skel": self._body,
            "up": None if self.up == "auto" else self.up,
            "smoothness": self.smoothness,
            "fps": None if self.set_rate else render.fps / render.fps_base,
        }
        return "skel_motion", arguments

    def _body_for(self, context: bpy.types.Context, motion: "Motion") -> str:
        """What `load_skel` takes for the body that moves."""
        from ..core.bodies.load import OPEN_BODIES

        if self.body != AUTO:
            return body_file(context, self.body)
        if motion.kind == "skel" and motion.body in OPEN_BODIES:
            return motion.body
        gender = motion.gender
        # SKEL models are male or female, and the neutral SMPL model of a neutral SMPL motion can only be in the folder.
        if gender == "child" or (gender == "neutral" and (motion.kind == "skel" or models_folder(context) is None)):
            return f"open-{gender}"
        return licensed_for(context, gender) or f"open-{gender}"

    def apply(self, context: bpy.types.Context, result: Any) -> str:
        from ..core.bodies.load import load_skel
        from ..scene.errors import REPORT
        from ..scene.fit import add_fit

        scene = context.scene
        frames = scene.frame_start + np.arange(len(result["poses"]))
        fit = add_fit(context, load_skel(self._body), result, self._name, frames, self._notes)
        scene.frame_end = max(scene.frame_end, int(frames[-1]))
        if self.set_rate:
            scene.render.fps = max(round(result["fps"]), 1)
            scene.render.fps_base = scene.render.fps / result["fps"]
        return str(fit.armature.data[REPORT])


class OSTEON_FH_motion(bpy.types.FileHandler):
    """Motion files dropped into the 3D view."""

    bl_idname = "OSTEON_FH_motion"
    bl_label = "SMPL / SKEL Motion"
    bl_import_operator = OSTEON_OT_import_motion.bl_idname
    bl_file_extensions = ".npz;.pkl"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


def draw_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """The entry in File > Import."""
    self.layout.operator(OSTEON_OT_import_motion.bl_idname, text="SMPL / SKEL Motion (.npz, .pkl)")


CLASSES = (OSTEON_OT_import_motion, OSTEON_FH_motion)
MENUS = ((bpy.types.TOPBAR_MT_file_import, draw_menu),)
