"""Osteon without Blender: body models, fitting, people from pictures.

The names below are the public interface; each is loaded on first use, so that importing this package costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bodies.load import load_body
    from .bodies.stature import betas_for
    from .exchange.motion import Motion
    from .exchange.motion_files import load_motion, save_motion
    from .fitting.people import fit_people
    from .fitting.surface import fit_skel
    from .vision.people import estimate_people

_HOME = {
    "Motion": ".exchange.motion",
    "load_body": ".bodies.load",
    "betas_for": ".bodies.stature",
    "estimate_people": ".vision.people",
    "fit_people": ".fitting.people",
    "fit_skel": ".fitting.surface",
    "load_motion": ".exchange.motion_files",
    "save_motion": ".exchange.motion_files",
}

__all__ = [
    "Motion",
    "betas_for",
    "estimate_people",
    "fit_people",
    "fit_skel",
    "load_body",
    "load_motion",
    "save_motion",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name], __package__), name)
