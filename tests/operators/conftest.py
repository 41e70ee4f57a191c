import bpy
import osteon
import pytest


@pytest.fixture(autouse=True)
def context():
    """Blender with Osteon registered and the factory's scene: a selected cube, a camera, a light."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    osteon.register()
    yield bpy.context
    osteon.unregister()


def state():
    """All that an operator could leave behind or switch: data blocks, selection, mode, frame, camera, render size."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    collections = [p.identifier for p in bpy.data.bl_rna.properties if p.type == "COLLECTION"]
    return {
        "blocks": {name: sorted(block.name for block in getattr(bpy.data, name)) for name in collections},
        "active": layer.objects.active and layer.objects.active.name,
        "selected": sorted(obj.name for obj in layer.objects if obj.select_get()),
        "mode": bpy.context.mode,
        "frame": scene.frame_current,
        "camera": scene.camera and scene.camera.name,
        "render": (scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage),
        "links": sorted(obj.name for obj in scene.collection.all_objects),
    }


@pytest.fixture
def unchanged(context):
    """`with unchanged("part of the report"):` the operator inside fails with that report and changes nothing."""
    from contextlib import contextmanager

    @contextmanager
    def check(report):
        bpy.context.scene.frame_set(7)
        before = state()
        with pytest.raises(RuntimeError, match=report) as caught:
            yield
        assert str(caught.value).strip().count("\n") == 0, "one sentence"
        assert state() == before

    return check
