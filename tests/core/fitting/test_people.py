"""SKELify: what is projected is found again, within the limits, robustly; a real photo is met."""

import numpy as np
import pytest
import torch
from osteon.core.anatomy.joints import POSE_INDEX
from osteon.core.anatomy.landmark_sites import landmark_sites
from osteon.core.anatomy.landmarks import LANDMARK_NAMES
from osteon.core.bodies.load import load_body
from osteon.core.errors import Cancelled, InputError
from osteon.core.fitting.people import fit_people
from osteon.core.vision.people import PersonEstimate

FOCAL = 1200.0
IMAGE = np.zeros((1000, 1000, 3), np.uint8)
HIPS = [LANDMARK_NAMES.index("left_hip"), LANDMARK_NAMES.index("right_hip")]


@pytest.fixture(scope="module")
def body():
    return load_body("open-neutral")


def _seen(body, q, betas, trans, noise=0.0, seed=0):
    """What a perfect detector would say of a posed body in front of the camera, and the body's joints."""
    out = body(*(torch.tensor(v, dtype=torch.float64)[None] for v in (q, betas, trans)), skin=False)
    sites = landmark_sites(LANDMARK_NAMES)
    frames, scales = out.frames[0].numpy(), out.rest.scales[0].numpy()
    joints = out.joints[0].numpy()
    points = np.array([joints[s.joint] + frames[s.bone] @ (scales[s.bone] * s.offset) for s in sites])
    pixels = 500 + FOCAL * points[:, :2] * [1, -1] / -points[:, 2:]
    pixels = pixels + np.random.default_rng(seed).normal(size=pixels.shape) * noise
    world = (points - points[HIPS].mean(0)) * [1, -1, -1]
    box = np.concatenate([pixels.min(0), pixels.max(0)])
    ones = np.ones(33)
    return PersonEstimate(box, 1.0, np.column_stack([pixels, ones]), ones, ones, world), joints


def _pose(**degrees):
    q = np.zeros(46)
    q[[POSE_INDEX["shoulder_r_x"], POSE_INDEX["shoulder_l_x"]]] = np.radians(70), np.radians(-70)
    for name, angle in degrees.items():
        q[POSE_INDEX[name]] = np.radians(angle)
    return q


POSES = {
    "standing": _pose(),
    "seen from behind, one leg up": _pose(pelvis_rotation=170, hip_flexion_r=80, knee_angle_r=90),
    "lying": _pose(pelvis_list=80, elbow_flexion_l=90),
    "lunge, leaning": _pose(pelvis_tilt=-40, hip_flexion_l=70, knee_angle_l=60, hip_flexion_r=-15, pelvis_rotation=60),
}


@pytest.mark.parametrize("name", POSES)
def test_a_projected_pose_is_found_again(body, name):
    betas = np.array([0.8, -0.5, *[0.0] * 8])
    seen, joints = _seen(body, POSES[name], betas, [0.1, 0.1, -4.0])
    (fit,) = fit_people(IMAGE, [seen], body, focal=FOCAL)
    assert fit.relative_reprojection < 0.004
    error = np.linalg.norm((fit.joints - fit.joints[0]) - (joints - joints[0]), axis=1)
    # The angles are not unique, and nothing but the prior tells size from distance; joints are close all the same.
    assert error.mean() < 0.03
    assert error.max() < 0.08


def test_it_does_not_matter_what_mode_the_caller_is_in(body):
    seen, _ = _seen(body, POSES["standing"], np.zeros(10), [0.0, 0.0, -4.0])
    (expected,) = fit_people(IMAGE, [seen], body, focal=FOCAL)
    with torch.inference_mode():
        (found,) = fit_people(IMAGE, [seen], body, focal=FOCAL)
    assert np.array_equal(found.pose, expected.pose)


def test_no_angle_leaves_its_limit(body):
    """Even when the landmarks ask for it: knees bent backwards by 60 degrees."""
    q = _pose(knee_angle_r=-60, knee_angle_l=-60, pelvis_rotation=90)
    seen, _ = _seen(body, q, np.zeros(10), [0.0, 0.0, -4.0])
    (fit,) = fit_people(IMAGE, [seen], body, focal=FOCAL)
    low, high = body.limits.T
    assert (fit.pose >= low - 1e-9).all()
    assert (fit.pose <= high + 1e-9).all()
    # The start is within; the landmarks pull to the bound.
    assert fit.pose[POSE_INDEX["knee_angle_r"]] < np.radians(5)


def test_a_landmark_gone_astray_moves_little(body):
    q = POSES["standing"]
    clean, _joints = _seen(body, q, np.zeros(10), [0.0, 0.0, -4.0], noise=1.0)
    wrong = clean.landmarks.copy()
    wrong[LANDMARK_NAMES.index("left_wrist"), :2] += 200
    spoiled = PersonEstimate(clean.box, 1.0, wrong, clean.visibility, clean.presence, clean.world)
    before, after = (fit_people(IMAGE, [p], body, focal=FOCAL)[0] for p in (clean, spoiled))
    assert np.linalg.norm(after.joints - before.joints, axis=1)[:14].max() < 0.05


def test_hidden_landmarks_do_not_count(body):
    q = POSES["standing"]
    clean, _ = _seen(body, q, np.zeros(10), [0.0, 0.0, -4.0])
    legs = [i for i, name in enumerate(LANDMARK_NAMES) if any(k in name for k in ("knee", "ankle", "heel", "foot"))]
    landmarks, visibility = clean.landmarks.copy(), clean.visibility.copy()
    landmarks[legs, :2] = np.random.default_rng(0).uniform(0, 1000, (len(legs), 2))
    visibility[legs] = 0.02
    hidden = PersonEstimate(clean.box, 1.0, landmarks, visibility, clean.presence, clean.world)
    (fit,) = fit_people(IMAGE, [hidden], body, focal=FOCAL)
    assert fit.relative_reprojection < 0.006
    # The 3-D landmarks still say that the legs hang.
    assert fit.joints[2, 1] < fit.joints[1, 1] - 0.3


def test_several_people_are_fitted_as_one_by_one(body):
    seen = [
        _seen(body, q, np.zeros(10), [x, 0.0, -5.0])[0]
        for q, x in zip(list(POSES.values())[:2], (-0.7, 0.7), strict=True)
    ]
    together = fit_people(IMAGE, seen, body, focal=FOCAL)
    alone = [fit_people(IMAGE, [p], body, focal=FOCAL)[0] for p in seen]
    for a, b in zip(together, alone, strict=True):
        assert np.abs(a.joints - b.joints).max() < 0.02


def test_progress_rises_and_can_stop_the_work(body):
    seen, _ = _seen(body, POSES["standing"], np.zeros(10), [0.0, 0.0, -4.0])
    fractions = []
    fit_people(IMAGE, [seen], body, focal=FOCAL, progress=lambda fraction, text: fractions.append(fraction))
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1

    def stop(fraction, text):
        if fraction > 0.1:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        fit_people(IMAGE, [seen], body, focal=FOCAL, progress=stop)


def test_nobody_and_bad_input(body):
    assert fit_people(IMAGE, [], body) == []
    with pytest.raises(InputError, match="focal"):
        fit_people(IMAGE, [], body, focal=0.0)
    with pytest.raises(InputError, match="focal"):
        fit_people(IMAGE, [], body, focal=np.inf)
    with pytest.raises(InputError, match="empty"):
        fit_people(np.zeros((0, 5, 3), np.uint8), [], body)


@pytest.mark.parametrize("spoil", ["nothing visible", "box without size", "all on one point", "no depth"])
def test_hopeless_landmarks_still_give_a_body(body, spoil):
    seen, _ = _seen(body, POSES["standing"], np.zeros(10), [0.0, 0.0, -4.0])
    landmarks, visibility, box, world = (v.copy() for v in (seen.landmarks, seen.visibility, seen.box, seen.world))
    if spoil == "nothing visible":
        visibility[:] = 0
    elif spoil == "box without size":
        box[2:] = box[:2]
    elif spoil == "no depth":
        world[:] = 0
    else:
        landmarks[:] = landmarks[0]
    (fit,) = fit_people(IMAGE, [PersonEstimate(box, 1.0, landmarks, visibility, seen.presence, world)], body)
    assert np.isfinite(fit.joints).all()
    assert (fit.pose >= body.limits[:, 0] - 1e-9).all()


def test_landmarks_that_are_no_numbers_are_refused(body):
    seen, _ = _seen(body, POSES["standing"], np.zeros(10), [0.0, 0.0, -4.0])
    seen.landmarks[3] = np.nan
    with pytest.raises(InputError, match="person 1 are not finite"):
        fit_people(IMAGE, [seen], body)
