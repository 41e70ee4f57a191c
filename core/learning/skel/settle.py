"""Settles the bones inside the skin of every likely body, keeping their shapes.

Placing leaves some bone vertices through the skin of some bodies. Vertices that lie too shallow in one of many sampled shapes
ask to be moved inwards, and two things answer by turns: the bone's maps, by least squares with as little motion of the whole
bone as will do, and the mean body's bones, by a field smoothed over each bone's neighbourhood. Vertices that come too near to
another bone ask in the same way. Ribs and clavicles go along with what they are attached to.
"""

import logging
from collections.abc import Iterable

import numpy as np
import scipy.sparse
from scipy.spatial import cKDTree

from ...bodies.skel_file import N_BETAS
from ..inside import Skin
from ..report.sampling import BETA_BOUND, WIDER
from . import attachments
from .bone_names import Bones
from .bone_space import TOGETHER, BoneSpace, affine, spreading, symmetric
from .contacts import Contacts, loudest
from .joints import Places

log = logging.getLogger(__name__)

MARGIN = 0.003  # metres under the skin that a bone vertex should have
DEPTHS = {"vertebra_c": 0.009, "vertebra": 0.008, "rib": 0.006, "sternum": 0.006, "hip_bone": 0.007, "sacrum": 0.006,
          "scapula": 0.005, "clavicle": 0.005, "femur": 0.004, "phalanx": 0.0015}  # fmt: skip
POOL, LARGE_POOL = 160, 600  # new random shapes that a stage looks at, besides the ends of each component
SHAPES = 40  # of them, those in which vertices are shallowest, which a stage works on
ROUNDS = 6
SLACK = 0.003  # vertices that have no more than this beyond their margin are looked at in every round
FARTHEST = (0.04, 0.02, 0.02, 0.02)  # metres outside the skin beyond which no bone is, by stage
SUSPECT = 0.0005  # metres outside from which the winding number has the last word
# How strongly a bone resists: metres of motion of the whole bone that are worth a metre of one vertex's lack.
STIFFNESS, STIFFER_GROWTH = 0.05, 3.0
# Metres of motion that growing to twice the length or shearing by as much is worth besides, all in all. Ribs, thin and
# attached at both ends, would be flattened; others would go deep, and vertebrae where no mean of skin vertices follows them.
STRAIN, STRAIN_RIB = 0.025, 0.1
HELD = 20.0  # how much more a bone resists where it meets another in a joint, or a vertebra at its middle
SPREAD = (0.025, 0.012, 0.008, 0.006)  # how far a push spreads over its neighbours, metres, by stage
SPREAD_SMALL = (0.012, 0.008, 0.005, 0.004)
SPREAD_RIB = 0.015  # and no less for ribs, of which narrow pushes make kinked rods
SMALL = ("phalanx", "meta", "scaphoid", "lunate", "triquetrum", "pisiform", "trapez", "capitate", "hamate",
         "calcaneus", "talus", "navicular", "cuboid", "cuneiform")  # fmt: skip
# Bones that fit the skin all around already: only where they lie too shallow they may bend.
FITTED = ("skull",)
# Bones that the smooth field may not bend.
RIGID = ("vertebra", "patella", "scapula", "clavicle")
SEED = 5
_MAPS = np.eye(12).reshape(12, 3, 4)
_SYMMETRIC = (_MAPS[:, :, :3] + _MAPS[:, :, :3].swapaxes(1, 2)).reshape(12, 9) / 2
STRAINED = _SYMMETRIC @ _SYMMETRIC.T  # (12, 12) the quadratic form of maps (3, 4), sum of squares of the symmetric part
Work = list[tuple[int, Skin, np.ndarray]]  # which shape, its skin, and the vertices that are looked at


def settle(
    bones: BoneSpace,
    meshes: Bones,
    template: np.ndarray,
    shapedirs: np.ndarray,
    faces: np.ndarray,
    stages: Iterable[int],
    held: Places,
    pool: int = POOL,
    shallower: float = 0.0,
) -> BoneSpace:
    """The bones moved inside the skin of all shapes within 2.5 standard deviations, and apart from one another.

    meshes: the bones' triangles
    template, shapedirs, faces: (N, 3), (N, 3, 10), (F, 3) the skin
    stages: which of the stages, from wide pushes to narrow ones
    held: places at which bones should stay, as `joints.held` gives them
    pool: how many random shapes are looked at
    shallower: metres by which bones may lie shallower than they should
    """
    margin = np.full(len(bones.names), MARGIN)
    for part, name in enumerate(bones.names):
        margin[part] = next((depth for stem, depth in DEPTHS.items() if name.startswith(stem)), MARGIN)
    margin = margin[bones.parts] - shallower
    before, attached = bones, attachments.attachments(bones)
    held = held + attachments.places(bones, attached)
    for n, stage in enumerate(stages):
        betas = sampled_shapes(pool, SEED + n)
        worst, total, looks = np.zeros(len(betas)), np.zeros(len(betas)), []
        for k, beta in enumerate(betas):  # not all skins at once: they are large
            skin = Skin(template + shapedirs @ beta, faces)
            near, ids, lack = _near(bones, beta, skin, margin, FARTHEST[stage])
            worst[k], total[k] = lack.max(initial=0), lack.sum()
            looks.append((near, bones.names[bones.parts[ids[lack.argmax()]]] if len(ids) else "none"))
        k = int(worst.argmax())
        log.info("settling, stage %d: %s %.1f mm too shallow at worst, shape %d", stage, looks[k][1], worst[k] * 1e3, k)
        hardest = [np.argsort(-lack, kind="stable")[: SHAPES // 2].tolist() for lack in (worst, total)]
        chosen = {0, *hardest[0], *hardest[1]}
        work = []
        for k in sorted(chosen):
            skin = Skin(template + shapedirs @ betas[k], faces)
            work.append((k, skin, _not_folded(bones, betas[k], skin, looks[k][0])))
        spread = [_spread(bones, name, stage) for name in bones.names]
        contacts = Contacts(bones, meshes)
        for _ in range(ROUNDS):
            bones = _push_maps(bones, before, work, betas, margin, contacts, held)
            bones = attachments.kept(bones, before, attached)
        for _ in range(ROUNDS):
            bones = _push_template(bones, work, betas, margin, spread, contacts)
            bones = attachments.kept(bones, before, attached)
    return bones


def sampled_shapes(pool: int = POOL, seed: int = SEED) -> np.ndarray:
    """(S, 10) the mean, both ends of each component, and random shapes."""
    random = np.random.default_rng(seed).standard_normal((pool, N_BETAS))
    # Half of them are driven outwards: few of ten components are near their ends in a random body.
    random[: pool // 2] *= WIDER
    ends = np.concatenate([np.eye(N_BETAS), -np.eye(N_BETAS)]) * BETA_BOUND
    return np.concatenate([np.zeros((1, N_BETAS)), ends, np.clip(random, -BETA_BOUND, BETA_BOUND)])


def _near(
    bones: BoneSpace, beta: np.ndarray, skin: Skin, margin: np.ndarray, farthest: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids (n,) of vertices that lie too shallow in a shape or may soon; of those that do (k,), and by how many metres (k,)."""
    points = bones.at(beta[None])[0]
    near = skin.shallow(points, margin + SLACK, farthest)
    depth, outward = skin.closest(points[near])
    soon = np.flatnonzero(depth < margin[near] + SLACK)
    near, depth, outward = near[soon], depth[soon], outward[soon]
    ids, lack, _ = _lacking(skin, points[near], near, margin[near], depth, outward)
    return near, ids, lack


def _not_folded(bones: BoneSpace, beta: np.ndarray, skin: Skin, near: np.ndarray) -> np.ndarray:
    """Those of the vertices that do not just seem outside, as beside lips or between fingers, where they are inside."""
    points = bones.at(beta[None], near)[0]
    outside = np.flatnonzero(skin.depth(points) < 0)
    return np.delete(near, outside[skin.winding(points[outside]) > 0.5])


def lacking(
    bones: BoneSpace, beta: np.ndarray, skin: Skin, margin: np.ndarray, near: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Those of the vertices `near` that lie too shallow in a shape, by how much, and the outward direction there.

    What seems far outside beside a fold of the skin (lips, crotch, between fingers) but is not is left out.
    """
    points = bones.at(beta[None], near)[0]
    return _lacking(skin, points, near, margin[near], *skin.closest(points))


def _lacking(
    skin: Skin, points: np.ndarray, ids: np.ndarray, margin: np.ndarray, depth: np.ndarray, outward: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `lacking`, of points (n, 3) with these ids and margins (n,).

    depth, outward: (n,) metres of skin over them, and (n, 3) the directions in which it lies
    """
    lacks = np.flatnonzero(depth < margin)
    lack = (margin - depth)[lacks]
    far = np.flatnonzero(lack > margin[lacks] + SUSPECT)
    folded = far[skin.winding(points[lacks[far]]) > 0.5]
    kept = np.setdiff1d(np.arange(len(lacks)), folded)
    return ids[lacks[kept]], lack[kept], outward[lacks[kept]]


def _asking(
    bones: BoneSpace, beta: np.ndarray, skin: Skin, margin: np.ndarray, near: np.ndarray, contacts: Contacts | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `lacking`, and what other bones ask for."""
    by_skin = lacking(bones, beta, skin, margin, near)
    if contacts is None:  # bones change little against each other from shape to shape: some shapes will do
        return by_skin
    by_bones = contacts.lacking(bones.at(beta[None])[0])
    ids, lack, outward = (np.concatenate(both) for both in zip(by_skin, by_bones, strict=True))
    return ids, lack, outward


def _push_maps(
    bones: BoneSpace, before: BoneSpace, work: Work, betas: np.ndarray, margin: np.ndarray, contacts: Contacts,
    held: Places,
) -> BoneSpace:  # fmt: skip
    """One Gauss-Newton step on each bone's place and maps: sum of (lack + n.u)^2, with the motion u of the bone held small,
    and all growing and shearing since `before`.
    """
    everywhere = np.column_stack([np.ones(len(betas)), betas])
    usual = everywhere.T @ everywhere / len(betas)
    groups = {part: [part] for part in range(len(bones.names))}
    for together in TOGETHER:
        group = [bones.names.index(name) for name in together if name in bones.names]
        groups.update(dict.fromkeys(group, group))
    asked: dict[int, list] = {}
    for n, (k, skin, near) in enumerate(work):
        ids, lack, outward = _asking(bones, betas[k], skin, margin, near, None if n % 2 else contacts)
        firsts = np.array([groups[part][0] for part in bones.parts[ids]], int)
        for first in np.unique(firsts).tolist():
            own = firsts == first
            asked.setdefault(first, []).append((k, ids[own], lack[own], outward[own]))
    template, maps = bones.template.copy(), bones.maps.copy()
    for first, rows in asked.items():
        names = [bones.names[part] for part in groups[first]]
        if names[0] in FITTED:
            continue
        members = np.flatnonzero(np.isin(bones.parts, groups[first]))
        middle = bones.template[members].mean(0)
        local = np.column_stack([bones.template[members] - middle, np.ones(len(members))])
        stiff = local.T @ local / len(members)
        stiff[:3, :3] = STIFFER_GROWTH * (stiff[:3, :3] + np.eye(3) * np.trace(stiff[:3, :3]) / 3)
        for place in [np.append(point - middle, 1.0) for bone, point in held if bone in names]:
            stiff += HELD * np.outer(place, place)
        resistance = STIFFNESS * sum(len(r[1]) for r in rows)
        strain = STRAIN_RIB if names[0].startswith("rib") else STRAIN
        straining = np.kron(strain**2 * STRAINED, usual)
        normal = resistance * (np.kron(np.kron(np.eye(3), stiff), usual) + straining)
        right = -resistance * straining @ _strain(bones, before, members, first).ravel()
        for k, ids, lack, outward in rows:
            place = np.column_stack([bones.template[ids] - middle, np.ones(len(ids))])
            row = np.einsum("na,nc,k->nack", outward, place, everywhere[k]).reshape(len(ids), -1)
            normal += row.T @ row
            right -= row.T @ lack
        change = np.linalg.solve(normal + 1e-9 * np.trace(normal) / len(normal) * np.eye(len(normal)), right)
        change = change.reshape(3, 4, -1)
        if _on_midline(names[0]):
            change = _symmetric(change)
        change[:, 3] -= np.einsum("ack,c->ak", change[:, :3], middle)
        points = bones.template[members]
        template[members] = points + points @ change[:, :3, 0].T + change[:, 3, 0]
        maps[groups[first]] += change[..., 1:]
    return bones.moved(template, maps)


def _strain(bones: BoneSpace, before: BoneSpace, members: np.ndarray, part: int) -> np.ndarray:
    """(3, 4, 11) how a bone has grown, sheared and turned since `before`, in the mean body and per beta; its shift is left out.

    members: the vertices of the bone, and of the one that changes with it
    """
    moves = bones.template[members] - before.template[members]
    strain = np.concatenate([affine(before.template[members], moves[None]), bones.maps[part] - before.maps[part]], 2)
    strain[:, 3] = 0
    return strain


def _on_midline(name: str) -> bool:
    return not name.endswith("_r")


def _symmetric(change: np.ndarray) -> np.ndarray:
    """(3, 4, K) maps of a midline bone made symmetric: what mirrors x to x and leaves y and z."""
    sign = np.array([-1.0, 1, 1])
    return (change + sign[:, None, None] * change * np.array([-1.0, 1, 1, 1])[None, :, None]) / 2


def _push_template(
    bones: BoneSpace, work: Work, betas: np.ndarray, margin: np.ndarray, spread: list, contacts: Contacts,
) -> BoneSpace:  # fmt: skip
    """Moves the mean body's bones by what their worst shape asks for, smoothed."""
    worst = np.zeros(len(margin))
    move = np.zeros((len(margin), 3))
    for n, (k, skin, near) in enumerate(work):
        ids, lack, outward = _asking(bones, betas[k], skin, margin, near, None if n % 2 else contacts)
        ids, lack, outward = loudest(worst, ids, lack, outward)
        move[ids] = -(outward * lack[:, None])
    template = bones.template.copy()
    for part, name in enumerate(bones.names):
        ids = np.flatnonzero(bones.parts == part)
        if not move[ids].any() or name.startswith(RIGID):
            continue
        wanted = move[ids]
        if _on_midline(name):  # the twin of each vertex asks for the mirror image
            twin = cKDTree(template[ids]).query(template[ids] * [-1, 1, 1])[1]
            wanted = symmetric(wanted, twin)
        template[ids] += spread[part] @ wanted
    return bones.moved(template)


def _spread(bones: BoneSpace, name: str, stage: int) -> scipy.sparse.csr_matrix:
    """(n, n) what each vertex of a bone takes over of its neighbours' pushes."""
    points = bones.points(name)
    reach = (SPREAD_SMALL if name.startswith(SMALL) else SPREAD)[stage]
    return spreading(points, max(reach, SPREAD_RIB) if name.startswith("rib") else reach)
