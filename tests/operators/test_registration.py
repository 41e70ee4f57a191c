"""Registering adds what there is and unregistering takes all of it away."""

import bpy
import osteon
import pytest
from osteon import preferences
from osteon.operators import add_body, convert_to_skel, image_to_skeleton, import_motion, long_work, show_errors
from osteon.panels import main

VERBS = add_body, image_to_skeleton, convert_to_skel, import_motion, show_errors
CLASSES = [cls for module in (preferences, long_work, *VERBS, main) for cls in module.CLASSES]


def traces():
    """Types, menu entries, handlers and commands that are in Blender now."""
    found = set(dir(bpy.types))
    for name in dir(bpy.types):
        draws = getattr(getattr(getattr(bpy.types, name), "draw", None), "_draw_funcs", ())
        found |= {f"{name}: {draw.__module__}.{draw.__qualname__}" for draw in draws}
    for name in dir(bpy.app.handlers):
        handlers = getattr(bpy.app.handlers, name)
        if isinstance(handlers, list):
            found |= {f"{name}: {handler.__module__}.{handler.__qualname__}" for handler in handlers}
    return found


def test_nothing_is_left():
    osteon.unregister()
    without = traces()
    osteon.register()
    added = traces() - without
    assert {"OSTEON_OT_add_body", "OSTEON_OT_image_to_skeleton", "OSTEON_PT_body", "OSTEON_FH_photo"} <= added
    assert {"VIEW3D_MT_armature_add: osteon.operators.add_body.draw_menu"} <= added
    assert {"load_pre: osteon.operators.long_work._before_another_file"} <= added
    osteon.unregister()
    assert traces() == without
    osteon.register()


def test_failed_registration_leaves_nothing(monkeypatch):
    class OSTEON_PT_wrong(bpy.types.Panel):
        bl_label = "Wrong"
        bl_space_type = "NOWHERE"
        bl_region_type = "UI"

        def draw(self, context):
            pass

    osteon.unregister()
    without = traces()
    monkeypatch.setattr(main, "CLASSES", (*main.CLASSES, OSTEON_PT_wrong))
    with pytest.raises(TypeError, match="NOWHERE"):
        osteon.register()
    assert traces() == without
    monkeypatch.undo()
    osteon.register()


@pytest.mark.parametrize("cls", CLASSES)
def test_names_and_tooltips(cls):
    kind = {"Operator": "OT", "Panel": "PT", "FileHandler": "FH", "AddonPreferences": "AP"}[cls.__bases__[-1].__name__]
    assert cls.__name__.startswith(f"OSTEON_{kind}_")
    if kind != "OT":
        return
    assert cls.bl_idname == f"osteon.{cls.__name__.removeprefix('OSTEON_OT_')}"
    operator = getattr(bpy.ops.osteon, cls.bl_idname.split(".")[1]).get_rna_type()
    assert operator.description
    assert not operator.description.endswith(".")
    for prop in operator.properties:
        if prop.identifier != "rna_type" and not prop.is_hidden:
            assert prop.name, prop.identifier
            assert prop.description, prop.identifier
