import bpy
import osteon
import pytest

RENDER = ("resolution_x", "resolution_y", "resolution_percentage", "fps", "fps_base")


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
        "frame": (scene.frame_current, scene.frame_end),
        "markers": [(marker.name, marker.frame) for marker in scene.timeline_markers],
        "camera": scene.camera and scene.camera.name,
        "render": tuple(getattr(scene.render, name) for name in RENDER),
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


@pytest.fixture
def settings(context):
    """The extension's preferences, as an add-on has them."""
    addon = bpy.context.preferences.addons.new()
    addon.module = "osteon"
    yield addon.preferences
    bpy.context.preferences.addons.remove(addon)


@pytest.fixture
def models(tmp_path):
    """A folder with the model files of one made-up man, SKEL and SMPL, and a file that is no model."""
    import pickle
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parent.parent / "core" / "bodies"))
    from synthetic_smpl import make_fit_models

    folder = tmp_path / "models"
    folder.mkdir()
    for name, content in zip(("skel_male.pkl", "SMPL_MALE.pkl"), make_fit_models(51), strict=True):
        (folder / name).write_bytes(pickle.dumps(content))
    (folder / "notes.pkl").write_bytes(pickle.dumps({"a": 1}))
    return folder
