"""Skin weights and pose correctives: the skin that SKEL's 46 angles pose shall be the skin that anny's own rig poses.

Weights are non-negative least squares per vertex over all poses (held to what MakeHuman's weights suggest where poses say
little). Correctives are ridge regression of what is left, taken back to the T pose, on SMPL's pose features (Loper et al. 2015,
section 3.3), each vertex by the joints around it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch
from scipy.spatial import cKDTree

from ...anatomy.joints import JOINT_NAMES, PARENTS, POSE_INDEX
from ...anatomy.limits import MIRROR_PERMUTATION, MIRROR_SIGNS, farther, uniform
from ...bodies.skel import SMPL_SOURCE, Skel
from ...errors import OsteonError
from ...fitting.surface import fit_skel
from ..report.sampling import limbs_apart
from .people import People
from .posing import AnnyRig
from .weights import toes_share

N_JOINTS = len(JOINT_NAMES)
WHOLE = 0.75  # share of the other poses that are drawn from the whole of the limits
# Share of the poses in which people mostly are: arms hanging (degrees, and how much they vary), all other angles near zero.
USUAL = 0.2
HANGING = {"shoulder_r_x": (65, 12), "shoulder_r_y": (0, 20), "shoulder_r_z": (0, 20), "scapula_upward_rot_r": (-7, 3)}
USUAL_SHARE = 0.3
DRAWS = 500  # of twice as many poses as are wanted, before a body counts as one that has none
DRIVES = 0.15  # weight with a joint and its neighbours from which on the joint drives a vertex's correctives
CANDIDATES = 7  # joints that may move one vertex
# Statures from a joint, within which it may move what only its neighbours move in MakeHuman: no elbow pulls at the chest.
AROUND = 0.12
KEPT = 2e-4  # metres^2; how firmly weights stay where MakeHuman has them
RIDGE = 0.5  # twentieths of the features' own mean squares; poses are many but features go together
LEAST = 0.00007  # metres; correctives that usually move a vertex by less are left out


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


def random_poses(
    body: Skel,
    beta: np.ndarray,
    count: int,
    generator: np.random.Generator,
    usual: float = USUAL,
    whole: float = WHOLE,
    twice: Sequence[str] = (),
) -> np.ndarray:
    """(count, 46) angles within the limits, the root upright, in which no limb passes through the body of shape beta (10,).

    usual: the share of usual poses; of the others `whole` are drawn from the whole of the limits, the rest from some of it.
    twice: joints that are drawn twice, to take what goes farther.
    An `OsteonError` tells of a body in which limbs pass through it in nearly all poses.
    """

    def drawn() -> np.ndarray:
        share = np.minimum(np.sqrt(generator.uniform(0, 1 / (1 - whole), (2 * count, 1))), 1)
        q = uniform(body.limits, 2 * count, generator)
        if twice:
            q = farther(q, uniform(body.limits, 2 * count, generator), body.limits, twice)
        return share * q

    first = usual_poses(body, beta, round(usual * count), generator)
    return np.concatenate([first, _possible(body, beta, count - len(first), drawn)])


def usual_poses(body: Skel, beta: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """(count, 46) angles of people of shape beta (10,) who stand or walk, arms hanging."""
    low, high = body.limits.T

    def drawn() -> np.ndarray:
        q = USUAL_SHARE * uniform(body.limits, 2 * count, generator)
        for name, (mean, spread) in HANGING.items():
            right = POSE_INDEX[name]
            for side in (right, MIRROR_PERMUTATION[right]):
                angle = np.radians(generator.normal(mean, spread, len(q)))
                q[:, side] = angle if side == right else MIRROR_SIGNS[side] * angle
        return np.clip(q, low, high)

    return _possible(body, beta, count, drawn)


def _possible(body: Skel, beta: np.ndarray, count: int, drawn: Callable[[], np.ndarray]) -> np.ndarray:
    """(count, 46) those of drawn poses (B, 46) in which no limb passes through the body."""
    poses = np.empty((0, len(POSE_INDEX)))
    for _ in range(DRAWS):
        if len(poses) >= count:
            return poses[:count]
        q = drawn()
        poses = np.concatenate([poses, q[limbs_apart(body, q, beta[None])]])
    raise OsteonError(f"In {DRAWS} draws of poses limbs pass through a body of betas {beta.round(2).tolist()}.")


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
    shape, angles = torch.as_tensor(beta)[None], torch.as_tensor(q)
    bones = body(torch.zeros_like(angles[:1]), shape, skin=False, bones=True).bones
    assert bones is not None
    firm = {
        part: bones[0].numpy()[body.bone_parts == part]
        for part, name in enumerate(body.bone_part_names)
        if not name.startswith(SLIDING)
    }
    most = {part: HELD if body.bone_part_names[part].startswith(HOLDING) else SLID for part in firm}
    goals = over_bones(posed.skin, body.faces, targets, firm, most, body.part_motions(angles, shape).numpy())
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


SHALLOW, CELL = 0.05, 0.006  # metres: of the bones' points no more are kept
CLOSE = 0.020  # metres below which skin goes with the bone under it rather than as the rig has it
BETWEEN = 0.010  # metres; how soon skin between two bones goes with the nearer one
SLIDING = ("clavicle", "rib", "vertebra")  # which skin does not go with but slides over
HOLDING = ("patella", "hip_bone")  # which hold skin that goes far in anny's rig
HELD, SLID = 0.06, 0.03  # metres that skin is hardly taken from where the rig has it, by these bones and by others
PASSES = 6  # of smoothing that


def over_bones(
    skin: np.ndarray, faces: np.ndarray, targets: np.ndarray, bones: Mapping[int, np.ndarray],
    most: Mapping[int, float], motions: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Posed skins (B, N, 3) in which skin close over a bone goes with that bone.

    anny's rig knows no bones: its skin slides off the iliac crest when the trunk bends, and a bent knee's patella would stand
    out of it. In life thin skin over bone moves little against it, but between bones it stretches, and never tears.

    Parameters
    ----------
    skin, faces, targets: (N, 3) at rest, (F, 3), and (B, N, 3) as the rig has it
    bones: the vertices (n, 3) at rest of each bone that skin goes with
    most: metres of each bone that it hardly takes skin away from its target
    motions: (B, P, 3, 4) of all bones
    """
    near = np.full(len(skin), np.inf)
    total = np.zeros(len(skin))
    away = np.zeros_like(targets)
    for part, points in bones.items():
        distance = cKDTree(points).query(skin, distance_upper_bound=2 * CLOSE)[0]
        own = np.flatnonzero(np.isfinite(distance))
        if not len(own):
            continue
        weight = np.exp(-((distance[own] / BETWEEN) ** 2))
        near[own] = np.minimum(near[own], distance[own])
        total[own] += weight
        way = moved(motions[:, part], skin[own]) - targets[:, own]
        away[:, own] += (weight / np.sqrt(1 + (way**2).sum(2) / most[part] ** 2))[..., None] * way
    ids = np.flatnonzero(total > 0)
    away[:, ids] *= (np.exp(-((near[ids] / CLOSE) ** 2)) / total[ids])[:, None]
    rows = away.transpose(1, 0, 2).reshape(len(skin), -1)
    means = neighbours_means(faces, len(skin))
    for _ in range(PASSES):
        rows = means @ rows
    return targets + rows.reshape(len(skin), -1, 3).transpose(1, 0, 2)


def neighbours_means(faces: np.ndarray, n: int) -> scipy.sparse.csr_matrix:
    """(N, N) half of what a vertex has and half the mean of its neighbours on the surface."""
    start, end = faces.ravel(), np.roll(faces, 1, axis=1).ravel()
    edges = scipy.sparse.coo_matrix((np.ones(len(start)), (start, end)), shape=(n, n)).tocsr()
    edges = ((edges + edges.T) > 0).astype(float)
    shares = scipy.sparse.diags(1 / np.maximum(np.asarray(edges.sum(1)).ravel(), 1))
    return (scipy.sparse.eye(n) + shares @ edges).tocsr() / 2


def moved(motions: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(B, n, 3) points (n, 3) or (B, n, 3) moved by transforms (B, 3, 4)."""
    return points @ motions[:, :, :3].transpose(0, 2, 1) + motions[:, None, :, 3]


def joint_motions(body: Skel, q: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """(B, 24, 3, 4) what SKEL's joints do to points of the T pose."""
    out = body(torch.as_tensor(q), torch.as_tensor(beta)[None], skin=False)
    turn = out.transforms[:, :, :3, :3].numpy()
    place = out.transforms[:, :, :3, 3].numpy()
    shift = place - (turn @ out.rest.joints[0].numpy()[:, :, None])[..., 0]
    return np.concatenate([turn, shift[..., None]], -1)


def pose_features(turn: np.ndarray) -> np.ndarray:
    """(B, 207) SMPL's pose features of SKEL's joint rotations (B, 24, 3, 3), global, relative to the T pose."""
    local = np.swapaxes(turn[:, PARENTS], -1, -2) @ turn
    driven = np.array(SMPL_SOURCE) >= 0
    features = (local[:, np.maximum(SMPL_SOURCE, 0)] - np.eye(3)) * driven[:, None, None]
    return features.reshape(len(turn), -1)


def blended(posed: Posed, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Skins (B, N, 3) by linear blending with weights (N, 24), and the blended matrices (B, N, 3, 3)."""
    matrices = np.einsum("nj,bjac->bnac", weights, posed.skinning, optimize=True)
    skin = (matrices[..., :3] @ posed.skin[..., None])[..., 0] + matrices[..., 3]
    return skin, matrices[..., :3]


def learn_weights(
    samples: list[Sample], first: np.ndarray, skin: np.ndarray, centres: np.ndarray, mirror: np.ndarray,
    other_side: list[int],
) -> np.ndarray:  # fmt: skip
    """(N, 24) weights from those of MakeHuman's rig (N, 24), of the mean skin (N, 3) with joints (24, 3), metres."""
    around = np.linalg.norm(skin[:, None] - centres, axis=2) < AROUND * np.ptp(skin[:, 1])
    near = first @ _neighbours() * around
    candidates = np.argsort(-(first * 10 + near), axis=1, kind="stable")[:, :CANDIDATES]
    allowed = np.take_along_axis(first * 10 + near, candidates, 1) > 0
    start = np.take_along_axis(first, candidates, 1)
    gram = np.zeros((len(first), CANDIDATES, CANDIDATES))
    count = 0
    for posed in samples:
        for transforms, target in zip(posed.skinning, posed.goals, strict=True):
            own = transforms[candidates]  # (N, C, 3, 4)
            places = np.einsum("ncab,nb->nca", own[..., :3], posed.skin) + own[..., 3] - target[:, None]
            gram += places @ places.transpose(0, 2, 1)
            count += 1
    gram = gram / count + KEPT * np.eye(CANDIDATES)
    right = KEPT * start
    found = _on_simplex(gram, right, start, allowed)
    found[found < 2e-3] = 0
    weights = np.zeros_like(first)
    np.put_along_axis(weights, candidates, found, 1)
    weights = (weights + weights[mirror][:, other_side]) / 2
    return weights / weights.sum(1, keepdims=True)


def _neighbours() -> np.ndarray:
    """(24, 24) which joints are parent or child of which."""
    matrix = np.zeros((N_JOINTS, N_JOINTS))
    for j, parent in enumerate(PARENTS):
        if j:
            matrix[j, parent] = matrix[parent, j] = 1
    return matrix


def _on_simplex(gram: np.ndarray, right: np.ndarray, start: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """(N, C) minimisers of w'Gw/2 - r'w over w >= 0, sum w = 1, by projected gradients with momentum (FISTA)."""
    step = 1 / np.linalg.eigvalsh(gram)[:, -1:]
    weights = momentum = start / np.maximum(start.sum(1, keepdims=True), 1e-12)
    t = 1.0
    for _ in range(300):
        moved = momentum - step * (np.einsum("nij,nj->ni", gram, momentum) - right)
        after = _project(np.where(allowed, moved, -np.inf))
        t_after = (1 + np.sqrt(1 + 4 * t * t)) / 2
        momentum = after + (t - 1) / t_after * (after - weights)
        weights, t = after, t_after
    return weights


def _project(points: np.ndarray) -> np.ndarray:
    """Nearest points of the simplex (Duchi et al. 2008)."""
    ordered = -np.sort(-points, axis=1)
    finite = np.where(np.isfinite(ordered), ordered, 0)
    total = (np.cumsum(finite, 1) - 1) / np.arange(1, points.shape[1] + 1)
    count = ((ordered - total) > 0).sum(1)
    shift = np.take_along_axis(total, count[:, None] - 1, 1)
    return np.maximum(points - shift, 0)


def learn_correctives(samples: list[Sample], weights: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """(N, 3, 207) pose correctives."""
    features = np.concatenate([posed.features for posed in samples])
    left = np.concatenate([_left_over(posed, weights) for posed in samples])
    right = np.einsum("bf,bna->fna", features, left, optimize=True) / len(features)
    gram = regularised(features)
    posedirs = np.zeros((weights.shape[0], 3, features.shape[1]))
    for ids, columns in feature_groups(weights, features):
        solved = np.linalg.solve(gram[np.ix_(columns, columns)], right[columns][:, ids].reshape(len(columns), -1))
        posedirs[np.ix_(ids, np.arange(3), columns)] = solved.reshape(len(columns), len(ids), 3).transpose(1, 2, 0)
    return tidied(posedirs, features, mirror)


def regularised(features: np.ndarray) -> np.ndarray:
    """(207, 207) the features' mean squares with what holds correctives small.

    Features that hardly vary would be guessed from noise: a floor under every feature's own variance.
    """
    gram = features.T @ features / len(features)
    return gram + np.diag(RIDGE * (np.diag(gram) + 0.02) * 0.05)


def feature_groups(weights: np.ndarray, features: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Vertices that the same features move, and these: of the joints that a vertex hangs on and of their neighbours."""
    reach = weights @ (np.eye(N_JOINTS) + _neighbours()) > DRIVES
    varying = (features**2).mean(0) > 0
    groups: dict[bytes, list[int]] = {}
    for vertex, row in enumerate(reach):
        groups.setdefault(row.tobytes(), []).append(vertex)
    for ids in groups.values():
        driven = np.repeat([source >= 0 and reach[ids[0], source] for source in SMPL_SOURCE], 9)
        columns = np.flatnonzero(driven & varying)
        if len(columns):
            yield np.array(ids), columns


def tidied(posedirs: np.ndarray, features: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Correctives made symmetric, without those that hardly matter."""
    posedirs = (posedirs + mirrored_correctives(posedirs, mirror)) / 2
    both = np.concatenate([features, mirrored_features(features)])  # sides vary alike, and keep the same correctives
    posedirs[np.abs(posedirs) * both.std(0) < LEAST] = 0
    return posedirs


def _left_over(posed: Sample, weights: np.ndarray) -> np.ndarray:
    """(B, N, 3) what must be added to the T-posed skin so that blending gives the goals."""
    skin, matrices = blended(posed, weights)
    return np.linalg.solve(matrices, (posed.goals - skin)[..., None])[..., 0]


def mirrored_correctives(posedirs: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """(N, 3, 207) the correctives of the mirrored body: SMPL's joints change sides, matrices and offsets reflect."""
    across = mirrored_features(posedirs[mirror].reshape(-1, posedirs.shape[2]))
    return across.reshape(posedirs.shape) * np.array([-1.0, 1, 1])[:, None]


def mirrored_features(features: np.ndarray) -> np.ndarray:
    """(B, 207) pose features of the mirrored poses."""
    sign = np.array([-1.0, 1, 1])
    blocks = features.reshape(len(features), 23, 3, 3)[:, SMPL_OTHER_SIDE]
    return (sign[:, None] * blocks * sign).reshape(features.shape)


# SMPL's joints 1 to 23 (hips, spine, knees, ...), left and right exchanged; numbers from 0.
SMPL_OTHER_SIDE = [j - 1 for j in (2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22)]


def corrected(posed: Posed, matrices: np.ndarray, posedirs: np.ndarray) -> np.ndarray:
    """(B, N, 3) what correctives (N, 3, 207) add to skins blended by matrices (B, N, 3, 3)."""
    offsets = np.einsum("naf,bf->bna", posedirs, posed.features, optimize=True)
    return (matrices @ offsets[..., None])[..., 0]


def errors(samples: list[Sample], weights: np.ndarray, posedirs: np.ndarray | None) -> np.ndarray:
    """(B, N) metres between the skins of model and anny."""
    found = []
    for posed in samples:
        skin, matrices = blended(posed, weights)
        if posedirs is not None:
            skin = skin + corrected(posed, matrices, posedirs)
        found.append(np.linalg.norm(skin - posed.targets, axis=2))
    return np.concatenate(found)
