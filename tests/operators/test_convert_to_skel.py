"""Convert to SKEL: the skin of the rig lies on the mesh as the report says, on every frame, wherever the mesh comes from."""

import re

import bpy
import numpy as np
import pytest
from osteon.core.bodies.smpl_joints import JOINT_NAMES
from osteon.operators import convert_to_skel
from osteon.scene import fit as scene_fit
from osteon.scene.errors import COLOURS, ERROR, REPORT, shows_errors
from osteon.scene.rig import curves
from osteon.scene.smpl import set_smpl_pose

FRAMES = range(3, 9)
ROUNDING = 2e-4  # metres, by Blender's single precision and the printed tenth of a millimetre


def shown(obj, count=None):
    """(V, 3) the vertices of an object as evaluated, in the world."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(evaluated.data.vertices), np.float32)
    evaluated.data.vertices.foreach_get("co", points)
    world = np.array(evaluated.matrix_world)
    return (points.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3])[:count]


def skin_of(rig):
    return next(child for child in rig.children if child.name.endswith("Skin"))


def keyed_frames(rig):
    return {tuple(key.co.x for key in curve.keyframe_points) for curve in curves(rig)}


def reported(rig):
    """Mean and worst error in metres."""
    found = re.search(r"mean ([\d.]+) mm, worst ([\d.]+) mm", rig.data[REPORT])
    return float(found[1]) / 1000, float(found[2]) / 1000


@pytest.fixture
def walker(context):
    """An open body on SMPL's joints, which walks, turns and leans on six frames, somewhere in the scene."""
    bpy.ops.osteon.add_body(body="open-male", joints="SMPL", betas=(1, -1, 0.5, *[0] * 7), location=(1, 2, 0))
    skin = context.object
    for k, frame in enumerate(FRAMES):
        turn = np.zeros((24, 3))
        for joint, vector in {
            "pelvis": (0, 0.5 * k, 0),
            "left_hip": (-0.1 * k, 0, 0),
            "left_knee": (0.15 * k, 0, 0),
            "right_shoulder": (0, 0, 0.12 * k),
            "right_elbow": (0, 0.1 * k, 0),
            "spine2": (0.03 * k, 0.03 * k, 0),
        }.items():
            turn[JOINT_NAMES.index(joint)] = vector
        set_smpl_pose(skin.parent, turn, (0, 0, 0.2 * k), frame)
    skin.parent.rotation_euler = (0.2, 0.1, 0.7)
    context.scene.frame_start, context.scene.frame_end = FRAMES[0], FRAMES[-1]
    context.scene.frame_set(5)
    return skin


def check_lies_on(rig, source, worst):
    """On every frame the skin is as far from the mesh as the report and the errors on the skin say."""
    skin, means, furthest = skin_of(rig), [], 0.0
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        distance = np.linalg.norm(shown(skin) - shown(source, 12169), axis=1)
        means.append(distance)
        furthest = max(furthest, distance.max())
    mean, most = reported(rig)
    assert np.mean(means) == pytest.approx(mean, abs=ROUNDING)
    assert furthest == pytest.approx(most, abs=1e-3)
    assert furthest < worst
    kept = np.empty(len(distance), np.float32)
    skin.data.attributes[ERROR].data.foreach_get("value", kept)
    assert np.abs(kept - np.mean(means, 0)).max() < ROUNDING


def test_armature(context, walker):
    assert bpy.ops.osteon.convert_to_skel() == {"FINISHED"}
    rig = context.object
    assert (rig.data["osteon_body"], context.scene.frame_current) == ("open-male", 5)
    assert list(context.selected_objects) == [rig]
    assert rig.data[REPORT].startswith("open-male, 6 frames, mean ")
    assert keyed_frames(rig) == {tuple(FRAMES)}
    assert {key.interpolation for c in curves(rig) for key in c.keyframe_points} == {"LINEAR"}
    check_lies_on(rig, walker, 0.03)
    assert not context.scene.timeline_markers


def test_it_is_one_step_to_undo(context, walker):
    names = sorted(obj.name for obj in bpy.data.objects)
    bpy.ops.ed.undo_push(message="Walk")
    bpy.ops.osteon.convert_to_skel("EXEC_DEFAULT", True)
    assert len(bpy.data.objects) == len(names) + 3
    bpy.ops.ed.undo()
    assert sorted(obj.name for obj in bpy.data.objects) == names
    assert bpy.context.object.name == "SMPL male Skin"


def baked(walker):
    """The walker's skin as a mesh in the world whose shape keys make it walk."""
    mesh = walker.data.copy()
    obj = bpy.data.objects.new("Scan female", mesh)
    bpy.context.scene.collection.objects.link(obj)
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        points = shown(walker)
        if frame == FRAMES[0]:
            mesh.vertices.foreach_set("co", points.ravel())
            obj.shape_key_add(name="Basis")
        key = obj.shape_key_add(name=str(frame))
        key.points.foreach_set("co", points.ravel())
        for at in FRAMES:
            key.value = float(at == frame)
            key.keyframe_insert("value", frame=at)
    for selected in bpy.context.selected_objects:
        selected.select_set(False)
    bpy.context.view_layer.objects.active = obj
    return obj


def test_shape_keys_in_another_order_beside_a_cube(context, walker):
    source = baked(walker)
    # What is joined comes after the skin's vertices, whose order is turned round.
    bpy.ops.mesh.primitive_cube_add(location=(3, 0, 0))
    source.select_set(True)
    context.view_layer.objects.active = source
    bpy.ops.object.join()
    assert len(source.data.vertices) == 12169 + 8
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.sort_elements(type="REVERSE", elements={"VERT"})
    bpy.ops.object.mode_set(mode="OBJECT")
    context.scene.frame_set(FRAMES[-1])
    assert bpy.ops.osteon.convert_to_skel(body="open-male") == {"FINISHED"}
    rig = context.object
    for frame in FRAMES:
        context.scene.frame_set(frame)
        near = np.linalg.norm(shown(skin_of(rig)) - shown(source)[::-1][:12169], axis=1)
        assert near.max() < 0.03
        assert near.mean() < 0.006


def test_a_still_body_stands_without_keys(context, walker):
    walker.parent.animation_data_clear()
    bpy.ops.osteon.convert_to_skel()
    rig = context.object
    assert rig.animation_data.action is None
    assert rig.data[REPORT].startswith("open-male, mean ")
    check_lies_on(rig, walker, 0.03)


@pytest.mark.parametrize("what", ["scene", "object"])
def test_units(context, walker, what):
    """A scene in centimetres with a body in them, and a body that its object makes larger by a tenth."""
    if what == "scene":
        context.scene.unit_settings.scale_length = 0.01
        walker.parent.scale = (100,) * 3
    else:
        walker.parent.scale = (1.1,) * 3
    bpy.ops.osteon.convert_to_skel(frame_start=5, frame_end=5)
    rig = context.object
    assert rig.scale[0] == pytest.approx(100 if what == "scene" else 1)
    distance = np.linalg.norm(shown(skin_of(rig)) - shown(walker), axis=1)
    assert distance.mean() < (0.6 if what == "scene" else 0.006)


def test_a_range_of_frames(context, walker):
    bpy.ops.osteon.convert_to_skel(frame_start=4, frame_end=6)
    assert keyed_frames(context.object) == {(4, 5, 6)}


def test_failed_frames_are_marked(context, walker):
    """On frame 6 a hand is torn off."""
    source = baked(walker)
    for key in source.data.shape_keys.key_blocks[1:]:
        if key.name == "6":
            points = np.empty(3 * 12169, np.float32)
            key.points.foreach_get("co", points)
            points.reshape(-1, 3)[points.reshape(-1, 3)[:, 2].argmax()] += 0.3
            key.points.foreach_set("co", points)
    bpy.ops.osteon.convert_to_skel(body="open-male")
    rig = context.object
    assert rig.data[REPORT].endswith("1 frame failed (vertex beyond 6 cm): 6")
    marks = [(marker.name, marker.frame) for marker in context.scene.timeline_markers]
    assert marks == [("Scan female SKEL: fit failed", 6)]
    assert keyed_frames(rig) == {tuple(FRAMES)}
    assert reported(rig)[1] < 0.03, "what failed is not counted among the others"


def test_errors_are_colours(context, walker):
    bpy.ops.osteon.convert_to_skel(frame_start=8, frame_end=8)
    skin = skin_of(context.object)
    error = np.empty(12169, np.float32)
    skin.data.attributes[ERROR].data.foreach_get("value", error)
    colours = np.empty(4 * 12169, np.float32)
    assert skin.data.color_attributes.active_color.name == COLOURS
    skin.data.attributes[COLOURS].data.foreach_get("color", colours)
    bright = colours.reshape(-1, 4)[:, :3] @ (0.2126, 0.7152, 0.0722)
    order = np.argsort(error)
    assert (np.diff(bright[order]) >= -1e-6).all(), "the further off, the lighter"
    assert bright.max() > 2 * bright.min()
    assert not shows_errors(skin)
    assert bpy.ops.osteon.show_errors() == {"FINISHED"}
    assert shows_errors(skin)
    assert {skin.data.materials[p.material_index].name for p in skin.data.polygons} == {"Osteon Error"}
    bpy.ops.osteon.show_errors()
    assert {skin.data.materials[p.material_index].name for p in skin.data.polygons} == {"Osteon Skin"}


def test_poll(context):
    assert bpy.ops.osteon.convert_to_skel.poll()
    assert not bpy.ops.osteon.show_errors.poll()
    bpy.ops.object.mode_set(mode="EDIT")
    assert not bpy.ops.osteon.convert_to_skel.poll()
    bpy.ops.object.mode_set(mode="OBJECT")
    context.view_layer.objects.active = bpy.data.objects["Camera"]
    assert not bpy.ops.osteon.convert_to_skel.poll()


def test_refusals(unchanged, walker):
    subdivided = walker.modifiers.new("Subdivision", "SUBSURF")
    with unchanged(
        "SMPL male Skin is not the skin of open-male, with 73,004 .* by its modifiers: turn off Subdivision"
    ):
        bpy.ops.osteon.convert_to_skel()
    walker.modifiers.remove(subdivided)
    with unchanged("range ends on frame 3, before it starts on 6"):
        bpy.ops.osteon.convert_to_skel(frame_start=6, frame_end=3)
    with unchanged("No file is set for SKEL Male: choose it in Preferences"):
        bpy.ops.osteon.convert_to_skel(body="skel-male")
    walker.parent.scale = (100,) * 3
    with unchanged("SMPL male Skin measures 1.. m, which no person does: scale it"):
        bpy.ops.osteon.convert_to_skel()
    walker.parent.scale = (-1, 1, 1)
    with unchanged("SMPL male Skin is the skin of open-male mirrored"):
        bpy.ops.osteon.convert_to_skel()
    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
    with unchanged("Cube is not the skin of open-neutral: its largest part has 8 vertices and 12 triangles"):
        bpy.ops.osteon.convert_to_skel()


def test_what_is_off_in_the_viewport(unchanged, walker):
    walker.modifiers[0].show_viewport = False
    with unchanged("SMPL male Skin is not moved by its modifier .*, off in the viewport: turn it on"):
        bpy.ops.osteon.convert_to_skel()
    walker.modifiers[0].show_viewport = True
    walker.hide_viewport = True
    with unchanged("SMPL male Skin is disabled in the viewport, where nothing moves it: enable it in the Outliner"):
        bpy.ops.osteon.convert_to_skel()


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (
            6890,
            "SMPL or STAR mesh, which needs a SKEL body instead of open-female: set skel_female.pkl, from https://skel.is.tue",
        ),
        (
            10475,
            "SMPL-X mesh, whose 10,475 vertices are not those of SKEL's skin: take the same body of SMPL or SMPL-H",
        ),
        (7000, "f_avg is not the skin of open-female: its largest part has 7,000 vertices"),
    ],
)
def test_meshes_of_other_bodies(unchanged, count, said):
    """A strip of as many vertices as the body has."""
    mesh = bpy.data.meshes.new("f_avg")
    points = [(i // 2, i % 2, 0) for i in range(count)]
    mesh.from_pydata(points, [], [(i, i + 1, i + 2) for i in range(count - 2)])
    obj = bpy.data.objects.new("f_avg", mesh)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    with unchanged(said):
        bpy.ops.osteon.convert_to_skel()


def test_a_pose_without_keys(context, walker):
    """On the current frame alone it is what one sees."""
    context.scene.frame_set(6)
    walker.parent.pose.bones["left_hip"].rotation_quaternion = (0.9, 0.4, 0, 0)
    context.view_layer.update()
    before = shown(walker)
    bpy.ops.osteon.convert_to_skel(frame_start=6, frame_end=6)
    assert np.linalg.norm(shown(skin_of(context.object)) - before, axis=1).mean() < 0.006


def test_the_preview_range_is_converted(context, walker):
    context.scene.use_preview_range = True
    context.scene.frame_preview_start, context.scene.frame_preview_end = 6, 7
    bpy.ops.osteon.convert_to_skel()
    assert keyed_frames(context.object) == {(6, 7)}


def test_frames_that_are_not_finite(context, walker):
    """On the first and on one other frame a vertex is nowhere."""
    source = baked(walker)
    for key in source.data.shape_keys.key_blocks[1:]:
        if key.name in ("3", "6"):
            key.points[5].co = (np.nan,) * 3
    source.data.shape_keys.key_blocks["3"].value = 1.0
    bpy.ops.osteon.convert_to_skel(body="open-male")
    rig = context.object
    assert rig.data[REPORT].endswith(", 2 frames without a surface: not keyed")
    assert keyed_frames(rig) == {(4, 5, 7, 8)}


def test_nothing_finite(unchanged, walker):
    walker.modifiers.clear()
    walker.data.vertices[5].co = (np.nan,) * 3
    with unchanged(
        "SMPL male Skin has vertices that are not finite on every frame of the range: look at what moves them"
    ):
        bpy.ops.osteon.convert_to_skel()


def test_what_else_the_report_says(context, walker):
    second = walker.copy()
    second.name, second.data = "Two", walker.data.copy()
    second.data.name = "Two"
    context.scene.collection.objects.link(second)
    matrix = second.matrix_world.copy()
    second.modifiers.clear()
    second.parent = None
    second.matrix_world = matrix
    third = second.copy()
    third.data = second.data.copy()
    context.scene.collection.objects.link(third)
    third.location.x += 2
    bpy.ops.object.select_all(action="DESELECT")
    second.select_set(True)
    third.select_set(True)
    context.view_layer.objects.active = second
    bpy.ops.object.join()
    second.scale.x = 1.1
    bpy.ops.osteon.convert_to_skel(frame_start=5, frame_end=5)
    assert context.object.data[REPORT].startswith("open-neutral, mean ")
    assert context.object.data[REPORT].endswith(
        "gender not known, the first of 2 bodies in the mesh, the mesh is scaled unevenly"
    )


def test_centimetres_as_add_body_makes_them(context):
    context.scene.unit_settings.scale_length = 0.01
    context.scene.cursor.location = (100, 0, 50)
    bpy.ops.osteon.add_body(body="open-male", joints="SMPL")
    source = context.object
    assert shown(source)[:, 2].min() == pytest.approx(50, abs=0.2)
    bpy.ops.osteon.convert_to_skel()
    rig = context.object
    assert rig.scale[0] == pytest.approx(100)
    assert np.linalg.norm(shown(skin_of(rig)) - shown(source), axis=1).mean() < 0.6
    bpy.ops.osteon.add_body(body="open-male")
    skin = skin_of(context.object)
    assert np.ptp(shown(skin)[:, 2]) == pytest.approx(175, abs=15)


def test_materials_come_back_after_the_errors(context, walker):
    bpy.ops.osteon.convert_to_skel(frame_start=8, frame_end=8)
    skin = skin_of(context.object)
    skin.data.materials.append(bpy.data.materials.new("Tattoo"))
    for polygon in list(skin.data.polygons)[:100]:
        polygon.material_index = 2
    bpy.ops.osteon.show_errors()
    assert shows_errors(skin)
    bpy.ops.osteon.show_errors()
    assert [polygon.material_index for polygon in skin.data.polygons] == [2] * 100 + [0] * (
        len(skin.data.polygons) - 100
    )
    skin.data.materials.pop(index=1)
    bpy.ops.osteon.show_errors()
    assert {skin.data.materials[p.material_index].name for p in skin.data.polygons} == {"Osteon Error"}
    bpy.ops.osteon.show_errors()
    context.view_layer.objects.active = skin
    bpy.ops.object.mode_set(mode="EDIT")
    assert not bpy.ops.osteon.show_errors.poll()
    bpy.ops.object.mode_set(mode="OBJECT")
    assert bpy.ops.osteon.show_errors.poll()
    skin.data.clear_geometry()
    assert not bpy.ops.osteon.show_errors.poll()


def test_vertices_that_come_and_go(unchanged, walker):
    mask = walker.modifiers.new("Build", "BUILD")
    mask.frame_start, mask.frame_duration = 7.5, 2
    mask.use_reverse = True
    with unchanged("vertices on frame 8 instead of 12,169: choose a range"):
        bpy.ops.osteon.convert_to_skel()


def test_failure_half_way(unchanged, walker, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(scene_fit, "add_errors", fail)
    with unchanged("Convert to SKEL failed: ZeroDivisionError: by nought"):
        bpy.ops.osteon.convert_to_skel()


@pytest.mark.parametrize(
    ("mesh", "parent", "gender"),
    [
        ("SMPL-female", None, "female"),
        ("f_avg", None, "female"),
        ("m_avg", None, "male"),
        ("Body", "SMPLX-male", "male"),
        ("SMPL child Skin", None, "child"),
        ("Mesh", None, "neutral"),
    ],
)
def test_gender_by_name(context, mesh, parent, gender):
    obj = bpy.data.objects.new(mesh, bpy.data.meshes.new("Mesh"))
    obj.parent = bpy.data.objects.new(parent, None) if parent else None
    assert convert_to_skel._gender(obj) == gender
