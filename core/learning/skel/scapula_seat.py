"""Turns the scapula about the shoulder, so that it lies about as far from the ribs in every shape.

Bones are placed, settled and hung on joints one by one; what these leave between scapula and ribs varies with the shape by
more than muscles do. The joint of shoulder and clavicle are near the axis and stay where they are.
"""

import logging
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import scipy.optimize
import torch
from scipy.spatial import cKDTree

from ...bodies.skel import Skel
from ..inside import Skin
from ..report.contact import CAGE, depth_within
from ..report.sampling import random_poses
from .bone_names import Bones
from .bone_space import BoneSpace
from .skeleton import SCAPULAR_AXES
from .skin import rotation_about
from .transforms import moved

log = logging.getLogger(__name__)

GAP = 0.011  # metres between scapula and ribs, over all poses and shapes
USUAL = 0.005  # metres by which it may well be nearer or farther; what is off counts with the third power of its share of that
GIVEN = 0.0045  # metres that ribs give way to a scapula that is seated before they do
LOOKING = 0.6  # cosine to the direction of the ribs, of the scapula's vertices that look at them
POSES, HARDEST, TURNS = 1200, 100, 2  # that are looked at; as many of the nearest and farthest it is turned for, twice
SHALLOWEST = 200  # of their shapes, in which the skin over it is asked for
ROUNDS = 15
CLOSE = 1e-3  # share of the squares below which a round gains too little to go on
MOST = np.deg2rad(53.0)  # that the mean body's scapula turns forwards; in life 41 (Ludewig et al. 2009), and it varies
DEEP, FARTHEST = 0.01, 0.04  # metres of skin over it that are enough, and metres out that it never is
COVER = 0.001  # metres of skin that are wanted over it at rest
STEP = np.deg2rad(1.0)  # by which it is turned to see what that does
RIDGE = 0.015  # metres of gap that a turn of a radian counts as
FIRM = 30.0  # how much more a millimetre of skin that is lacking, or a milliradian too far forwards, counts than one of gap
SEED = 37


def seated(bones: BoneSpace, meshes: Bones, body: Skel, shoulder: np.ndarray, given: float = 0.0) -> BoneSpace:
    """The bones with the scapula turned about the vertical axis through the shoulder's centre (3,), linearly in the betas.

    At rest a millimetre of the body's skin is wanted over it, also in the shapes where that is thinnest.

    body: has the bones' joints; its harsh random poses and shapes are looked at
    given: metres by which it may be nearer to the ribs
    """
    poses, betas, _ = random_poses(body, POSES, SEED, harsh=True)
    ribs = [f"rib_{k:02d}_r" for k in CAGE]
    names = body.bone_part_names
    parts = torch.tensor([names.index(name) for name in ("scapula_r", *ribs)])
    motions = body.part_motions(torch.as_tensor(poses), torch.as_tensor(betas))[:, parts].numpy()
    cages = _cages(bones, meshes, ribs, motions[:, 1:], betas)
    ids = bones.members("scapula_r")
    towards = Skin(bones.template[ids], meshes["scapula_r"].faces).vertex_normals @ SCAPULAR_AXES[:, 2]
    costal = towards > LOOKING
    turn_resting = np.cross([0.0, 1.0, 0.0], bones.template[ids] - shoulder)
    there = moved(motions[:, 0], bones.at(betas, ids[costal]))
    turn = turn_resting[costal] @ motions[:, 0, :, :3].transpose(0, 2, 1)

    def gaps(which: np.ndarray, angles: np.ndarray) -> np.ndarray:
        turned = there[which] + angles[:, None, None] * turn[which]
        return np.array([-depth_within(cages[k], points).max() for k, points in zip(which, turned, strict=True)])

    left = max(0.0, MOST - forwards(bones.points("scapula_r")))
    design = np.column_stack([np.ones(POSES), betas])
    resting = bones.at(betas, ids)
    skin_over, outwards = _skin_over(body, bones.template[ids], betas)
    change = np.zeros(design.shape[1])
    for _ in range(TURNS):
        order = np.argsort(gaps(np.arange(POSES), design @ change))
        hardest = np.r_[order[:HARDEST], order[-HARDEST:]]
        seat = resting + (design @ change)[:, None, None] * turn_resting
        shallowest = np.argsort(((skin_over - seat) * outwards).sum(2).min(1))[:SHALLOWEST]
        skins = [Skin(body.data.skin_template + body.data.shapedirs @ beta, body.faces) for beta in betas[shallowest]]
        depths = partial(_depths, skins, resting[shallowest], turn_resting)
        change = _turn(partial(gaps, hardest), depths, design[hardest], design[shallowest], change, left, given)
    return _turned(bones, shoulder, change)


def _turn(
    gaps: Callable[[np.ndarray], np.ndarray],
    depths: Callable[[np.ndarray], np.ndarray],
    design: np.ndarray,
    design_resting: np.ndarray,
    start: np.ndarray,
    left: float,
    given: float,
) -> np.ndarray:
    """Radians (11,) by which the scapula turns, of the mean body and per beta.

    gaps, depths: metres off the ribs (S,), and under the skin at rest in other shapes (T,), once it has turned by angles
    design, design_resting: (S, 11) and (T, 11) make these angles of radians (11,)
    start: where the search begins
    left: radians by which the mean body's scapula may turn forwards
    """
    ridge = np.sqrt(len(design)) * RIDGE * np.eye(design.shape[1])

    @lru_cache(maxsize=1)  # what is asked for slopes was asked for misses
    def at(change: bytes) -> tuple[np.ndarray, np.ndarray]:
        turn = np.frombuffer(change)
        return gaps(design @ turn), depths(design_resting @ turn)

    def beyond(depth: np.ndarray, turn: float) -> np.ndarray:
        return np.append(COVER - depth, turn - left)

    def misses(change: np.ndarray) -> np.ndarray:
        gap, depth = at(change.tobytes())
        log.info("scapula %.1f to %.1f mm off the ribs, %.1f out", gap.min() * 1e3, gap.max() * 1e3, -depth.min() * 1e3)
        off = (gap - GAP + given) / USUAL
        return np.concatenate([USUAL * off**3, ridge @ change, FIRM * np.maximum(beyond(depth, change[0]), 0)])

    def slopes(change: np.ndarray) -> np.ndarray:
        gap, depth = at(change.tobytes())
        further, deeper = (f(rows @ change + STEP) for f, rows in ((gaps, design), (depths, design_resting)))
        weight = 3 * ((gap - GAP + given) / USUAL) ** 2
        gain = (weight * (further - gap) / STEP)[:, None] * design
        rows = np.vstack([-((deeper - depth) / STEP)[:, None] * design_resting, np.eye(len(change))[:1]])
        return np.concatenate([gain, ridge, FIRM * (beyond(depth, change[0]) > 0)[:, None] * rows])

    return scipy.optimize.least_squares(misses, start, slopes, max_nfev=ROUNDS, ftol=CLOSE).x


def _skin_over(body: Skel, points: np.ndarray, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The skin vertices (S, n, 3) of shapes that lie over points (n, 3) of the mean body, and which way is out there (n, 3)."""
    data = body.data
    over = cKDTree(data.skin_template).query(points)[1]
    normals = Skin(data.skin_template, body.faces).vertex_normals
    return data.skin_template[over] + np.einsum("nck,sk->snc", data.shapedirs[over], betas), normals[over]


def _depths(skins: list[Skin], resting: np.ndarray, turn: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """(S,) metres of skin over scapulae (S, n, 3) that have turned by angles (S,), a radian of which is `turn` (n, 3).

    No more than `DEEP`: deeper ones are not told apart.
    """
    turned = resting + angles[:, None, None] * turn
    return np.array([_least_depth(skin, points) for skin, points in zip(skins, turned, strict=True)])


def _least_depth(skin: Skin, points: np.ndarray) -> float:
    near = points[skin.shallow(points, DEEP, FARTHEST)]
    return float(skin.true_depth(near).min(initial=DEEP))


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
    template[ids] = shoulder + (template[ids] - shoulder) @ rotation_about([0, 1, 0], change[0]).T
    maps[part, :, :3] += vertical[:, :, None] * change[1:]
    maps[part, :, 3] -= (vertical @ shoulder)[:, None] * change[1:]
    return bones.moved(template, maps)
