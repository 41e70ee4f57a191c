"""The plates' poses are possible, and figures stand beside each other on the floor. Rendering them takes too long here."""

import sys
from pathlib import Path

import numpy as np
import pytest
from osteon.core.anatomy.limits import limits, mirror_pose, within
from osteon.core.bodies.skel import Skel
from osteon.core.bodies.skel_file import skel_from_content

from tools import plates

sys.path.insert(0, str(Path(__file__).parent.parent / "core" / "bodies"))

from synthetic_skel import make_skel_model

POSES = {"standing": plates.STANDING, "squat": plates.SQUAT, "overhead": plates.OVERHEAD}


@pytest.fixture(scope="module")
def body() -> Skel:
    return Skel(skel_from_content(make_skel_model(11, "female"), Path("skel_female.pkl")))


@pytest.mark.parametrize("name", POSES)
def test_poses_are_even_and_within_limits(name):
    q = plates.pose(POSES[name])
    assert within(q, limits())
    np.testing.assert_allclose(mirror_pose(q), q)


def test_figures_stand_beside_each_other_on_the_floor(body):
    placed = plates.side_by_side([plates.Figure(body, plates.STANDING, azimuth) for azimuth in (0, 90, 180)])
    low, high = (np.array([getattr(p.skin, end)(0) for p in placed]) for end in ("min", "max"))
    np.testing.assert_allclose(low[:, 1], 0, atol=1e-6)
    np.testing.assert_allclose(low[1:, 0] - high[:-1, 0], plates.GAP, atol=1e-5)
    assert low[0, 0] == pytest.approx(-high[-1, 0], abs=1e-5)


def test_an_azimuth_of_90_shows_the_left_side(body):
    left = plates.Figure(body, plates.T_POSE, azimuth=90).turn() @ (1.0, 0.0, 0.0)
    np.testing.assert_allclose(left, (0, 0, 1), atol=1e-6)


def test_a_close_up_dissolves_into_paper():
    picture = plates.faded(np.zeros((60, 80, 3), np.uint8))
    np.testing.assert_allclose(picture[0], np.broadcast_to(plates.paper(), (80, 3)), atol=1)
    assert not picture[30, 40].any()
