"""The bodies to choose from: those that ship with Osteon and the user's own SKEL models."""

import bpy

from ..core.errors import InputError
from ..preferences import models_folder, set_path

AUTO = "auto"

_LICENSED = {"skel-male": "skel_male", "skel-female": "skel_female"}

ITEMS = (
    ("open-neutral", "Neutral", "The open body, between male and female"),
    ("open-female", "Female", "The open female body"),
    ("open-male", "Male", "The open male body"),
    ("open-child", "Child", "The open body of a child, 4 to 17 years old"),
    ("skel-female", "SKEL Female", "Your licensed SKEL model, as set in the preferences"),
    ("skel-male", "SKEL Male", "Your licensed SKEL model, as set in the preferences"),
)


_AUTOMATIC = (AUTO, "Automatic", "By vertices and gender: your licensed SKEL model or the open body")


def body_property(description: str, automatic: bool = False) -> object:
    """An operator's property that chooses a body, or leaves that to the operator."""
    items = (_AUTOMATIC, *ITEMS) if automatic else ITEMS
    default = AUTO if automatic else "open-neutral"
    return bpy.props.EnumProperty(name="Body", description=description, items=items, default=default)


def smoothness_property() -> object:
    """An operator's property: how smooth the angles of a fit are over time."""
    return bpy.props.FloatProperty(
        name="Smoothness",
        description="How much angles that the surface hardly shows go with the frames around; 0 fits each for itself",
        min=0.0,
        soft_max=3.0,
    )


def body_file(context: bpy.types.Context, identifier: str) -> str:
    """What `load_skel` takes for a choice.

    Raises
    ------
    InputError
        When it is a licensed model that the preferences do not lead to.
    """
    path = identifier if identifier not in _LICENSED else licensed_file(context, identifier)
    if path is None:
        raise InputError(
            f"No file is set for {next(item[1] for item in ITEMS if item[0] == identifier)}: "
            "choose it in Preferences > Add-ons > Osteon."
        )
    return path


def licensed_file(context: bpy.types.Context, identifier: str) -> str | None:
    """The user's file of a licensed model: the one that is named, else the one in the folder of models; None without.

    Raises
    ------
    InputError
        When the file or folder that the preferences name is not there.
    """
    named = set_path(context, _LICENSED[identifier])
    folder = models_folder(context) if named is None else None
    if folder is None:
        return named and str(named)
    from ..core.bodies.licensed import find_model

    found = find_model(folder, ("SKEL",), identifier.removeprefix("skel-"))
    return str(found) if found else None


def licensed_for(context: bpy.types.Context, gender: str) -> str | None:
    """The user's file of the SKEL model of a gender, of either where it is not male or female; None without.

    Raises
    ------
    InputError
        As `licensed_file`.
    """
    wanted = [f"skel-{gender}"] if f"skel-{gender}" in _LICENSED else _LICENSED
    return next((path for path in (licensed_file(context, identifier) for identifier in wanted) if path), None)
