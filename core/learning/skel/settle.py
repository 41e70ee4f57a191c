"""Settles the placed bones inside the skin of every likely body, keeping their shapes.

Placing joint to joint leaves some bone vertices through the skin of some bodies. Here each vertex that lies too shallow in
any of a set of sampled shapes asks to be moved inwards; a bone that must stay rigid follows with the rigid motion nearest to
what its vertices ask for, the others with a field smoothed over the bones that one joint carries, so that neighbours move
together and nothing crumples. Left and right stay mirror images.
"""

from dataclasses import replace

import numpy as np
import scipy.sparse
import torch
from scipy.spatial import cKDTree

from ...anatomy.joints import JOINT_INDEX, JOINT_NAMES
from ...bodies.skel import Skel
from ...bodies.skel_file import N_BETAS, SkelData
from ..inside import Skin

MARGIN = 0.003  # metres under the skin that a bone vertex should have
# Bones under thicker tissue, or that reach far from their joint in shapes that are not looked at.
DEEPER = {
    "vertebra": 0.010,
    "rib": 0.012,
    "sternum": 0.012,
    "hip_bone": 0.006,
    "sacrum": 0.006,
    "femur": 0.005,
    "tibia": 0.005,
    "patella": 0.005,
    "ulna": 0.005,
    "scapula": 0.011,
    "clavicle": 0.007,
}
CANDIDATES = 40  # shapes that are looked at before each stage
SWUNG = 160  # more shapes, in which scapulae alone are looked at: they swing with the short way to the shoulder joint
SHAPES = 20  # of them, those in which most vertices are shallowest, which the stage works on
CHECKED = 4  # shapes in which what seems outside is checked by the winding number
SEED = 5
# Bones that turn and shift as a whole, by the joint side that holds them.
RIGID = ("scapula", "patella", "vertebra")
RIGID_ROUNDS, SMOOTH_ROUNDS = 8, 8
# How far a push spreads over its neighbours, metres: first wide, at the end narrow.
SPREAD = {"hand": (0.010, 0.004), "toes": (0.010, 0.004), "calcn": (0.016, 0.006), "talus": (0.016, 0.006)}
SPREAD_ELSEWHERE = (0.030, 0.010)
# Vertices that have no more than this beyond their margin, metres, are looked at in every round.
SLACK = 0.004


def settle(data: SkelData) -> SkelData:
    """The model with its bone template moved inside the skin.

    Shapes looked at: the mean, both ends of the first three components, and random ones within two standard deviations.
    """
    body = Skel(data)
    shapes = _shapes()
    rest = body.rest(shapes)
    skins = [
        Skin(data.skin_template + np.einsum("nck,k->nc", data.shapedirs, beta), data.faces) for beta in shapes.numpy()
    ]
    labels = data.bone_labels
    K, J, S = (t.numpy() for t in (rest.orientations, rest.joints, rest.scales))
    maps = K * S[:, :, None]  # bone frame to each shape's T pose
    template = data.bone_template.copy()

    def in_shape(s: int, ids: np.ndarray) -> np.ndarray:
        return np.einsum("vab,vb->va", maps[s, labels[ids]], template[ids]) + J[s, labels[ids]]

    by_part = [
        next((depth for stem, depth in DEEPER.items() if name.startswith(stem)), MARGIN)
        for name in data.bone_part_names
    ]
    margin = np.array(by_part)[data.bone_parts]
    twins = _twins(data)
    every = np.arange(len(template))
    swinging = np.flatnonzero(np.isin(labels, [JOINT_INDEX["scapula_r"], JOINT_INDEX["scapula_l"]]))
    near: dict[int, np.ndarray] = {}
    folded = np.zeros(len(template), bool)  # seems outside beside a fold of the skin, lips say, but is not

    def look() -> None:
        """Chooses the shapes to work on, and for each the vertices near its skin.

        Vertices beside folds are left out.
        """
        near.clear()
        depths = np.full((len(skins), len(template)), np.inf)
        for s, skin in enumerate(skins):
            looked_at = every if s < CANDIDATES else swinging
            points = in_shape(s, looked_at)
            shallow = skin.shallow(points, margin.max() + SLACK)
            ids = looked_at[shallow]
            depth = skin.depth(points[shallow])
            depths[s, ids] = depth
            if s < CHECKED:
                outside = ids[depth < 0]
                folded[outside[skin.winding(in_shape(s, outside)) > 0.5]] = True
        depths[:, folded] = np.inf
        lacking = depths.min(0) < margin
        counts = np.bincount(depths.argmin(0)[lacking], minlength=len(skins))
        # The shape in which a vertex is furthest out matters however few such vertices there are.
        furthest = depths.min(1)
        chosen = {0, *np.argsort(-counts)[: SHAPES // 2].tolist(), *np.argsort(furthest)[: SHAPES // 2].tolist()}
        near.update({s: np.flatnonzero(depths[s] < margin + SLACK) for s in sorted(chosen)})

    def wanted() -> np.ndarray:
        """(Nk, 3) how each vertex should move in the mean body's T pose, by the shape in which it is shallowest."""
        worst = margin.copy()
        move = np.zeros_like(template)
        for s, ids in near.items():
            depth, outward = skins[s].closest(in_shape(s, ids))
            lacking = depth < worst[ids]
            ids, depth, outward = ids[lacking], depth[lacking], outward[lacking]
            worst[ids] = depth
            back = np.einsum("vba,vb->va", K[s, labels[ids]], -outward * (margin[ids] - depth)[:, None])  # bone frame
            move[ids] = np.einsum("vab,vb->va", K[0, labels[ids]], back)
        return _symmetric(move, twins)

    def apply(move: np.ndarray) -> None:
        template[:] += np.einsum("vba,vb->va", maps[0, labels], move) / S[0, labels] ** 2

    look()
    for _ in range(RIGID_ROUNDS):
        move = wanted()
        rigid = np.zeros_like(move)
        for part, name in enumerate(data.bone_part_names):
            if name.startswith(RIGID):
                ids = np.flatnonzero(data.bone_parts == part)
                anchor = J[0, JOINT_INDEX[f"humerus_{name[-1]}"]] if name.startswith("scapula") else None
                rigid[ids] = _rigid_motion(in_shape(0, ids), move[ids], anchor)
        apply(_symmetric(rigid, twins))
    kept = np.isin(data.bone_parts, [p for p, n in enumerate(data.bone_part_names) if n.startswith(RIGID)])
    for stage in range(2):
        spreads = [_spread(in_shape(0, np.flatnonzero(labels == j)), name, stage) for j, name in enumerate(JOINT_NAMES)]
        look()
        for _ in range(SMOOTH_ROUNDS):
            move = wanted()
            smooth = np.zeros_like(move)
            for j, spread in enumerate(spreads):
                ids = np.flatnonzero(labels == j)
                if len(ids) and np.any(move[ids]):
                    smooth[ids] = spread @ move[ids]
            if stage == 0:
                smooth[kept] = 0
            apply(_symmetric(smooth, twins))
    return replace(data, bone_template=template)


def _shapes() -> torch.Tensor:
    generator = np.random.default_rng(SEED)
    betas = np.clip(generator.standard_normal((CANDIDATES + SWUNG, N_BETAS)), -2, 2)
    betas[0] = 0
    for k in range(3):
        betas[1 + 2 * k : 3 + 2 * k] = 0
        betas[1 + 2 * k, k], betas[2 + 2 * k, k] = 2, -2
    return torch.tensor(betas)


def _twins(data: SkelData) -> list[tuple[np.ndarray, np.ndarray]]:
    """Vertex ids of each right bone and of its mirror image."""
    names = {name: part for part, name in enumerate(data.bone_part_names)}
    return [
        (np.flatnonzero(data.bone_parts == part), np.flatnonzero(data.bone_parts == names[name[:-1] + "l"]))
        for name, part in names.items()
        if name.endswith("_r")
    ]


def _symmetric(move: np.ndarray, twins: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    mirror = np.array([-1.0, 1.0, 1.0])
    for right, left in twins:
        mean = (move[right] + move[left] * mirror) / 2
        move[right], move[left] = mean, mean * mirror
    return move


def _rigid_motion(points: np.ndarray, move: np.ndarray, anchor: np.ndarray | None) -> np.ndarray:
    """The displacement of a bone by the rigid motion nearest to what its vertices ask for.

    Vertices that ask count ten times; with an anchor the motion is a rotation about it.
    """
    asks = np.any(move, axis=1)
    if not asks.any():
        return np.zeros_like(points)
    weight = np.where(asks, 10.0, 0.3)[:, None]
    target = points + move
    centre = (weight * points).sum(0) / weight.sum() if anchor is None else anchor
    goal = (weight * target).sum(0) / weight.sum() if anchor is None else anchor
    u, _, vt = np.linalg.svd(((points - centre) * weight).T @ (target - goal))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return (points - centre) @ (u @ flip @ vt) + goal - points


def _spread(points: np.ndarray, joint: str, stage: int) -> scipy.sparse.csr_matrix:
    """(V, V) rows of Gaussian weights over neighbours, summing to 1."""
    sigma = SPREAD.get(joint.rsplit("_", 1)[0], SPREAD_ELSEWHERE)[stage]
    if not len(points):
        return scipy.sparse.csr_matrix((0, 0))
    tree = cKDTree(points)
    distances = tree.sparse_distance_matrix(tree, 2 * sigma, output_type="coo_matrix").tocsr()
    distances.data = np.exp(-0.5 * (distances.data / sigma) ** 2)
    weights = distances + scipy.sparse.eye(len(points))
    return scipy.sparse.diags(1 / np.asarray(weights.sum(1)).ravel()) @ weights
