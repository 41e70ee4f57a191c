"""The bodies to choose from: those that ship with Osteon and the user's own SKEL models."""

import bpy

from ..core.errors import InputError
from ..preferences import preferences

_LICENSED = {"skel-male": "skel_male", "skel-female": "skel_female"}

ITEMS = (
    ("open-neutral", "Neutral", "The open body, between male and female"),
    ("open-female", "Female", "The open female body"),
    ("open-male", "Male", "The open male body"),
    ("open-child", "Child", "The open body of a child, 4 to 17 years old"),
    ("skel-female", "SKEL Female", "Your licensed SKEL model, as set in the preferences"),
    ("skel-male", "SKEL Male", "Your licensed SKEL model, as set in the preferences"),
)


def body_property(description: str) -> object:
    """An operator's property that chooses a body."""
    return bpy.props.EnumProperty(name="Body", description=description, items=ITEMS, default="open-neutral")


def body_file(context: bpy.types.Context, identifier: str) -> str:
    """What `load_skel` takes for a choice.

    Raises
    ------
    InputError
        When it is a licensed model whose file the preferences do not name.
    """
    if identifier not in _LICENSED:
        return identifier
    path = getattr(preferences(context), _LICENSED[identifier], "")
    if not path:
        raise InputError(
            f"No file is set for {next(item[1] for item in ITEMS if item[0] == identifier)}: "
            "choose it in Preferences > Add-ons > Osteon."
        )
    return bpy.path.abspath(path)
