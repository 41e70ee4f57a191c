"""The pictures of docs/images, taken in a real Blender window, and what only a window can show: that Blender stays
responsive while a photo is worked on, that cancelling leaves the scene as it was, that undo is one step.

Played inside Blender by `gui_driver`, a module that drives Blender's window and takes the pictures; it gives the files
`photo.png` and `demo.blend` (of `make demo`) in its folder FILES.
"""

import importlib
import math

import bpy
import gui_driver as gui

PACKAGE = next(name for name in bpy.context.preferences.addons.keys() if name.endswith(".osteon"))
long_work = importlib.import_module(f"{PACKAGE}.operators.long_work")
work = long_work.current
PHOTO = str(gui.FILES / "photo.png")
OPERATOR = "osteon.image_to_skeleton"
CONVERT = "osteon.convert_to_skel"


def blocks():
    """What is in the file, and the state that an operator could change."""
    kinds = [p.identifier for p in bpy.data.bl_rna.properties if p.type == "COLLECTION"]
    context = bpy.context
    active = context.view_layer.objects.active
    state = {"active": active and active.name, "mode": context.mode, "frame": context.scene.frame_current}
    state |= {"selected": sorted(o.name for o in context.view_layer.objects if o.select_get())}
    return {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}, state


def select_bone(rig, name):
    bone = rig.data.bones[name]
    rig.data.bones.active = bone
    owner = rig.pose.bones[name] if bpy.app.version >= (5, 0) else bone
    owner.select = True


async def frame_bodies():
    """The view on the bodies alone, from the front."""
    bodies = [o for o in bpy.context.view_layer.objects if o.type == "MESH" and o.parent]
    selected = [o for o in bpy.context.view_layer.objects if o.select_get()]
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj in bodies)
    with gui.in_view():
        bpy.ops.view3d.view_axis(type="FRONT")
        bpy.ops.view3d.view_selected()
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj in selected)
    await gui.redrawn()


async def story():
    for name in ("Cube", "Light"):
        bpy.data.objects.remove(bpy.data.objects[name])
    with gui.in_view():
        bpy.ops.ed.undo_push(message="Empty")
    await gui.tab("Osteon", width=340)
    await gui.shot("before")

    before = blocks()
    gui.start(OPERATOR, filepath=PHOTO)
    await gui.until(lambda: work() and work().state.fraction > 0.45, "the middle", limit=120)
    await gui.shot("working", wait=False)
    await gui.until(lambda: not gui.running(OPERATOR), "the end", limit=120)
    with gui.in_view():
        bpy.ops.ed.undo()
    gui.note("photo: one undo takes it back", blocks() == before)

    before = blocks()
    gui.start(OPERATOR, filepath=PHOTO)
    await gui.until(lambda: work() and work().state.fraction > 0.45, "the middle", limit=120)
    worker = work().worker
    await gui.key("Escape")
    await gui.until(lambda: not gui.running(OPERATOR), "the end after Esc", limit=3)
    gui.note("cancel: scene as before", blocks() == before)
    gui.note("cancel: worker's folder gone", not worker.folder.exists())
    await gui.shot("cancelled")

    ran = await gui.run(OPERATOR, limit=300, filepath=PHOTO)
    gui.note("photo: seconds", round(ran.seconds, 2))
    gui.note("photo: longest stall", round(ran.stall, 2))
    with gui.in_view():
        bpy.ops.view3d.view_camera()
        bpy.ops.view3d.view_center_camera()
    await gui.shot("photo-camera")
    rig = next(o for o in bpy.data.objects if o.type == "ARMATURE")
    await frame_bodies()
    with gui.in_view():
        bpy.ops.object.mode_set(mode="POSE")
    select_bone(rig, "femur_l")
    await gui.shot("joint")
    rig.pose.bones["femur_l"].rotation_euler[0] += 3.0
    await gui.shot("panel-beyond", part=gui.region("UI"))
    with gui.in_view():
        bpy.ops.object.mode_set(mode="OBJECT")

    with gui.in_view():
        bpy.ops.ed.undo_push(message="Before the body")
    before = blocks()
    bpy.context.scene.cursor.location.x = 1.5
    with gui.in_view():
        bpy.ops.osteon.add_body("INVOKE_DEFAULT", True, body="open-female")
    await frame_bodies()
    await gui.shot("bodies")
    with gui.in_view():
        bpy.ops.ed.undo()
    gui.note("add_body: one undo takes it back", blocks() == before)

    await convert()

    if (gui.FILES / "demo.blend").exists():
        gui.start(OPERATOR, filepath=PHOTO)
        await gui.sleep(1)
        worker = work().worker
        await gui.open_file(gui.FILES / "demo.blend")
        ended = work() is None and not gui.running(OPERATOR) and not worker.folder.exists()
        gui.note("opening a file ends the work", ended)
        await frame_bodies()
        await gui.shot("demo-front")
        with gui.in_view():
            bpy.ops.view3d.view_camera()
            bpy.ops.view3d.view_center_camera()
        await gui.shot("demo-camera")
        rig = next(o for o in bpy.data.objects if o.type == "ARMATURE")
        gui.note("demo.blend: made by", ".".join(map(str, bpy.data.version)))
        gui.note("demo.blend: opened in", bpy.app.version_string)
        drivers = [curve.driver for curve in rig.animation_data.drivers]
        gui.note("demo.blend: drivers", len(drivers))
        plain = [d for d in drivers if d.type != "SCRIPTED" or d.is_simple_expression]
        gui.note("demo.blend: drivers that are valid and run no Python", sum(d.is_valid for d in plain))
        gui.note("demo.blend: limits", _beyond(rig))


async def convert():
    """A body that turns on SMPL's joints goes through the dialog of Convert to SKEL."""
    with gui.in_view():
        bpy.ops.osteon.add_body(body="open-female", joints="SMPL")
        source = bpy.context.object
        for frame, turn in ((1, 0.0), (40, 1.5)):
            source.parent.rotation_euler.z = turn
            source.parent.keyframe_insert("rotation_euler", frame=frame)
        bpy.context.scene.frame_end = 40
        bpy.ops.ed.undo_push(message="Turning body")
    before = blocks()
    gui.start(CONVERT)
    await gui.sleep(1)
    await gui.key("Return")
    await gui.until(lambda: work() and work().state.fraction > 0.3, "the middle", limit=120)
    await gui.key("Escape")
    await gui.until(lambda: not gui.running(CONVERT), "the end after Esc", limit=3)
    gui.note("convert: cancelled, scene as before", blocks() == before)
    ran = await gui.run(CONVERT, limit=300, frame_start=1, frame_end=40)
    gui.note("convert: seconds", round(ran.seconds, 2))
    gui.note("convert: report", bpy.context.object.data["osteon_fit"])
    source.hide_set(True)
    with gui.in_view():
        bpy.ops.osteon.show_errors("INVOKE_DEFAULT", True)
    await frame_bodies()
    await gui.shot("converted")
    with gui.in_view():
        bpy.ops.ed.undo()
        bpy.ops.ed.undo()
    gui.note("convert: two undos take colours and body back", blocks() == before)


def _beyond(rig):
    """Moves limited channels 30 degrees beyond each end; gives how many hold and the largest error in degrees."""
    rig.animation_data.action = None
    held, worst, moved = 0, 0.0, 0
    for bone in rig.pose.bones:
        bone.rotation_euler = (0, 0, 0)
    for bone in rig.pose.bones:
        limit = bone.constraints.get("Joint Limits")
        if limit is None:
            continue
        for axis, letter in enumerate("xyz"):
            if not getattr(limit, f"use_limit_{letter}"):
                continue
            for end, beyond in (("min", -math.radians(30)), ("max", math.radians(30))):
                wanted = getattr(limit, f"{end}_{letter}")
                before = bone.rotation_euler[axis]
                bone.rotation_euler[axis] = wanted + beyond
                bpy.context.view_layer.update()
                evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones[bone.name]
                local = (
                    evaluated.matrix if not evaluated.parent else evaluated.parent.matrix.inverted() @ evaluated.matrix
                )
                rest = evaluated.bone.matrix_local
                if evaluated.parent:
                    rest = evaluated.parent.bone.matrix_local.inverted() @ rest
                shown = (rest.inverted() @ local).to_euler(bone.rotation_mode)[axis]
                error = abs(math.degrees(shown - wanted))
                worst, held = max(worst, error), held + (error < 0.01)
                bone.rotation_euler[axis] = before
    parts = {name: rig.pose.bones[f"MCH-{name}"] for name in ("lumbar_body", "scapula_r")}
    for name, part in parts.items():
        rest = part.location.copy()
        rig.pose.bones[name].rotation_euler = (0.2, 0.2, 0.2)
        bpy.context.view_layer.update()
        moved += (part.location - rest).length > 1e-3
    return {"held": held, "worst error in degrees": round(worst, 5), "displacements that follow": moved}


gui.play(story)
