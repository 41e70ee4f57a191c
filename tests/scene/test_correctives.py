"""Pose correctives as shape keys; that the skin is core's is tested with the whole rig."""

import math
from dataclasses import replace

import bpy
import numpy as np
import pytest
import torch
from osteon.core.anatomy.joints import JOINTS, POSE_INDEX, pose_slice
from osteon.core.bodies.skel import Skel
from osteon.scene.body import add_body
from osteon.scene.corrective_plan import SMALLEST, plan_correctives
from osteon.scene.rig import set_pose

# Two for each of 8 hinges, 8 for each of 2 wrists, 9 for each of 9 joints of three angles.
KEYS = 8 * 2 + 2 * 8 + 9 * 9


def plans_of(body, betas, posedirs):
    orientations = body.rest(torch.tensor(betas)[None]).orientations[0].numpy()
    return plan_correctives(posedirs, orientations, body.data.apose_rel_transfo[:, :3, :3])


def test_the_plan_is_what_core_adds(model, betas):
    body = model("synthetic")
    q = np.random.default_rng(0).uniform(-2, 2, 46)
    plans = plans_of(body, betas, body.data.posedirs)
    assert len(plans) == KEYS
    offsets = np.zeros_like(body.data.skin_template)
    for plan in plans:
        names = dict(zip("abc", q[pose_slice(plan.joint)], strict=False))
        offsets += plan.offsets * eval(plan.expression, {"sin": math.sin, "cos": math.cos}, names)
    pose, shape = torch.tensor(q)[None], torch.tensor(betas)[None]
    with_, without = (body(pose, shape, pose_correctives=on).skin[0].numpy() for on in (True, False))
    G = body(pose, shape).transforms[0, :, :3, :3].numpy()
    blend = np.einsum("nj,jab->nab", body.data.skin_weights.toarray(), G)
    assert np.abs(with_ - without - np.einsum("nab,nb->na", blend, offsets)).max() < 1e-9


def test_keys_that_do_nothing_are_left_out(model, betas):
    body = model("synthetic")
    posedirs = np.zeros_like(body.data.posedirs)
    rng = np.random.default_rng(0)
    posedirs[3, :, 27:36] = rng.normal(0, 0.01, (3, 9))  # the left knee
    posedirs[5, :, 36:45] = rng.uniform(-1, 1, (3, 9)) * SMALLEST / 10  # the right one
    plans = plans_of(body, betas, posedirs)
    assert {JOINTS[plan.joint].name for plan in plans} == {"tibia_l"}
    assert [plan.expression for plan in plans] == ["sin(a)", "cos(a)-1"]


def test_keys_are_driven_without_python(context, model, betas):
    made = add_body(context, model("synthetic"), betas)
    keys = made.skin.data.shape_keys
    assert len(keys.key_blocks) == KEYS + 1
    assert keys.use_relative
    curves = keys.animation_data.drivers
    assert len(curves) == KEYS + 39
    for curve in curves:
        assert curve.driver.is_simple_expression, curve.driver.expression
        assert curve.driver.is_valid
        assert len(curve.driver.expression) < 256
    names = [key.name for key in keys.key_blocks]
    assert len(set(names)) == len(names)
    context.view_layer.update()
    assert all(key.value == 0 for key in keys.key_blocks[1:])


def test_bodies_without_correctives_have_no_keys(context, model):
    body = Skel(replace(model("synthetic").data, posedirs=None))
    assert add_body(context, body).skin.data.shape_keys is None


def test_values_reach_what_the_model_reaches(context, model):
    """A diagonal element of R - I comes near -2, beyond the 0 to 1 of new shape keys."""
    body = model("synthetic")
    made = add_body(context, body)
    q = np.zeros(46)
    q[POSE_INDEX["shoulder_r_x"]] = np.radians(114)
    set_pose(made.armature, q)
    context.view_layer.update()
    values = [key.value for key in made.skin.data.shape_keys.key_blocks if key.name.startswith("humerus_r")]
    assert min(values) == pytest.approx(np.cos(np.radians(114)) - 1, abs=1e-5)


def test_a_deleted_skin_takes_its_keys_along(context, model):
    made = add_body(context, model("synthetic"))
    bpy.data.meshes.remove(made.skin.data)
    assert not bpy.data.shape_keys
