"""What `test_extension.py` runs in a fresh environment that has `bpy` and nothing of ours; prints one line of JSON.

installed_extension.py use EXTENSION.zip PHOTO     installs the zip, uses both operators, disables it
installed_extension.py enable                      enables what is installed, twice, and takes the time
"""

import gc
import importlib
import json
import sys
import time
from pathlib import Path

import bpy
import numpy

# isort: split
import addon_utils  # which importing bpy makes importable

MODULE = "bl_ext.user_default.osteon"


def ours(function):
    return str(getattr(function, "__module__", None)).startswith(MODULE)


def traces():
    """Everything that an add-on can leave in Blender: classes, properties, entries in menus, handlers, timers."""
    found = set()
    for name in dir(bpy.types):
        blender_type = getattr(bpy.types, name)
        found.add(name)
        if hasattr(blender_type, "bl_rna"):
            found |= {f"{name}.{key}" for key in blender_type.bl_rna.properties.keys()}
        draws = getattr(getattr(blender_type, "draw", None), "_draw_funcs", ())
        found |= {f"{name} draws {draw.__qualname__}" for draw in draws if ours(draw)}
    for name in dir(bpy.app.handlers):
        handlers = getattr(bpy.app.handlers, name)
        if isinstance(handlers, list):
            found |= {f"{name} calls {handler.__qualname__}" for handler in handlers if ours(handler)}
    functions = [thing for thing in gc.get_objects() if type(thing).__name__ == "function" and ours(thing)]
    found |= {f"timer {function.__qualname__}" for function in functions if bpy.app.timers.is_registered(function)}
    return found


def scene():
    """How many objects of each type there are."""
    types = [item.type for item in bpy.data.objects]
    return {name: types.count(name) for name in set(types)}


def use(extension, photo):
    bpy.ops.wm.read_homefile(use_empty=True)
    before = traces()
    result = {"had_torch": any(name in sys.modules for name in ("torch", "osteon")), "seconds": {}, "scenes": {}}

    def step(name, action, **options):
        start = time.perf_counter()
        assert action(**options) == {"FINISHED"}, name
        result["seconds"][name] = round(time.perf_counter() - start, 2)
        result["scenes"][name] = scene()

    install = bpy.ops.extensions.package_install_files
    step("install", install, filepath=extension, repo="user_default", enable_on_install=True)
    result["enabled"] = sorted(traces() - before)
    step("add_body", bpy.ops.osteon.add_body)
    step("image_to_skeleton", bpy.ops.osteon.image_to_skeleton, filepath=photo)
    try:
        jobs = importlib.import_module(f"{MODULE}.core.jobs")
        jobs.start("image_to_skeleton", {"image": numpy.zeros((64, 64, 3), numpy.uint8)}).result()
    except Exception as error:
        result["worker"] = str(error)
    names = ("torch", "scipy", "trimesh", "ai_edge_litert", "numpy")
    result["files"] = {name: importlib.import_module(name).__file__ for name in names}
    addon_utils.disable(MODULE, default_set=True)
    result["left"] = sorted(traces() ^ before)
    return result


def enable():
    before = traces()
    result = {"seconds": [], "left": []}
    for _ in range(2):
        start = time.perf_counter()
        assert addon_utils.enable(MODULE, refresh_handled=True) is not None
        result["seconds"].append(round(time.perf_counter() - start, 3))
        addon_utils.disable(MODULE, refresh_handled=True)
        result["left"] += sorted(traces() ^ before)
    result["heavy"] = sorted({"torch", "scipy", "trimesh", "ai_edge_litert"} & set(sys.modules))
    return result


if __name__ == "__main__":
    verb, *paths = sys.argv[1:]
    report = use(*[str(Path(path).resolve()) for path in paths]) if verb == "use" else enable()
    print("\n" + json.dumps(report), flush=True)
