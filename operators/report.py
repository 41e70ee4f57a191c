"""Where core's errors become Blender's reports."""

import logging
from collections.abc import Callable
from typing import Any

import bpy

from ..core.errors import Cancelled, OsteonError

logger = logging.getLogger(__name__)


def reporting(operator: bpy.types.Operator, do: Callable[..., set[str]], *arguments: Any) -> set[str]:
    """What `do(*arguments)` returns; when it raises, the operator reports that in one sentence and is cancelled."""
    try:
        return do(*arguments)
    except Cancelled as error:
        operator.report({"WARNING"}, str(error))
    except OsteonError as error:
        operator.report({"ERROR"}, str(error))
    except Exception as error:
        logger.exception("%s failed", operator.bl_idname)
        operator.report({"ERROR"}, f"{operator.bl_label} failed: {type(error).__name__}: {error}")
    return {"CANCELLED"}
