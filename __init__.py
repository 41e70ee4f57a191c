"""Osteon: a biomechanically true skeleton inside a human body.

This folder is a Blender extension and the Python package `osteon` at once. `osteon.core` needs no Blender.
"""

# Blender's modules are imported by `register`, so that the package can be imported without Blender.

_command = None


def _modules():
    """The modules with classes, in the order of their registration."""
    from . import preferences
    from .operators import add_body, image_to_skeleton, long_work
    from .panels import main

    return preferences, long_work, add_body, image_to_skeleton, main


def register():
    """Adds all that Osteon brings to Blender."""
    import bpy

    global _command
    for module in _modules():
        for cls in module.CLASSES:
            bpy.utils.register_class(cls)
        for menu, draw in getattr(module, "MENUS", ()):
            menu.append(draw)
        if hasattr(module, "register"):
            module.register()
    _command = bpy.utils.register_cli_command("osteon", _run_command)


def unregister():
    """Takes away all that `register` added."""
    import bpy

    bpy.utils.unregister_cli_command(_command)
    for module in reversed(_modules()):
        if hasattr(module, "unregister"):
            module.unregister()
        for menu, draw in getattr(module, "MENUS", ()):
            menu.remove(draw)
        for cls in reversed(module.CLASSES):
            bpy.utils.unregister_class(cls)


def _run_command(arguments):
    """`blender --command osteon VERB ...`"""
    from .operators.command import main

    return main(arguments)
