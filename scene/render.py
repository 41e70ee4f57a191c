"""Pictures of bodies: around them in a neutral studio, and over the photo they came from. Rendered by Cycles."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import bpy
import numpy as np
from mathutils import Matrix, Vector

from .body import BodyObjects

SAMPLES = 16
BACKGROUND = (0.045, 0.05, 0.058)  # linear
MARGIN = 0.05  # of the height, on every side
# Camera azimuths as seen by the person: in front, at the left, between them.
VIEWS = {"front": 0.0, "side": 90.0, "three quarter": 40.0}
# Suns: energy, and where they shine to.
LIGHTS = (("Key", 2.7, (-0.7, 0.6, -0.7)), ("Fill", 1.0, (0.8, 0.7, -0.2)), ("Rim", 1.2, (0.6, -0.8, -0.5)))


def render_views(objects: BodyObjects, path: Path, height: int = 900) -> None:
    """Renders a body from the front, the side and three quarters, at one scale beside each other, into one PNG.

    The skin is half transparent over the bones, as its material has it. height: of the picture in pixels
    """
    points, heading = _vertices(objects.skin), _heading(objects.armature)
    with _studio([objects.collection]) as scene, TemporaryDirectory() as folder:
        views = {name: _look_from(heading + math.radians(azimuth)) for name, azimuth in VIEWS.items()}
        seen = [points @ np.array(rotation) for rotation in views.values()]
        low, high = min(s[:, 1].min() for s in seen), max(s[:, 1].max() for s in seen)
        metres = (high - low) * (1 + 2 * MARGIN)  # what the picture is high
        pictures = []
        for (name, rotation), s in zip(views.items(), seen, strict=True):
            centre = np.array([(s[:, 0].min() + s[:, 0].max()) / 2, (low + high) / 2, s[:, 2].max() + 1])
            width = np.ptp(s[:, 0]) + 2 * MARGIN * (high - low)
            scene.render.resolution_x, scene.render.resolution_y = math.ceil(width / metres * height), height
            camera = scene.camera.data
            camera.type, camera.sensor_fit, camera.ortho_scale = "ORTHO", "VERTICAL", metres
            scene.camera.matrix_world = Matrix.Translation(rotation @ Vector(centre)) @ rotation.to_4x4()
            pictures.append(_rendered(scene, Path(folder) / f"{name}.png"))
    _save(np.concatenate(pictures, axis=1), path)


def render_overlay(people: Sequence[BodyObjects], camera: bpy.types.Object, photo: bpy.types.Image, path: Path) -> None:
    """Renders the bones of people as the photo's camera sees them, over the photo, into a PNG."""
    width, height = photo.size
    with _studio([p.collection for p in people]) as scene, TemporaryDirectory() as folder:
        scene.camera = camera
        scene.render.resolution_x, scene.render.resolution_y = width, height
        scene.render.film_transparent = True
        with _hidden([p.skin for p in people]):
            bones = _rendered(scene, Path(folder) / "bones.png")
    under = np.empty(width * height * 4, np.float32)
    photo.pixels.foreach_get(under)
    _save(_over(bones, under.reshape(height, width, 4)[..., :3]), path)


def _over(picture: np.ndarray, under: np.ndarray) -> np.ndarray:
    """A picture with straight alpha (H, W, 4) laid over another (H, W, 3); display values."""
    alpha = picture[..., 3:]
    return np.concatenate([picture[..., :3] * alpha + under * (1 - alpha), np.ones_like(alpha)], -1)


@contextmanager
def _hidden(objects: Sequence[bpy.types.Object]) -> Iterator[None]:
    before = [obj.hide_render for obj in objects]
    for obj in objects:
        obj.hide_render = True
    try:
        yield
    finally:
        for obj, value in zip(objects, before, strict=True):
            obj.hide_render = value


@contextmanager
def _studio(collections: Sequence[bpy.types.Collection]) -> Iterator[bpy.types.Scene]:
    """A scene of its own with soft light around the given collections; nothing of it stays."""
    import addon_utils

    addon_utils.enable("cycles")
    scene = bpy.data.scenes.new("Osteon Studio")
    made: list[bpy.types.ID] = [scene]
    try:
        scene.frame_set(bpy.context.scene.frame_current)
        for collection in collections:
            scene.collection.children.link(collection)
        scene.world = _backdrop()
        made.append(scene.world)
        for name, energy, direction in LIGHTS:
            light = bpy.data.lights.new(name, "SUN")
            light.energy = energy
            light.angle = 0.15
            obj = bpy.data.objects.new(name, light)
            made.extend([light, obj])
            obj.rotation_euler = Vector(direction).to_track_quat("-Z", "Y").to_euler()
            scene.collection.objects.link(obj)
        camera = bpy.data.cameras.new("Studio Camera")
        made.append(camera)
        scene.camera = bpy.data.objects.new("Studio Camera", camera)
        made.append(scene.camera)
        scene.collection.objects.link(scene.camera)
        scene.render.engine = "CYCLES"
        scene.cycles.device = "CPU"
        scene.cycles.samples = SAMPLES
        scene.cycles.use_denoising = True
        scene.cycles.transparent_max_bounces = 32
        scene.view_settings.view_transform = "Standard"
        scene.render.resolution_percentage = 100
        scene.render.image_settings.file_format = "PNG"
        scene.render.image_settings.color_mode = "RGBA"
        yield scene
    finally:
        bpy.data.batch_remove(made)


def _backdrop() -> bpy.types.World:
    """A world that lights softly, and that the camera sees as a plain background."""
    world = bpy.data.worlds.new("Osteon Studio")
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    nodes.clear()
    output, mix, path = (nodes.new(f"ShaderNode{kind}") for kind in ("OutputWorld", "MixShader", "LightPath"))
    links.new(path.outputs["Is Camera Ray"], mix.inputs[0])
    links.new(mix.outputs[0], output.inputs["Surface"])
    for place, colour, strength in ((1, (0.78, 0.82, 0.9), 0.45), (2, BACKGROUND, 1.0)):
        background = nodes.new("ShaderNodeBackground")
        background.inputs["Color"].default_value = (*colour, 1.0)
        background.inputs["Strength"].default_value = strength
        links.new(background.outputs[0], mix.inputs[place])
    return world


def _vertices(obj: bpy.types.Object) -> np.ndarray:
    """The vertices (V, 3) of a mesh object as evaluated, in the world."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.data
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    matrix = np.array(evaluated.matrix_world)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def _heading(armature: bpy.types.Object) -> float:
    """Which way the pelvis faces: 0 along -Y, turning left from there."""
    bone = armature.pose.bones["pelvis"]
    turn = (armature.matrix_world @ bone.matrix @ bone.bone.matrix_local.inverted()).to_3x3()
    forward = turn @ Vector((0.0, -1.0, 0.0))
    return math.atan2(forward.x, -forward.y)


def _look_from(azimuth: float) -> Matrix:
    """The axes of a camera that looks at the origin from an azimuth around the world's z, slightly from above."""
    return Vector((math.sin(azimuth), -math.cos(azimuth), 0.06)).to_track_quat("Z", "Y").to_matrix()


def _rendered(scene: bpy.types.Scene, path: Path) -> np.ndarray:
    """Renders a scene and gives the picture (height, width, 4), bottom row first."""
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True, scene=scene.name)
    image = bpy.data.images.load(str(path))
    try:
        pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
        image.pixels.foreach_get(pixels)
        return pixels.reshape(image.size[1], image.size[0], 4)
    finally:
        bpy.data.images.remove(image)


def _save(pixels: np.ndarray, path: Path) -> None:
    """Writes a picture (height, width, 4), bottom row first, as PNG."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new("Osteon Picture", width, height)
    try:
        image.pixels.foreach_set(np.ascontiguousarray(pixels, np.float32).ravel())
        image.file_format = "PNG"
        image.filepath_raw = str(path)
        image.save()
    finally:
        bpy.data.images.remove(image)
