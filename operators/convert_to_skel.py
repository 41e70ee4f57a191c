"""Converts a SMPL, STAR or open-smpl mesh, still or moving, to a SKEL body that lies in it."""

from pathlib import PurePath
from typing import Any

import bpy
import numpy as np

from ..core.errors import InputError
from .bodies import body_file, body_property, candidates, smoothness_property
from .long_work import LongWork

_SMALLEST, _LARGEST = 0.3, 5.0  # metres that a person may measure
_STILL = 1e-5  # metres within which a mesh does not move
_SMPL_VERTICES = 6890  # of SMPL's, STAR's and SKEL's skin


class OSTEON_OT_convert_to_skel(LongWork, bpy.types.Operator):
    """Fit a SKEL body to the active SMPL or STAR mesh on every frame, and key its joint angles"""

    bl_idname = "osteon.convert_to_skel"
    bl_label = "Convert to SKEL"
    bl_options = {"UNDO"}

    body: body_property("The SKEL body to fit", automatic=True)
    smoothness: smoothness_property()
    frame_start: bpy.props.IntProperty(
        name="Start", description="First frame to convert; the scene's if not given", options={"SKIP_SAVE"}
    )
    frame_end: bpy.props.IntProperty(
        name="End", description="Last frame to convert; the scene's if not given", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT" or context.object is None or context.object.type != "MESH":
            cls.poll_message_set("Select the mesh of a SMPL or STAR body in Object Mode")
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.properties.is_property_set("frame_start"):
            return self.start(context)
        self._set_range(context.scene)
        return self.ask(context.window_manager.invoke_props_dialog)

    def _set_range(self, scene: bpy.types.Scene) -> None:
        for name in ("frame_start", "frame_end"):
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(scene, name))

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "body")
        layout.prop(self, "smoothness")
        column = layout.column(align=True)
        column.prop(self, "frame_start")
        column.prop(self, "frame_end")

    def job(self, context: bpy.types.Context) -> tuple[str, dict[str, Any]]:
        from ..scene.surfaces import surface, surfaces

        self._set_range(context.scene)
        if self.frame_end < self.frame_start:
            raise InputError(f"The range ends on frame {self.frame_end}, before it starts on {self.frame_start}.")
        source = context.object
        points, triangles = surface(context, source)
        self._name = source.name
        self._body, vertices = self._recognised(context, points, triangles)
        size = np.ptp(points[vertices], axis=0).max()
        if not _SMALLEST < size < _LARGEST:
            raise InputError(
                f"{source.name} measures {size:.3g} m, which no person does: "
                "scale it, or set what a unit is in the scene's Units."
            )
        self._frames = np.arange(self.frame_start, self.frame_end + 1)
        manager = context.window_manager
        manager.progress_begin(0.0, 1.0)
        try:
            skin = surfaces(context, source, self._frames.tolist(), vertices, manager.progress_update)
        finally:
            manager.progress_end()
        if np.abs(skin - skin[0]).max() < _STILL:
            skin, self._frames = skin[:1], None
        return "fit_surface", {"skin": skin, "body": self._body, "smoothness": self.smoothness}

    def _recognised(
        self, context: bpy.types.Context, points: np.ndarray, triangles: np.ndarray
    ) -> tuple[str, np.ndarray]:
        """The body whose skin the mesh is, as `load_skel` takes it, and for each of its vertices the mesh's."""
        from ..core.bodies.load import load_skel
        from ..core.bodies.topology import match_topology, part_sizes

        source, gender = context.object, _gender(context.object)
        for path in candidates(context, self.body, gender):
            body = load_skel(path)
            try:
                return path, match_topology(points, triangles, body.data.skin_template, body.faces, source.name)
            except InputError as error:
                refusal = error
        if body.n_skin != _SMPL_VERTICES and _SMPL_VERTICES in part_sizes(points, triangles):
            body_file(context, "skel-female" if gender == "female" else "skel-male")  # says what is not set
        raise refusal

    def apply(self, context: bpy.types.Context, result: Any) -> str:
        from ..core.bodies.load import load_skel
        from ..scene.fit import REPORT, add_fit

        fit = add_fit(context, load_skel(self._body), result, f"{self._name.removesuffix(' Skin')} SKEL", self._frames)
        return str(fit.armature.data[REPORT])


def _gender(obj: bpy.types.Object) -> str:
    """What the names of a mesh and its armature say, such as SMPL-female or f_avg, else neutral."""
    from ..core.bodies.model_file import gender_of

    names = [obj.name, obj.data.name, *([obj.parent.name] if obj.parent else [])]
    said = ["child" if "child" in name.lower() else gender_of({}, PurePath(name)) for name in names]
    return next((gender for gender in said if gender != "neutral"), "neutral")


CLASSES = (OSTEON_OT_convert_to_skel,)
