"""Renders the plates of docs/images: bodies as an atlas of anatomy draws them, the bones clear inside the skin.

`python -m tools.plates` takes the open bodies that are installed, `--body` others.
"""

import argparse
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import bpy
import numpy as np
import torch
from mathutils import Matrix, Vector
from osteon.core.anatomy.joints import JOINT_INDEX, POSE_INDEX
from osteon.core.anatomy.limits import MIRROR_PERMUTATION, mirror_pose
from osteon.core.bodies.load import load_skel
from osteon.core.bodies.skel import Skel
from osteon.core.errors import AssetError
from osteon.scene.meshes import build_mesh
from PIL import Image
from trimesh.remesh import subdivide_loop

ROOT = Path(__file__).resolve().parent.parent
ADULTS = ("open-female", "open-male")
CHILD = "open-child"

SAMPLES = 16
SIZE = 1400, 1000
TILT = 5.0  # degrees that the camera looks down on a floor
GAP = 0.10  # metres between figures
MARGIN = 0.09  # metres around them
GRAIN = 3  # what of 255 is no colour of its own
FADE = 0.09  # of a close-up's side, in which it dissolves into the paper

# Colours are linear.
PAPER = (0.962, 0.930, 0.875)
SHADE = (0.34, 0.27, 0.20)  # of the floor where a foot stands
SHADE_REACH = 0.25  # metres
WASH = ((0.0, (0.86, 0.74, 0.66)), (0.45, (0.78, 0.60, 0.50)), (0.78, (0.52, 0.31, 0.23)), (1.0, (0.14, 0.05, 0.03)))
COVER = ((0.0, (0.10, 0.080, 0.066)), (0.6, (0.13, 0.085, 0.065)), (0.9, (0.06, 0.03, 0.02)), (1.0, (0.02, 0.01, 0.0)))
SKIN_LIGHT = 0.0, 1.9  # in shade and in light
BONE = ((0.36, (0.42, 0.29, 0.17)), (0.47, (0.74, 0.61, 0.44)), (0.53, (0.83, 0.74, 0.59)), (0.62, (0.93, 0.88, 0.76)))
# Suns: energy, how wide in radians, where they shine to as the camera sees it: to the right, away, up.
LIGHTS = ((3.2, 0.5, (0.65, 0.7, -0.75)), (0.6, 0.9, (-0.9, 0.5, 0.0)))
SKY, GROUND = (0.95, 0.96, 1.0), (0.62, 0.56, 0.50)
AMBIENT = 0.45

Colour = tuple[float, float, float]
Angles = Mapping[str, float]  # degrees by the right side's name of the angle; the left does the same in the mirror

STANDING: Angles = {"shoulder_r_x": 70, "scapula_upward_rot_r": -12, "pro_sup_r": 20, "elbow_flexion_r": 8}
SQUAT: Angles = {
    "pelvis_tilt": -22,
    "hip_flexion_r": 120,
    "hip_adduction_r": 5,
    "hip_rotation_r": -24,
    "knee_angle_r": 128,
    "ankle_angle_r": 30,
    "subtalar_angle_r": 10,
    "lumbar_extension": -14,
    "thorax_extension": -8,
    "head_extension": 38,
    "scapula_abduction_r": 11,
    "scapula_upward_rot_r": 13.5,
    "shoulder_r_x": -35,
    "shoulder_r_y": 59,
    "elbow_flexion_r": 12,
}
OVERHEAD: Angles = {"scapula_upward_rot_r": 20.5, "scapula_abduction_r": -7, "shoulder_r_x": -72}
T_POSE: Angles = {}

log = logging.getLogger("plates")


@dataclass(frozen=True)
class Figure:
    """A body in a pose as it is seen: from an azimuth (0 in front, 90 from its left), from above, rolled (degrees)."""

    body: Skel
    angles: Angles
    azimuth: float = 0.0
    above: float = 0.0
    roll: float = 0.0

    def turn(self) -> np.ndarray:
        """What turns it towards somebody who looks along -Z."""
        axes = ("Z", self.roll), ("X", self.above), ("Y", -self.azimuth)
        roll, above, azimuth = (np.array(Matrix.Rotation(math.radians(angle), 3, axis)) for axis, angle in axes)
        return roll @ above @ azimuth


@dataclass(frozen=True)
class Part:
    """What a close-up shows: what some joints carry, all of it if none is named, in a window beside another."""

    focus: str
    size: tuple[float, float]  # of the window, in metres
    shift: tuple[float, float] = (0.0, 0.0)  # of its middle from the focus, to the right and up, in metres
    carried_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """Figures beside each other on a floor, or a close-up of one."""

    figures: tuple[Figure, ...]
    part: Part | None = None


@dataclass(frozen=True)
class Posed:
    """A figure's points, Y up, turned to somebody who looks along -Z."""

    skin: np.ndarray
    bones: np.ndarray
    joints: np.ndarray

    def moved(self, by: np.ndarray) -> "Posed":
        return Posed(self.skin + by, self.bones + by, self.joints + by)


Plate = list[list[Panel]]  # rows


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description="Renders the plates of docs/images.")
    parser.add_argument("--body", action="append", help="a body's name or file; the first is the one in close-ups")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--only", action="append", help="render this plate alone, such as knee")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--scale", type=float, default=1.0, help="of the pictures' size")
    options = parser.parse_args()
    bodies = [load_skel(name) for name in options.body or ADULTS]
    options.out.mkdir(parents=True, exist_ok=True)
    for name, plate in plates(bodies, child()).items():
        if not options.only or name in options.only:
            start = time.perf_counter()
            path = options.out / f"plate_{name}.png"
            save(render(plate, options.samples, options.scale), path)
            log.info("%s: %.0f s, %.0f kB", path.name, time.perf_counter() - start, path.stat().st_size / 1000)


def child() -> Skel | None:
    """The open child, if it is installed."""
    try:
        return load_skel(CHILD)
    except AssetError:
        return None


def plates(bodies: Sequence[Skel], child: Skel | None = None) -> dict[str, Plate]:
    """All plates of some bodies."""
    first = bodies[0]
    made = {
        "standing": [[Panel(tuple(Figure(b, STANDING, azimuth) for b in bodies for azimuth in (0, 180)))]],
        "squat": [[Panel((Figure(first, SQUAT, 90), Figure(bodies[-1], SQUAT, 40)))]],
        "overhead": [[Panel(tuple(Figure(b, OVERHEAD, azimuth) for b in bodies for azimuth in (0, 180)))]],
        "scapula": scapula(first),
        "knee": knee(first),
        "hand": hand(first),
        "neck": neck(first),
    }
    if child is not None:
        made["child"] = [[Panel(tuple(Figure(b, STANDING, azimuth) for b in (child, first) for azimuth in (0, 180)))]]
    return made


def scapula(body: Skel) -> Plate:
    """The right shoulder blade from behind, the arm hanging, in the T pose and raised."""
    part = Part("thorax", (0.33, 0.50), (0.12, 0.04))
    return [[Panel((Figure(body, angles, 180),), part) for angles in (STANDING, T_POSE, OVERHEAD)]]


def knee(body: Skel) -> Plate:
    """The right knee as it bends, in front and from its own side; thigh and shank lean back alike."""
    bends = (0, 60, 120)
    front = [Figure(body, {"knee_angle_r": bend}, above=-bend / 2) for bend in bends]
    side = [Figure(body, {"knee_angle_r": bend}, -90, roll=bend / 2) for bend in bends]
    middles = (0.0, 0.0, 0.0), (0.0, -0.04, -0.08)
    return [
        [
            Panel((figure,), Part("tibia_r", (0.34, 0.34), (middle, 0.0), ("femur_r", "tibia_r")))
            for figure, middle in zip(row, across, strict=True)
        ]
        for row, across in zip((front, side), middles, strict=True)
    ]


def hand(body: Skel) -> Plate:
    """The back of the right hand and its palm."""
    part = Part("hand_r", (0.23, 0.30), (0.0, 0.055), ("ulna_r", "radius_r", "hand_r"))
    return [[Panel((Figure(body, T_POSE, above=above, roll=-90),), part) for above in (90, -90)]]


def neck(body: Skel) -> Plate:
    """The neck from its right side: bent forward, upright, bent back."""
    part = Part("head", (0.36, 0.42), (0.0, -0.06))
    bends = ({"head_extension": bend} for bend in (-55, 0, 50))
    return [[Panel((Figure(body, {**STANDING, **bend}, -90),), part) for bend in bends]]


def pose(angles: Angles) -> np.ndarray:
    """The pose (46,) in radians, both sides alike."""
    q = np.zeros(len(POSE_INDEX))
    for name, degrees in angles.items():
        q[POSE_INDEX[name]] = math.radians(degrees)
    midline = np.arange(len(q)) == MIRROR_PERMUTATION
    return np.where(midline, q, q + mirror_pose(q))


def posed(figure: Figure) -> Posed:
    """The figure's points, turned as it is seen."""
    q = torch.from_numpy(pose(figure.angles)).float()[None]
    with torch.inference_mode():
        out = figure.body(q, bones=True)
    turn = figure.turn().T
    return Posed(*(points[0].numpy() @ turn for points in (out.skin, out.bones, out.joints)))


def side_by_side(figures: Sequence[Figure]) -> list[Posed]:
    """Figures from left to right, feet on the floor at height 0, all of them together around x = 0."""
    placed, x = [], 0.0
    for points in map(posed, figures):
        low, high = points.skin.min(0), points.skin.max(0)
        placed.append(points.moved(np.array([x - low[0], -low[1], -(low[2] + high[2]) / 2])))
        x += high[0] - low[0] + GAP
    return [points.moved(np.array([(GAP - x) / 2, 0, 0])) for points in placed]


def render(plate: Plate, samples: int, scale: float) -> Image.Image:
    """The panels of a plate, each with its share of the paper."""
    rows = []
    with TemporaryDirectory() as folder, studio(samples) as scene:
        for row in plate:
            scene.render.resolution_x = round(SIZE[0] / len(row) * scale)
            scene.render.resolution_y = round(SIZE[1] / len(plate) * scale)
            pictures = []
            for panel in row:
                with shown(scene, panel):
                    picture = rendered(scene, Path(folder) / "panel.png")
                pictures.append(faded(picture) if panel.part else picture)
            rows.append(np.concatenate(pictures, 1))
    return Image.fromarray(np.concatenate(rows))


def rendered(scene: bpy.types.Scene, path: Path) -> np.ndarray:
    """The picture of a scene, 8 bits, its paper without the grain that denoising leaves."""
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True, scene=scene.name)
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    bare = (abs(pixels - paper()) < GRAIN).all(-1, keepdims=True)
    return np.where(bare, np.round(paper()), pixels).astype(np.uint8)


def faded(picture: np.ndarray) -> np.ndarray:
    """A picture whose edges dissolve into the paper."""
    height, width = picture.shape[:2]
    weights = []
    for n in (height, width):
        inside = np.minimum(np.arange(n), np.arange(n)[::-1]) / (FADE * min(height, width))
        weights.append(np.clip(inside, 0, 1) ** 2 * (3 - 2 * np.clip(inside, 0, 1)))
    mask = np.outer(*weights)[..., None]
    return np.round(picture * mask + paper() * (1 - mask)).astype(np.uint8)


def paper() -> np.ndarray:
    """The paper's colour in a picture of 8 bits."""
    return np.array([255 * (1.055 * c ** (1 / 2.4) - 0.055) for c in PAPER])


def save(picture: Image.Image, path: Path) -> None:
    """Writes a picture as a small PNG of 256 colours."""
    picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


@contextmanager
def shown(scene: bpy.types.Scene, panel: Panel) -> Iterator[None]:
    """The panel's figures in the scene, and the camera on them; they leave it again."""
    before = set(bpy.data.objects), set(bpy.data.meshes)
    try:
        if panel.part:
            close_up(scene, panel.figures[0], panel.part)
        else:
            on_floor(scene, panel.figures)
        yield
    finally:
        bpy.data.batch_remove((set(bpy.data.objects) | set(bpy.data.meshes)) - before[0] - before[1])


def on_floor(scene: bpy.types.Scene, figures: Sequence[Figure]) -> None:
    """Adds figures beside each other, and the camera sees all; what height they do not need, the picture loses."""
    placed = side_by_side(figures)
    for figure, points in zip(figures, placed, strict=True):
        add_figure(scene, figure.body, points)
    add_floor(scene, np.concatenate([points.skin for points in placed]))
    turn = np.array(Matrix.Rotation(math.radians(TILT), 3, "X"))
    seen = np.concatenate([points.skin for points in placed]) @ turn.T
    low, high = seen.min(0), seen.max(0)
    wide, tall = (high - low)[:2] + 2 * MARGIN
    scene.render.resolution_y = min(scene.render.resolution_y, math.ceil(scene.render.resolution_x * tall / wide))
    width = max(wide, tall * scene.render.resolution_x / scene.render.resolution_y)
    aim(scene, (low + high) / 2 @ turn, width, TILT)


def close_up(scene: bpy.types.Scene, figure: Figure, part: Part) -> None:
    """Adds a part of a figure, and the camera sees its window; the picture gets the window's shape."""
    points = posed(figure)
    add_figure(scene, figure.body, points, part.carried_by)
    wide, tall = part.size
    scene.render.resolution_y = round(scene.render.resolution_x * tall / wide)
    aim(scene, points.joints[JOINT_INDEX[part.focus]] + (*part.shift, 0), wide, 0.0)


def add_figure(scene: bpy.types.Scene, body: Skel, points: Posed, carried_by: Sequence[str] = ()) -> None:
    """Skin and bones as objects of a scene, or of them what the named joints carry."""
    kept = [JOINT_INDEX[name] for name in carried_by or JOINT_INDEX]
    carriers = body.data.skin_weights.toarray().argmax(1)
    bone_faces, skin_faces = (
        faces[np.isin(labels, kept)[faces].all(1)]
        for faces, labels in ((body.bone_faces, body.bone_labels), (body.faces, carriers))
    )
    add_mesh(scene, points.bones, bone_faces, bone_material())
    skin, skin_faces = smoother(points.skin, skin_faces)
    only_seen(add_mesh(scene, skin, facing(skin, skin_faces), skin_material()))


def smoother(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A surface with four times the faces, of the vertices that these use."""
    used, faces = np.unique(faces, return_inverse=True)
    return subdivide_loop(vertices[used], faces.reshape(-1, 3), 1)


def facing(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The faces but those well turned away from the camera, which it would not see and yet take time over."""
    a, b, c = (vertices[corner] for corner in faces.T)
    normals = np.cross(b - a, c - a)
    return faces[normals[:, 2] > -0.3 * np.linalg.norm(normals, axis=1)]


def add_mesh(
    scene: bpy.types.Scene, vertices: np.ndarray, faces: np.ndarray, material: bpy.types.Material
) -> bpy.types.Object:
    mesh = build_mesh(material.name, vertices, faces)
    mesh.materials.append(material)
    made = bpy.data.objects.new(material.name, mesh)
    scene.collection.objects.link(made)
    return made


def add_floor(scene: bpy.types.Scene, under: np.ndarray) -> None:
    """Paper under some points, which only the camera sees."""
    (west, _, north), (east, _, south) = under.min(0) - SHADE_REACH, under.max(0) + SHADE_REACH
    corners = np.array([(west, 0, north), (west, 0, south), (east, 0, south), (east, 0, north)])
    floor = add_mesh(scene, corners, np.array([(0, 1, 2), (0, 2, 3)]), floor_material())
    only_seen(floor)


def only_seen(obj: bpy.types.Object) -> None:
    """Hides an object from all light, which takes most of the time that it would cost."""
    obj.visible_diffuse = obj.visible_glossy = obj.visible_transmission = obj.visible_shadow = False


def aim(scene: bpy.types.Scene, centre: np.ndarray, width: float, tilt: float) -> None:
    """The camera on a point (Y up), so many metres wide, from so many degrees above."""
    look = Matrix.Rotation(math.radians(90 - tilt), 3, "X")
    camera: Any = scene.camera
    camera.data.ortho_scale, camera.data.sensor_fit = width, "HORIZONTAL"
    place = Vector((centre[0], -centre[2], centre[1])) + look @ Vector((0, 0, 8))
    camera.matrix_world = Matrix.Translation(place) @ look.to_4x4()


@contextmanager
def studio(samples: int) -> Iterator[bpy.types.Scene]:
    """A scene with paper, soft light and a camera; nothing of it stays."""
    import addon_utils  # there only once bpy is

    addon_utils.enable("cycles")
    scene = bpy.data.scenes.new("Plates")
    made: list[bpy.types.ID] = [scene]
    try:
        scene.world = world()
        for energy, width, direction in LIGHTS:
            light = bpy.data.lights.new("Sun", "SUN")
            light.energy, light.angle = energy, width
            sun = bpy.data.objects.new("Sun", light)
            sun.rotation_euler = Vector(direction).to_track_quat("-Z", "Y").to_euler()
            scene.collection.objects.link(sun)
            made += [sun, light]
        camera = bpy.data.cameras.new("Camera")
        camera.type = "ORTHO"
        scene.camera = bpy.data.objects.new("Camera", camera)
        scene.collection.objects.link(scene.camera)
        made += [scene.world, scene.camera, camera]
        scene.render.engine = "CYCLES"
        scene.render.resolution_percentage = 100
        scene.view_settings.view_transform = "Standard"
        cycles = scene.cycles
        cycles.device, cycles.samples, cycles.use_denoising = "CPU", samples, True
        cycles.denoising_quality, cycles.denoising_prefilter = "FAST", "FAST"
        cycles.use_adaptive_sampling, cycles.adaptive_threshold, cycles.adaptive_min_samples = True, 0.03, 6
        cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 2, 1
        cycles.transparent_max_bounces = 32
        yield scene
    finally:
        bpy.data.batch_remove(made)


Nodes = Callable[[str], Any]  # a kind of node, without "ShaderNode"
Link = Callable[[Any, Any], Any]


def node_tree(owner: bpy.types.Material | bpy.types.World) -> tuple[Nodes, Link]:
    """An empty node tree of a material or world: what makes a node in it, and what links two."""
    owner.use_nodes = True
    tree = owner.node_tree
    tree.nodes.clear()
    return (lambda kind: tree.nodes.new(f"ShaderNode{kind}")), tree.links.new


def world() -> bpy.types.World:
    """Light from all sides, more of it from above; the camera sees paper."""
    made = bpy.data.worlds.new("Plates")
    node, link = node_tree(made)
    path, mix, output, place = node("LightPath"), node("MixShader"), node("OutputWorld"), node("TexCoord")
    axes, ramp, light, seen = node("SeparateXYZ"), node("ValToRGB"), node("Background"), node("Background")
    link(place.outputs["Generated"], axes.inputs[0])
    link(axes.outputs["Z"], ramp.inputs[0])
    ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = (*GROUND, 1), (*SKY, 1)
    ramp.color_ramp.elements[0].position = 0.0
    link(ramp.outputs[0], light.inputs["Color"])
    light.inputs["Strength"].default_value = AMBIENT
    seen.inputs["Color"].default_value = (*PAPER, 1)
    link(path.outputs["Is Camera Ray"], mix.inputs[0])
    link(light.outputs[0], mix.inputs[1])
    link(seen.outputs[0], mix.inputs[2])
    link(mix.outputs[0], output.inputs["Surface"])
    return made


def floor_material() -> bpy.types.Material:
    """Paper, darker near to what stands on it."""
    made = bpy.data.materials.new("Paper")
    node, link = node_tree(made)
    near, deep, mix = node("AmbientOcclusion"), node("Math"), node("Mix")
    light, output = node("Emission"), node("OutputMaterial")
    near.samples, near.inputs["Distance"].default_value = 8, SHADE_REACH
    deep.operation, deep.inputs[1].default_value = "POWER", 3.0
    mix.data_type = "RGBA"
    link(near.outputs["AO"], deep.inputs[0])
    link(deep.outputs[0], mix.inputs["Factor"])
    mix.inputs[6].default_value, mix.inputs[7].default_value = (*SHADE, 1), (*PAPER, 1)
    link(mix.outputs[2], light.inputs["Color"])
    link(light.outputs[0], output.inputs["Surface"])
    return made


def bone_material() -> bpy.types.Material:
    """Ivory, light on crests and brown in hollows."""
    made = bpy.data.materials.new("Ivory")
    node, link = node_tree(made)
    geometry, ramp = node("NewGeometry"), node("ValToRGB")
    shader, output = node("BsdfPrincipled"), node("OutputMaterial")
    colour_ramp(ramp, BONE)
    link(geometry.outputs["Pointiness"], ramp.inputs[0])
    link(ramp.outputs[0], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.5
    shader.inputs["Specular IOR Level"].default_value = 0.3
    link(shader.outputs[0], output.inputs["Surface"])
    return made


def colour_ramp(ramp: Any, stops: Sequence[tuple[float, Colour]]) -> None:
    elements = ramp.color_ramp.elements
    while len(elements) < len(stops):
        elements.new(0.5)
    for element, (position, colour) in zip(elements, stops, strict=True):
        element.position, element.color = position, (*colour, 1)


def skin_material() -> bpy.types.Material:
    """A wash of colour over the bones, thin where it faces the eye and dark where it turns away: a drawn outline.

    Only the camera sees it, and of it only what is nearest: the light falls on the bones as if there were none. Its own
    light is reckoned from the normal, without a ray, hence without grain.
    """
    made = bpy.data.materials.new("Wash")
    node, link = node_tree(made)
    weight, wash, cover, path = node("LayerWeight"), node("ValToRGB"), node("ValToRGB"), node("LightPath")
    weight.inputs["Blend"].default_value = 0.5
    colour_ramp(wash, WASH)
    colour_ramp(cover, COVER)
    first = node("Math")
    first.operation, first.use_clamp = "SUBTRACT", True
    link(path.outputs["Is Camera Ray"], first.inputs[0])
    link(path.outputs["Transparent Depth"], first.inputs[1])
    through, glow, both, output = node("BsdfTransparent"), node("Emission"), node("AddShader"), node("OutputMaterial")
    for ramp, colour, otherwise in ((wash, through, (1, 1, 1, 1)), (cover, glow, (0, 0, 0, 1))):
        link(weight.outputs["Facing"], ramp.inputs[0])
        choice = node("Mix")
        choice.data_type = "RGBA"
        choice.inputs[6].default_value = otherwise
        link(first.outputs[0], choice.inputs["Factor"])
        link(ramp.outputs[0], choice.inputs[7])
        link(choice.outputs[2], colour.inputs["Color"])
    link(light_on_skin(node, link), glow.inputs["Strength"])
    link(through.outputs[0], both.inputs[0])
    link(glow.outputs[0], both.inputs[1])
    link(both.outputs[0], output.inputs["Surface"])
    return made


def light_on_skin(node: Nodes, link: Link) -> Any:
    """How much light there is from the first of the lights, all around the body."""
    geometry, towards, strength = node("NewGeometry"), node("VectorMath"), node("MapRange")
    towards.operation = "DOT_PRODUCT"
    towards.inputs[1].default_value = -Vector(LIGHTS[0][2]).normalized()
    link(geometry.outputs["Normal"], towards.inputs[0])
    link(towards.outputs["Value"], strength.inputs["Value"])
    strength.inputs["From Min"].default_value = -1.0
    strength.inputs["To Min"].default_value, strength.inputs["To Max"].default_value = SKIN_LIGHT
    return strength.outputs[0]


if __name__ == "__main__":
    main()
