"""Osteon: a biomechanically true skeleton inside a human body.

This folder is a Blender extension and the Python package `osteon` at once. `osteon.core` needs no Blender.
"""

from contextlib import ExitStack

# Blender's modules are imported by `register`, so that the package can be imported without Blender.

_added = ExitStack()  # how to take away what `register` added, the last thing first


def register():
    """Adds all that Osteon brings to Blender, or nothing if something fails."""
    import bpy

    from . import preferences
    from .operators import add_body, convert_to_skel, image_to_skeleton, import_motion, long_work, show_errors
    from .panels import main

    with ExitStack() as stack:
        verbs = add_body, image_to_skeleton, convert_to_skel, import_motion, show_errors
        for module in (preferences, long_work, *verbs, main):
            for cls in module.CLASSES:
                bpy.utils.register_class(cls)
                stack.callback(bpy.utils.unregister_class, cls)
            for menu, draw in getattr(module, "MENUS", ()):
                menu.append(draw)
                stack.callback(menu.remove, draw)
        long_work.watch_files()
        stack.callback(long_work.stop)
        command = bpy.utils.register_cli_command("osteon", _run_command)
        stack.callback(bpy.utils.unregister_cli_command, command)
        _added.push(stack.pop_all())


def unregister():
    """Takes away all that `register` added."""
    _added.close()


def _run_command(arguments):
    """`blender --command osteon VERB ...`"""
    from .operators.command import main

    return main(arguments)
