"""People posed by anny's own rig, and what SKEL's joints do to them."""

import functools

import numpy as np
import pytest
from osteon.core.anatomy.joints import JOINT_INDEX, POSE_INDEX
from osteon.core.bodies.load import load_body
from osteon.core.learning.skel import posed_people
from osteon.core.learning.skel.people import People, sources


@functools.cache
def people():
    return People(sources())


@pytest.mark.slow
def test_at_rest_the_rig_gives_the_t_pose():
    shapes = people().shapes("male")
    body = load_body("open-male")
    rig = posed_people.rig_for(people(), body)
    for about in ("skel", "anny"):
        posed = posed_people.sample(body, rig, people().base(shapes, 3), shapes.betas[3], np.zeros((1, 46)), about)
        left = (posed.targets[0] + posed.targets[0][people().surface.mirror] * [-1, 1, 1]) / 2
        assert np.linalg.norm(left - shapes.skins[3], axis=1).max() < (1e-4 if about == "skel" else 0.01)


@pytest.mark.slow
def test_the_rig_bends_toes_where_the_body_does():
    """Skin over the bases of the toes, which MakeHuman's own weights leave with the foot."""
    shapes = people().shapes("male")
    body = load_body("open-male")
    rig = posed_people.rig_for(people(), body)
    bent = np.zeros((1, 46))
    bent[0, POSE_INDEX["mtp_angle_r"]] = np.radians(30)
    base, beta = people().base(shapes, 3), shapes.betas[3]
    left = posed_people.sample(body, rig, base, beta, np.zeros((1, 46))).targets[0]
    there = posed_people.sample(body, rig, base, beta, bent).targets[0]
    toes = posed_people.joint_motions(body, bent, beta)[0, JOINT_INDEX["toes_r"]]
    miss = np.linalg.norm(there - (left @ toes[:, :3].T + toes[:, 3]), axis=1)
    foot, toe = (rig.names.index(f"{bone}.R") for bone in ("foot", "toe3-1"))
    between = np.flatnonzero((rig.weights["skel"][:, toe] > 0.99) & (rig.weights["anny"][:, foot] > 0.5))
    assert len(between) >= 5
    assert miss[between].max() < 1e-3
    assert np.linalg.norm(there - left, axis=1)[between].min() > 1e-3
