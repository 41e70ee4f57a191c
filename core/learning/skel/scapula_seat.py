"""Turns the scapula about the shoulder, so that it lies about as far from the ribs in every shape.

Bones are placed, settled and hung on joints one by one; what these leave between scapula and ribs varies with the shape by
more than muscles do. The joint of shoulder and clavicle are near the axis and stay where they are.
"""

import logging

import numpy as np
import torch

from ...bodies.skel import Skel
from ..inside import Skin
from ..report.contact import CAGE, depth_within
from ..report.sampling import random_poses
from .bone_names import Bones
from .bone_space import BoneSpace
from .skeleton import SCAPULAR_AXES
from .skinning import moved

log = logging.getLogger(__name__)

GAP = 0.0095  # metres between scapula and ribs, over all poses and shapes
LOOKING = 0.6  # cosine to the direction of the ribs, of the scapula's vertices that look at them
POSES, ROUNDS = 150, 3
MOST = np.deg2rad(53.0)  # that the mean body's scapula turns forwards; in life 41 (Ludewig et al. 2009), and it varies
OUT, SHARES = (
    -0.0005,
    9,
)  # metres of skin over it at rest, that is by how much it may be out; shares of a turn that are tried
STEP = np.deg2rad(1.0)  # by which it is turned to see what that does
RIDGE = 0.015  # metres of gap that a turn of a radian counts as
SEED = 37


def seated(bones: BoneSpace, meshes: Bones, body: Skel, shoulder: np.ndarray, within_skin: bool = False) -> BoneSpace:
    """The bones with the scapula turned about the vertical axis through the shoulder's centre (3,), linearly in the betas.

    body: has the bones' joints; its random poses and shapes are looked at
    within_skin: turns it by no more than leaves it inside the body's skin at rest, but for half a millimetre, or no farther
        out than it is
    """
    poses, betas, _ = random_poses(body, POSES, SEED)
    ribs = [f"rib_{k:02d}_r" for k in CAGE]
    names = body.bone_part_names
    parts = torch.tensor([names.index(name) for name in ("scapula_r", *ribs)])
    motions = body.part_motions(torch.as_tensor(poses), torch.as_tensor(betas))[:, parts].numpy()
    cages = _cages(bones, meshes, ribs, motions[:, 1:], betas)
    ids = bones.members("scapula_r")
    towards = Skin(bones.template[ids], meshes["scapula_r"].faces).vertex_normals @ SCAPULAR_AXES[:, 2]
    costal = ids[towards > LOOKING]
    there = moved(motions[:, 0], bones.at(betas, costal))
    turn = np.cross([0.0, 1.0, 0.0], bones.template[costal] - shoulder) @ motions[:, 0, :, :3].transpose(0, 2, 1)

    def gaps(angles: np.ndarray) -> np.ndarray:
        turned = there + angles[:, None, None] * turn
        return np.array([-depth_within(cage, points).max() for cage, points in zip(cages, turned, strict=True)])

    left = max(0.0, MOST - forwards(bones.points("scapula_r")))
    design = np.column_stack([np.ones(POSES), betas])
    change = np.zeros(design.shape[1])
    ridge = np.sqrt(POSES) * RIDGE * np.eye(len(change))
    for _ in range(ROUNDS):
        angles = design @ change
        now = gaps(angles)
        log.info("scapula %.1f to %.1f mm off the ribs", now.min() * 1e3, now.max() * 1e3)
        gain = (gaps(angles + STEP) - now) / STEP
        lhs = np.concatenate([gain[:, None] * design, ridge])
        rhs = np.concatenate([GAP - now, -ridge @ change])
        more = np.linalg.lstsq(lhs, rhs, rcond=None)[0]
        if change[0] + more[0] > left:
            more[0] = left - change[0]
            more[1:] = np.linalg.lstsq(lhs[:, 1:], rhs - lhs[:, 0] * more[0], rcond=None)[0]
        change += more
    if not within_skin:
        return _turned(bones, shoulder, change)
    depth = _least_depth(bones, body, betas)
    for share in np.linspace(1, 0, SHARES):
        turned = _turned(bones, shoulder, share * change)
        if _least_depth(turned, body, betas) >= min(depth, OUT):
            break
    log.info("scapula turned by %.2f of what its gaps asked for", share)
    return turned


def _least_depth(bones: BoneSpace, body: Skel, betas: np.ndarray) -> float:
    """Metres that the scapula has of skin over it at rest where it is shallowest, of shapes (S, 10)."""
    ids = bones.members("scapula_r")
    skins = (Skin(body.data.skin_template + body.data.shapedirs @ beta, body.faces) for beta in betas)
    depths = (skin.true_depth(points).min() for skin, points in zip(skins, bones.at(betas, ids), strict=True))
    return float(min(depths))


def forwards(scapula: np.ndarray) -> float:
    """Radians by which the plane of the right scapula (n, 3) is turned forwards from the frontal plane."""
    normal = np.linalg.svd(scapula - scapula.mean(0), full_matrices=False)[2][2]
    return float(np.arctan2(abs(normal[0]), abs(normal[2])))


def _cages(bones: BoneSpace, meshes: Bones, ribs: list[str], motions: np.ndarray, betas: np.ndarray) -> list[Skin]:
    """The ribs of each shape in its pose, as one surface; motions (S, ribs, 3, 4)."""
    points = [moved(motions[:, k], bones.at(betas, bones.members(rib))) for k, rib in enumerate(ribs)]
    starts = np.cumsum([0, *(p.shape[1] for p in points)])
    faces = np.concatenate([meshes[rib].faces + start for rib, start in zip(ribs, starts, strict=False)])
    return [Skin(cage, faces) for cage in np.concatenate(points, 1)]


def _turned(bones: BoneSpace, shoulder: np.ndarray, change: np.ndarray) -> BoneSpace:
    """The scapula turned by radians (11,): of the mean body, and per beta."""
    vertical = np.array([[0, 0, 1.0], [0, 0, 0], [-1, 0, 0]])  # @ x is the cross product of the vertical and x
    ids, part = bones.members("scapula_r"), bones.names.index("scapula_r")
    template, maps = bones.template.copy(), bones.maps.copy()
    template[ids] += change[0] * (template[ids] - shoulder) @ vertical.T
    maps[part, :, :3] += vertical[:, :, None] * change[1:]
    maps[part, :, 3] -= (vertical @ shoulder)[:, None] * change[1:]
    return bones.moved(template, maps)
