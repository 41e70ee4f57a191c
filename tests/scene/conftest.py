import functools
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "core" / "bodies"))

from osteon.core.bodies.load import load_body
from osteon.core.bodies.skel import Skel
from osteon.core.bodies.skel_file import skel_from_content
from synthetic_parts import make_model_with_parts
from synthetic_skel import make_skel_model


@functools.cache
def _model(name: str) -> Skel:
    if name == "synthetic":
        return Skel(skel_from_content(make_skel_model(11, "male"), Path("skel_male.pkl")))
    if name == "parts":
        return Skel(skel_from_content(make_model_with_parts(), Path("skel_male.pkl")))
    return load_body(name)


@pytest.fixture(params=["synthetic", "parts", "open-neutral"])
def body(request) -> Skel:
    """Made-up bodies whose bones are oriented anyhow, so that a rig exact on them is exact on all, and the open body.

    The second has clavicles and patellae that follow.
    """
    return _model(request.param)


@pytest.fixture
def model():
    """Gives one of these bodies by its name."""
    return _model


@pytest.fixture
def betas() -> np.ndarray:
    """A shape that is not the mean."""
    return np.random.default_rng(5).uniform(-1.5, 1.5, 10)


@pytest.fixture(autouse=True)
def context():
    """Blender with an empty scene."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return bpy.context
