import functools
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from osteon.core.bodies.skel import Skel
from osteon.core.bodies.skel_file import skel_from_content
from synthetic_skel import make_skel_model

GOLDEN = Path(__file__).parent / "golden"


@functools.cache
def synthetic_body(gender: str, seed: int) -> Skel:
    """A made-up body in the official schema; no licensed data (see synthetic_skel.py)."""
    return Skel(skel_from_content(make_skel_model(seed, gender), Path(f"skel_{gender}.pkl")))


@pytest.fixture(params=[("male", 11), ("female", 12)], ids=["male", "female"])
def golden(request):
    """A synthetic body and what the official SKEL code computes for it."""
    gender, seed = request.param
    with np.load(GOLDEN / f"skel_forward_{gender}_{seed}.npz") as archive:
        return synthetic_body(gender, seed), dict(archive)


@pytest.fixture
def body() -> Skel:
    return synthetic_body("male", 11)
