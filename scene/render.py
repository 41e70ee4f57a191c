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
BACKGROUND = (0.16, 0.17, 0.19)
# Camera azimuths as seen by the person: in front, at the left, between them.
VIEWS = {"front": 0.0, "side": 90.0, "three quarter": 40.0}


def render_views(objects: BodyObjects, path: Path, size: tuple[int, int] = (600, 900)) -> None:
    """Renders a body from the front, the side and three quarters beside each other into one PNG."""
    with _studio([objects.collection], size) as scene, TemporaryDirectory() as folder:
        points = _vertices(objects.skin)
        pictures = []
        for name, azimuth in VIEWS.items():
            _look_at(scene, points, _heading(objects.armature) + math.radians(azimuth))
            pictures.append(_rendered(scene, Path(folder) / f"{name}.png"))
    _save(_over(np.concatenate(pictures, axis=1), np.array(BACKGROUND)), path)


def render_overlay(people: Sequence[BodyObjects], camera: bpy.types.Object, photo: bpy.types.Image, path: Path) -> None:
    """Renders the bones of people as the photo's camera sees them, over the photo, into a PNG."""
    width, height = photo.size
    with _studio([p.collection for p in people], (width, height)) as scene, TemporaryDirectory() as folder:
        scene.camera = camera
        with _hidden([p.skin for p in people]):
            bones = _rendered(scene, Path(folder) / "bones.png")
    under = np.empty(width * height * 4, np.float32)
    photo.pixels.foreach_get(under)
    _save(_over(bones, under.reshape(height, width, 4)[..., :3]), path)


def _over(picture: np.ndarray, under: np.ndarray) -> np.ndarray:
    """A picture with straight alpha (H, W, 4) laid over another (H, W, 3) or a colour; display values."""
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
def _studio(collections: Sequence[bpy.types.Collection], size: tuple[int, int]) -> Iterator[bpy.types.Scene]:
    """A scene of its own with soft light around the given collections; nothing of it stays."""
    import addon_utils

    addon_utils.enable("cycles")
    scene = bpy.data.scenes.new("Osteon Studio")
    made: list[bpy.types.ID] = [scene]
    try:
        scene.frame_set(bpy.context.scene.frame_current)
        for collection in collections:
            scene.collection.children.link(collection)
        world = bpy.data.worlds.new("Osteon Studio")
        made.append(world)
        world.use_nodes = True
        background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
        background.inputs["Color"].default_value = (0.75, 0.80, 0.88, 1.0)
        background.inputs["Strength"].default_value = 0.35
        scene.world = world
        for name, energy, direction in (("Key", 3.0, (-0.7, 0.6, -0.7)), ("Rim", 2.0, (0.8, -0.6, -0.3))):
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
        scene.cycles.use_denoising = False
        scene.render.film_transparent = True
        scene.cycles.transparent_max_bounces = 32
        scene.view_settings.view_transform = "Standard"
        scene.render.resolution_x, scene.render.resolution_y = size
        scene.render.resolution_percentage = 100
        scene.render.image_settings.file_format = "PNG"
        scene.render.image_settings.color_mode = "RGBA"
        yield scene
    finally:
        bpy.data.batch_remove(made)


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


def _look_at(scene: bpy.types.Scene, points: np.ndarray, azimuth: float) -> None:
    """Puts an orthographic camera at an azimuth around the world's z so that the points fill the picture."""
    outward = Vector((math.sin(azimuth), -math.cos(azimuth), 0.06)).normalized()
    rotation = outward.to_track_quat("Z", "Y").to_matrix()
    seen = points @ np.array(rotation)
    low, high = seen.min(0), seen.max(0)
    centre = rotation @ Vector((low + high) / 2)
    camera = scene.camera
    camera.data.type = "ORTHO"
    camera.data.sensor_fit = "VERTICAL"
    width, height = scene.render.resolution_x, scene.render.resolution_y
    camera.data.ortho_scale = 1.06 * max(high[1] - low[1], (high[0] - low[0]) * height / width)
    camera.matrix_world = Matrix.Translation(centre + outward * 5) @ rotation.to_4x4()


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
