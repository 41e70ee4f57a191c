"""The jobs there are, and running one in this process."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import AssetError, InputError

# Called with a fraction of 1 and what is being done; raises `Cancelled` when the work is to stop.
Progress = Callable[[float, str], None]

# Where each job's function is; the module is imported when the job runs.
JOBS = {
    "convert_motion": "osteon.core.jobs.convert:convert_motion",
    "fit_surface": "osteon.core.jobs.surface:fit_surface",
    "image_to_skeleton": "osteon.core.jobs.photo:image_to_skeleton",
    "skel_motion": "osteon.core.jobs.convert:skel_motion",
}

_PACKAGE = __package__.removesuffix(".core.jobs")


def run(name: str, arguments: Mapping[str, Any], progress: Progress | None = None) -> Any:
    """Runs a job in this process and returns its result.

    Parameters
    ----------
    name: a key of `JOBS`, or "module:function"
    arguments: the function's keyword arguments
    progress: see `Progress`

    Raises
    ------
    InputError
        When there is no such job.
    AssetError
        When a Python package is missing that the job needs.
    OsteonError
        Whatever the job raises.
    """
    return _function(name)(progress or (lambda fraction, text: None), **arguments)


def part(progress: Progress, start: float, end: float) -> Progress:
    """Progress of a stage of the work: its 0 to 1 is the whole's `start` to `end`."""
    return lambda fraction, text: progress(start + (end - start) * min(max(fraction, 0.0), 1.0), text)


def _function(name: str) -> Callable[..., Any]:
    module, colon, function = JOBS.get(name, name).partition(":")
    if not colon:
        raise InputError(f"There is no job named {name}: there are {', '.join(JOBS)}.")
    # In Blender the package has another name than `osteon`.
    module = module.replace("osteon", _PACKAGE, 1) if module.startswith("osteon.") else module
    try:
        return getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        raise AssetError(
            f"The Python package {error.name} is missing, which this work needs: install the extension's complete zip "
            f"for this Blender and system, or 'pip install {error.name}'."
        ) from error
