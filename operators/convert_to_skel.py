"""Converts a SMPL, STAR or open-smpl mesh, still or moving, to a SKEL body that lies in it."""

import re
from collections.abc import Generator
from pathlib import PurePath
from typing import Any

import bpy
import numpy as np

from ..core.errors import InputError
from .bodies import AUTO, body_file, body_property, licensed_for, smoothness_property
from .long_work import LongWork

_SMALLEST, _LARGEST = 0.3, 5.0  # metres that a person may measure
_STILL = 1e-5  # metres within which a mesh does not move
_UNEVEN = 1.01  # how far the scales of a mesh along its axes may differ before it is said
_SMPL_VERTICES = 6890  # of SMPL's, STAR's and SKEL's skin
_SMPLX_VERTICES = 10475
_OPEN_VERTICES = 12169  # of the open bodies' skin


class OSTEON_OT_convert_to_skel(LongWork, bpy.types.Operator):
    """Fit a SKEL body to the active SMPL or STAR mesh on every frame, and key its joint angles"""

    bl_idname = "osteon.convert_to_skel"
    bl_label = "Convert to SKEL"
    bl_options = {"UNDO"}

    body: body_property("The SKEL body to fit", automatic=True)
    smoothness: smoothness_property()
    frame_start: bpy.props.IntProperty(
        name="Start",
        description="First frame to convert; the first of the preview range or the scene if not given",
        options={"SKIP_SAVE"},
    )
    frame_end: bpy.props.IntProperty(
        name="End",
        description="Last frame to convert; poses without keys count only when the current frame is converted alone",
        options={"SKIP_SAVE"},
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
                kept = name.replace("frame_", "frame_preview_") if scene.use_preview_range else name
                setattr(self, name, getattr(scene, kept))

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "body")
        layout.prop(self, "smoothness")
        column = layout.column(align=True)
        column.prop(self, "frame_start")
        column.prop(self, "frame_end")

    def read(self, context: bpy.types.Context) -> Generator[float, None, None]:
        from ..scene.surfaces import surfaces

        self._set_range(context.scene)
        if self.frame_end < self.frame_start:
            raise InputError(f"The range ends on frame {self.frame_end}, before it starts on {self.frame_start}.")
        source = context.object
        self._name = re.sub(r" Skin(\.\d+)?$", "", source.name)
        self._notes: list[str] = []
        self._frames = np.arange(self.frame_start, self.frame_end + 1)

        def recognise(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
            self._body, vertices = self._recognised(context, source, points, triangles)
            size = np.ptp(points[vertices], axis=0).max()
            if not _SMALLEST < size < _LARGEST:
                raise InputError(
                    f"{source.name} measures {size:.3g} m, which no person does: "
                    "scale it, or set what a unit is in the scene's Units."
                )
            return vertices

        self._skin = yield from surfaces(context, source, self._frames.tolist(), recognise)
        scale = np.abs(source.matrix_world.to_scale())
        if scale.max() > _UNEVEN * scale.min():
            self._notes.append("the mesh is scaled unevenly")
        if all(np.abs(points - self._skin[0]).max() < _STILL for points in self._skin):
            self._skin, self._frames = self._skin[:1], None

    def job(self, context: bpy.types.Context) -> tuple[str, dict[str, Any]]:
        skin, self._skin = self._skin, None  # large, and not needed any more
        return "fit_surface", {"skin": skin, "body": self._body, "smoothness": self.smoothness}

    def _recognised(
        self, context: bpy.types.Context, source: bpy.types.Object, points: np.ndarray, triangles: np.ndarray
    ) -> tuple[str, np.ndarray]:
        """The body whose skin the mesh is, as `load_skel` takes it, and for each of its vertices the mesh's."""
        from ..core.bodies.load import LICENSED, load_skel
        from ..core.bodies.topology import match_topology, part_sizes
        from ..scene.surfaces import rebuilding

        sizes = part_sizes(points, triangles)
        counts = [*sizes, len(source.data.vertices)]
        if _SMPLX_VERTICES in counts:
            raise InputError(
                f"{source.name} is a SMPL-X mesh, whose {_SMPLX_VERTICES:,} vertices are not those of SKEL's skin: "
                "take the same body of SMPL or SMPL-H."
            )
        gender = _gender(source)
        path = self._body_for(context, counts, gender)
        body = load_skel(path)
        try:
            found = match_topology(points, triangles, body.data.skin_template, body.faces, source.name, body.name)
        except InputError as error:
            if _SMPL_VERTICES in counts and body.n_skin != _SMPL_VERTICES:
                skel = next(licensed for licensed in LICENSED if licensed.kind == "SKEL")
                file = f"skel_{gender}.pkl" if gender in ("male", "female") else skel.files
                raise InputError(
                    f"{source.name} is a SMPL or STAR mesh, which needs a SKEL body instead of {body.name}: "
                    f"set {file}, from https://{skel.site}, in Preferences > Add-ons > Osteon."
                ) from error
            if len(points) != len(source.data.vertices) and rebuilding(source):
                raise InputError(
                    f"{source.name} is not the skin of {body.name}, with {len(points):,} vertices instead of "
                    f"{len(source.data.vertices):,} by its modifiers: turn off {rebuilding(source)}."
                ) from error
            raise
        if sizes.count(body.n_skin) > 1:
            self._notes.append(f"the first of {sizes.count(body.n_skin)} bodies in the mesh")
        return path, found

    def _body_for(self, context: bpy.types.Context, counts: list[int], gender: str) -> str:
        """What `load_skel` takes for the body whose skin has about as many vertices as the mesh or a part of it."""
        if self.body != AUTO:
            return body_file(context, self.body)
        if gender == "neutral":
            self._notes.append("gender not known")
        to_smpl, to_open = (min(abs(count - n) for count in counts) for n in (_SMPL_VERTICES, _OPEN_VERTICES))
        return (to_smpl < to_open and licensed_for(context, gender)) or f"open-{gender}"

    def apply(self, context: bpy.types.Context, result: Any) -> str:
        from ..core.bodies.load import load_skel
        from ..scene.errors import REPORT
        from ..scene.fit import add_fit

        fit = add_fit(context, load_skel(self._body), result, f"{self._name} SKEL", self._frames, self._notes)
        return str(fit.armature.data[REPORT])


def _gender(obj: bpy.types.Object) -> str:
    """What the names of a mesh and its armature say, such as SMPL-female or f_avg, else neutral."""
    from ..core.bodies.model_file import gender_of

    names = [obj.name, obj.data.name, *([obj.parent.name] if obj.parent else [])]
    said = ["child" if "child" in name.lower() else gender_of({}, PurePath(name)) for name in names]
    return next((gender for gender in said if gender != "neutral"), "neutral")


CLASSES = (OSTEON_OT_convert_to_skel,)
