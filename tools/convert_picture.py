"""Renders docs/images/convert.png: a SMPL body in motion, the SKEL body that it became, and how far that is off in colours.

`python -m tools.convert_picture`
"""

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import bpy
import numpy as np
import osteon
from mathutils import Vector
from osteon.core.bodies.smpl_joints import JOINT_NAMES
from osteon.scene.smpl import set_smpl_pose
from PIL import Image

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "convert.png"
SAMPLES, SIZE = 48, (900, 570)
GRAIN = 3  # what of 255 is no colour of its own
APART = 1.05  # metres
FRAMES, SHOWN = 12, 9
PAPER, STONE = (0.93, 0.93, 0.92), (0.30, 0.31, 0.33)


def stride(k: int) -> np.ndarray:
    """(24, 3) a frame of a long step."""
    swing = math.sin(2 * math.pi * k / FRAMES)
    pose = np.zeros((24, 3))
    for joint, turn in {
        "left_hip": (0.5 * swing, 0, 0),
        "right_hip": (-0.5 * swing, 0, 0),
        "left_knee": (0.35 - 0.25 * swing, 0, 0),
        "right_knee": (0.35 + 0.25 * swing, 0, 0),
        "left_shoulder": (0, -0.5 * swing, -1.15),
        "right_shoulder": (0, -0.5 * swing, 1.15),
        "left_elbow": (0, -0.7, 0),
        "right_elbow": (0, 0.7, 0),
        "spine2": (0.05, -0.12 * swing, 0),
    }.items():
        pose[JOINT_NAMES.index(joint)] = turn
    return pose


def plain(name: str, colour: tuple[float, float, float]) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = 0.7
    return material


def build(scene: bpy.types.Scene) -> None:
    """The three bodies beside each other, on the frame that is shown."""
    scene.frame_start, scene.frame_end = 1, FRAMES
    bpy.ops.osteon.add_body(body="open-female", joints="SMPL", location=(0, 0, 0))
    source = bpy.context.object
    for k in range(FRAMES):
        set_smpl_pose(source.parent, stride(k), None, k + 1)
    source.parent.rotation_euler.z = math.radians(35)
    source.data.materials.append(plain("Stone", STONE))
    for place in (1, 2):
        bpy.context.view_layer.objects.active = source
        bpy.ops.osteon.convert_to_skel()
        bpy.context.object.location.x = place * APART
    bpy.ops.osteon.show_errors()
    scene.frame_set(SHOWN + 1)


def light(scene: bpy.types.Scene) -> None:
    for energy, direction in ((2.6, (-0.6, 0.7, -0.7)), (1.0, (0.9, 0.5, -0.2))):
        sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
        sun.data.energy, sun.data.angle = energy, 0.3
        sun.rotation_euler = Vector(direction).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(sun)
    scene.world = bpy.data.worlds.new("Paper")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (*PAPER, 1.0)
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.8


def look(scene: bpy.types.Scene) -> None:
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.type, camera.data.ortho_scale = "ORTHO", 2.9 * APART
    camera.location, camera.rotation_euler = (APART, -5, 1.2), (math.radians(86), 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera


def main() -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    osteon.register()
    scene = bpy.context.scene
    build(scene)
    light(scene)
    look(scene)
    scene.render.engine, scene.cycles.samples = "CYCLES", SAMPLES
    scene.cycles.use_denoising, scene.cycles.transparent_max_bounces = True, 32
    scene.render.film_transparent, scene.render.image_settings.color_mode = True, "RGBA"
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    with TemporaryDirectory() as folder:
        scene.render.filepath = f"{folder}/picture.png"
        bpy.ops.render.render(write_still=True)
        figures = Image.open(scene.render.filepath)
        picture = Image.new("RGB", figures.size, tuple(round(255 * value) for value in PAPER))
        picture.paste(figures, mask=figures.getchannel("A"))
    picture.point(lambda value: value // GRAIN * GRAIN).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
