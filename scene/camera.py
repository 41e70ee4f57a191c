"""A camera that sees what the camera of a photo saw."""

import bpy
from mathutils import Matrix

from .axes import to_blender
from .surfaces import metres

_SENSOR_WIDTH = 36.0


def add_photo_camera(
    context: bpy.types.Context,
    image: bpy.types.Image,
    focal: float,
    size: tuple[int, int],
    location: tuple[float, float, float],
) -> bpy.types.Object:
    """Adds the camera of a photo, with the photo behind the scene, and makes it the scene's camera.

    Parameters
    ----------
    image: the photo
    focal: focal length in pixels; the principal point is the picture's centre
    size: width and height in pixels, which the render gets too
    location: where it stands, in the scene's units; it looks along +Y, which is core's -Z
    """
    width, height = size
    data = bpy.data.cameras.new("Photo Camera")
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = _SENSOR_WIDTH
    data.lens = focal / width * _SENSOR_WIDTH
    unit = metres(context.scene)
    data.clip_start, data.clip_end, data.display_size = 0.01 / unit, 1000 / unit, 0.3 / unit
    data.show_background_images = True
    background = data.background_images.new()
    background.image = image
    background.frame_method = "FIT"
    background.display_depth = "BACK"
    background.alpha = 1.0
    camera = bpy.data.objects.new("Photo Camera", data)
    # A camera's own axes are those of core's camera: x right, y up, looking along -z.
    axes = to_blender(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))).T
    camera.matrix_world = Matrix.Translation(location) @ Matrix(axes.tolist()).to_4x4()
    context.scene.collection.objects.link(camera)
    context.scene.camera = camera
    render = context.scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    return camera
