"""Keeps bones apart: which bones come too near to each other, in shapes and in poses, and how they give way."""

import itertools
import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse
import torch
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from ...anatomy.joints import POSE_INDEX
from ...anatomy.limits import hold
from ...bodies.skel import Skel
from ...bodies.skel_file import N_BETAS
from ..inside import Skin, quick_tree
from ..report.articulation import articulations
from ..report.contact import depth_within
from ..report.sampling import WIDER, random_poses, random_shapes
from .bone_names import Bones
from .bone_space import BoneSpace, spreading, symmetric
from .skeleton import SCAPULAR_AXES, carriers

log = logging.getLogger(__name__)

NEAR = 0.014  # metres at rest; bones farther apart are not looked at,
ALIKE = 0.030  # or this far when the same joints carry both and some shape brings them within `REACH`,
FAR = 0.15  # or this far when some pose may
REACH = 0.010  # metres between which two vertices can be said to be on the same or on opposite sides
FACING = 0.3  # cosine between normals above which two bones do not face each other
# Metres between scapula and ribs at rest, and how far from it ribs may lie that it comes near to in poses.
SCAPULAR_CLEARANCE, GLIDE = 0.005, 0.045
CLAVICULAR_CLEARANCE = 0.004  # and between clavicle and ribs at rest: it comes down on them when shoulders do
COSTAL_CLEARANCE = 0.003  # and between ribs, and these and vertebrae: shapes bring them nearer, and no bend undoes that
# Metres that bones keep in poses, but no more than a share of their distance at rest.
CLEARANCE_POSED, SHARE = 0.003, 0.5
CLAVICULAR_POSED = -0.001  # a clavicle may touch ribs: pressed farther down, the first one comes upon vertebrae
CLEARANCE_FAR, FAR_APART = 0.005, 0.05  # between bones so far apart at rest: they meet in few of the poses looked at
MIDLINE = 0.0015  # and between a bone of the right side and the midline
TOUCHING = (  # bones that share a joint and overlap in the template
    ("fibula_r", "tibia_r"),
    ("calcaneus_r", "talus_r"),
    ("mandible", "skull"),
    ("skull", "vertebra_c1"),
)
COSTAL = SCAPULAR_AXES[:, 2]  # where the right scapula looks at the ribs
UNDER = np.array([0, -0.8, -0.6])  # and the clavicle: down and backwards
YIELDING = "rib"  # what gives way to scapula and clavicle, which have less flesh over them
HANDED_ON = 0.75  # of what two ribs lack, that the lower one gives: the clavicle presses from above
POSES, SHAPES = 180, 60  # that a round looks at
BENT = 60  # poses besides, bent to the right: few random ones bring the costal arch to the iliac crest
BENDING = [POSE_INDEX["lumbar_bending"], POSE_INDEX["thorax_bending"]]
WORST = 60  # poses and shapes of rounds before in which bones lacked most, that it looks at again
ROUNDS = 8
SPREAD = 0.006  # metres over which a bone gives way
RODS = ("clavicle", YIELDING)  # too thin for dents, which would fold one side into the other: they bend
ROD_SPREAD = 0.025
END = 0.008  # metres from a bone that a rod shares a joint with, within which it is held
SEED = 23


class Pair(NamedTuple):
    """Two bones that may come near to each other."""

    one: int
    other: int
    near_one: np.ndarray  # ids of those vertices of either that are near to the other
    near_other: np.ndarray
    clearance: float  # metres between them
    share: float  # of what is lacking, that the one gives
    between: bool  # whether the other may come between the vertices of the one

    @property
    def yields(self) -> bool:
        """Whether the one gives all that is lacking, to that side of the other which looks at it."""
        return self.share == 1


class Contacts:
    """The pairs of bones that may come near, of the right side and the midline."""

    def __init__(self, bones: BoneSpace, meshes: Bones, resting: bool = True, reach: float = NEAR) -> None:
        """resting: whether they are looked at in the T pose, where either side keeps off the other, too.

        reach: metres at rest beyond which bones are not looked at that move against each other; others as `ALIKE` says
        """
        self.resting = resting
        self.members = [bones.members(name) for name in bones.names]
        self.triangles = [meshes[name].faces for name in bones.names]
        self.faces = np.concatenate([ids[f] for ids, f in zip(self.members, self.triangles, strict=True)])
        self.right = np.concatenate(
            [ids for name, ids in zip(bones.names, self.members, strict=True) if name.endswith("_r")]
        )
        self.spacing = _spacing(bones.template, self.faces)
        self.pairs = list(self._found(bones, reach))

    def _found(self, bones: BoneSpace, reach: float) -> Iterator[Pair]:
        """The pairs of bones that may come near."""
        points = [bones.template[ids] for ids in self.members]
        solids = [Skin(p, faces) for p, faces in zip(points, self.triangles, strict=True)]
        normals = Skin(bones.template, self.faces).vertex_normals
        carried = [carriers(name) for name in bones.names]
        ribs = [name.startswith(YIELDING) for name in bones.names]
        shapes = bones.at(random_shapes(SHAPES, SEED, WIDER))
        widest = NEAR + SCAPULAR_CLEARANCE if self.resting else GLIDE
        low = np.array([p.min(0) for p in points]) - max(widest, ALIKE, reach)
        high = np.array([p.max(0) for p in points])
        joined = articulations(bones.names) - {frozenset(pair) for pair in TOUCHING}
        for a, b in itertools.combinations(range(len(points)), 2):
            names = frozenset((bones.names[a], bones.names[b]))
            if names in joined or (low[a] > high[b]).any() or (low[b] > high[a]).any():
                continue
            if ribs[b] and (not ribs[a] or bones.names[b] > bones.names[a]):  # ribs first, of two the lower one
                a, b = b, a
            scapular, clavicular = ribs[a] and "scapula_r" in names, ribs[a] and "clavicle_r" in names
            alike = carried[a] == carried[b]
            own = widest if scapular else ALIKE if alike else reach
            distance = cKDTree(points[b]).query(points[a], distance_upper_bound=own)[0]
            back = cKDTree(points[a]).query(points[b], distance_upper_bound=own)[0]
            near = self.members[a][np.isfinite(distance)], self.members[b][np.isfinite(back)]
            least = distance.min()
            if (
                alike
                and not scapular
                and least >= NEAR
                and not any(_within(s[near[0]], s[near[1]], REACH) for s in shapes)
            ):
                continue
            if scapular or clavicular:
                near = near[0], near[1][normals[near[1]] @ (COSTAL if scapular else UNDER) > 0]
            if not (len(near[0]) and len(near[1])):
                continue
            if self.resting:
                costal = ribs[a] and bones.names[b].startswith((YIELDING, "vertebra"))
                otherwise = COSTAL_CLEARANCE if costal else 0.0
                clearance = SCAPULAR_CLEARANCE if scapular else CLAVICULAR_CLEARANCE if clavicular else otherwise
            elif clavicular:
                clearance = CLAVICULAR_POSED
            elif scapular or (ribs[a] and ribs[b]):
                clearance = CLEARANCE_POSED
            elif least < NEAR:
                clearance = min(CLEARANCE_POSED, SHARE * _gap(solids[a], solids[b]))
            else:
                clearance = CLEARANCE_POSED if least < FAR_APART else CLEARANCE_FAR
            share = 1.0 if scapular or clavicular else HANDED_ON if ribs[a] and ribs[b] else 0.5
            yield Pair(a, b, *near, clearance, share, not scapular)

    def lacking(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which vertices of bones (V, 3) should move, ids (K,); by how many metres (K,); against which directions (K, 3)."""
        normals = Skin(points, self.faces).vertex_normals
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for pair, near_one, near_other in self._meeting(points):
            side = _mean_direction(normals[near_other]) if pair.yields else None
            for one, other, solid, back in (
                (near_one, near_other, pair.other, False),
                (near_other, near_one, pair.one, True),
            ):
                if back and not pair.between:
                    continue
                distance, nearest = quick_tree(points[other]).query(points[one], distance_upper_bound=REACH)
                close = np.flatnonzero(np.isfinite(distance))
                if not len(close):
                    break
                near = other[nearest[close]]
                facing, beside_most = normals[near], self.spacing[near]
                if side is not None:  # seen from its edges, too, ribs lie in front of it
                    facing = np.broadcast_to(-side if back else side, facing.shape)
                    if back:  # halfway to the next vertex, that one is nearer
                        beside_most = beside_most / 2
                above = ((points[one[close]] - points[near]) * facing).sum(1)
                beside = np.sqrt(np.maximum(distance[close] ** 2 - above**2, 0))
                lack = pair.clearance - above
                # Of thin bones the far side may be nearest: what is to give way looks at what it gives way to.
                lacks = (lack > 0) & (beside < beside_most) & ((normals[one[close]] * facing).sum(1) < FACING)
                if not lacks.any():
                    continue
                ids, near, lack, facing = one[close[lacks]], near[lacks], lack[lacks], facing[lacks]
                if side is not None:
                    found.append((near, lack, facing) if back else (ids, lack, -facing))
                    continue
                within = np.flatnonzero(lack > pair.clearance)
                if len(within):  # behind a surface is not always within the bone
                    mesh = Skin(points[self.members[solid]], self.triangles[solid])
                    places = points[ids[within]]
                    kept = np.ones(len(ids), bool)
                    kept[within[mesh.winding(places) < 0.5]] = False
                    # Between the vertices of a coarse bone it is less deep than it seems.
                    lack[within] = pair.clearance + np.abs(mesh.closest(places, mesh.near(places))[0])
                    ids, lack, facing = ids[kept], lack[kept], facing[kept]
                found.append((ids, lack * (1 - pair.share if back else pair.share), -facing))
        beyond = self.right[self.resting & (points[self.right, 0] > -MIDLINE)]
        found.append((beyond, points[beyond, 0] + MIDLINE, np.tile([1.0, 0, 0], (len(beyond), 1))))
        ids, lack, outward = (np.concatenate(column) for column in zip(*found, strict=True))
        return ids, lack, outward

    def _meeting(self, points: np.ndarray) -> Iterator[tuple[Pair, np.ndarray, np.ndarray]]:
        """Pairs that may be within `REACH` of each other, and which vertices of either: those in the other's box."""
        if not self.pairs:
            return
        lows, highs = _boxes(points, self.members)
        ones, others = np.array([(pair.one, pair.other) for pair in self.pairs]).T
        meeting = ((lows[ones] <= highs[others]) & (lows[others] <= highs[ones])).all(1)
        pairs = [self.pairs[k] for k in np.flatnonzero(meeting)]
        if not pairs:
            return
        every = [near for pair in pairs for near in (pair.near_one, pair.near_other)]
        starts = np.cumsum([0, *(len(near) for near in every)])
        there = points[np.concatenate(every)]
        lows, highs = (ufunc.reduceat(there, starts[:-1]).reshape(-1, 2, 3) for ufunc in (np.minimum, np.maximum))
        lows, highs = lows - REACH, highs + REACH
        meeting = ((lows <= highs[:, ::-1]) & (lows[:, ::-1] <= highs)).all((1, 2))
        for k in np.flatnonzero(meeting).tolist():
            boxed = [
                every[of][_within_box(there[starts[of] : starts[of + 1]], lows[k, other], highs[k, other])]
                for of, other in ((2 * k, 1), (2 * k + 1, 0))
            ]
            if len(boxed[0]) and len(boxed[1]):
                yield pairs[k], *boxed


def _boxes(points: np.ndarray, members: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest coordinates (P, 3) of each bone's vertices, half of `REACH` beyond them."""
    starts = np.cumsum([0, *(len(ids) for ids in members[:-1])])
    there = points[np.concatenate(members)]
    return np.minimum.reduceat(there, starts) - REACH / 2, np.maximum.reduceat(there, starts) + REACH / 2


def _within_box(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(n,) which of points (n, 3) lie in the box between two corners (3,)."""
    x, y, z = points.T
    return (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1]) & (z >= low[2]) & (z <= high[2])


def _gap(one: Skin, other: Skin) -> float:
    """Metres between two bones, less than `NEAR` vertex to vertex, 0 where they overlap."""
    deepest = -np.inf
    for solid, points in ((one, other.vertices), (other, one.vertices)):
        near = np.isfinite(cKDTree(solid.vertices).query(points, distance_upper_bound=NEAR)[0])
        deepest = max(deepest, float(depth_within(solid, points[near]).max()))
    return max(0.0, -deepest)


def _within(points: np.ndarray, others: np.ndarray, reach: float) -> bool:
    """Whether any of points (n, 3) is nearer than `reach` to any of others (m, 3)."""
    return bool(np.isfinite(cKDTree(others).query(points, distance_upper_bound=reach)[0]).any())


def _mean_direction(directions: np.ndarray) -> np.ndarray:
    """(3,) the unit mean of directions (n, 3)."""
    mean = directions.mean(0)
    return mean / np.linalg.norm(mean)


def _spacing(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V,) the mean length of the edges at each vertex."""
    start, end = faces.ravel(), np.roll(faces, 1, axis=1).ravel()
    length = np.linalg.norm(points[start] - points[end], axis=1)
    total = np.bincount(start, length, len(points)) + np.bincount(end, length, len(points))
    return total / np.maximum(np.bincount(start, minlength=len(points)) + np.bincount(end, minlength=len(points)), 1)


def apart(bones: BoneSpace, meshes: Bones, body: Skel, reach: float = NEAR, rounds: int = ROUNDS) -> BoneSpace:
    """The bones dented, thin ones bent, where they would enter each other in poses or shapes; `reach` as in `Contacts`."""
    contacts = Contacts(bones, meshes, resting=False, reach=reach)
    parts = torch.tensor([body.bone_part_names.index(name) for name in bones.names])
    spread = scipy.sparse.block_diag([spreading(bones.template[ids], SPREAD) for ids in contacts.members], format="csr")
    order = np.argsort(np.concatenate(contacts.members))
    spread = spread[order][:, order]
    bending = list(rods(bones))
    midline = [ids for name, ids in zip(bones.names, contacts.members, strict=True) if not name.endswith("_r")]
    twins = [(ids, cKDTree(bones.template[ids]).query(bones.template[ids] * [-1, 1, 1])[1]) for ids in midline]
    template = bones.template
    asked_of_rods = np.zeros_like(template)  # since the first round
    again = np.empty((0, len(POSE_INDEX))), np.empty((0, N_BETAS))
    for k in range(rounds):
        new = sampled_poses(body, SEED + k)  # every round meets new ones: what it leaves, a later one finds
        poses, betas = (np.concatenate(both) for both in zip(new, again, strict=True))
        motions = body.part_motions(torch.as_tensor(poses), torch.as_tensor(betas))[:, parts].numpy()
        resting = bones.at(betas)
        worst, move = np.zeros(len(template)), np.zeros_like(template)
        lacks = np.zeros((len(poses), len(bones.names)))
        for n, (motion, points) in enumerate(zip(motions, resting + (template - bones.template), strict=True)):
            own = motion[bones.parts]
            there = (own[:, :, :3] @ points[..., None])[..., 0] + own[:, :, 3]
            ids, lack, outward = contacts.lacking(there)
            np.maximum.at(lacks[n], bones.parts[ids], lack)
            ids, lack, outward = loudest(worst, ids, lack, outward)
            move[ids] = -(own[ids, :, :3].transpose(0, 2, 1) @ (outward * lack[:, None])[..., None])[..., 0]
        log.info("bones apart, round %d: %.1f mm too near at worst", k, worst.max() * 1e3)
        for ids, twin in twins:
            move[ids] = symmetric(move[ids], twin)
        change = spread @ move
        for ids, held in bending:
            before = template[ids] - bones.template[ids]
            change[ids] = bent(bones.template[ids], added(asked_of_rods, ids, before, move[ids]), held) - before
        template = template + change
        hardest = _hardest(lacks)
        again = poses[hardest], betas[hardest]
    return bones.moved(template)


def added(asked: np.ndarray, ids: np.ndarray, before: np.ndarray, move: np.ndarray) -> np.ndarray:
    """What vertices of a rod are asked for in all, asked[ids], after this round's moves (n, 3); changes `asked`.

    Bent anew by that in each round, a rod goes no farther than it must; bent on, it would with every round. Who is asked
    for the first time starts from where the others have taken it, `before`.
    """
    now = move.any(1)
    first = now & ~asked[ids].any(1)
    asked[ids[first]] = before[first]
    asked[ids[now]] += move[now]
    return asked[ids]


def bent(points: np.ndarray, moves: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Moves (n, 3) of all points (n, 3) of a rod when some are asked to move: each goes along with those near it.

    held: (n,) which points stay unless they are asked themselves
    """
    asked = moves.any(1)
    if not asked.any():
        return moves
    distance = cdist(points, points[asked | held])
    near = np.exp(-0.5 * (distance / ROD_SPREAD) ** 2)
    reached = near[:, asked[asked | held]].max(1)
    return (near @ moves[asked | held]) * (reached / near.sum(1))[:, None]


def rods(bones: BoneSpace, one_by_one: bool = False) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The vertices of the clavicle and of all ribs, ids (n,), and which of them are held (n,): ends that meet another bone in
    a joint. Ribs bend as one sheet, so that one that gives way takes those beside it along, or one by one.
    """
    joined = articulations(bones.names)
    for rod in [name for name in bones.names if name.startswith(RODS)] if one_by_one else RODS:
        ids, held = [], []
        for name in bones.names:
            if name.startswith(rod):
                own = bones.members(name)
                others = [bones.points(other) for other in bones.names if frozenset((name, other)) in joined]
                distance = cKDTree(np.concatenate(others)).query(bones.template[own])[0] if others else np.inf
                ids.append(own)
                held.append(np.broadcast_to(distance < END, len(own)))
        if ids:
            yield np.concatenate(ids), np.concatenate(held)


def _hardest(lacks: np.ndarray) -> np.ndarray:
    """The poses, `WORST` at most, in which each bone lacks most, from lacks (S, P): the worst of each, then the second.

    A few bones that lack much in most poses shall not crowd out the others.
    """
    rank = np.argsort(np.argsort(-lacks, axis=0, kind="stable"), axis=0).astype(float)
    rank[lacks <= 0] = np.inf
    first = rank.min(1)
    order = np.lexsort((-lacks.max(1), first))
    return order[np.isfinite(first[order])][:WORST]


def sampled_poses(body: Skel, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Angles (S, 46) and shapes (S, 10): random shapes in random poses, some of them also bent, and others at rest."""
    poses, betas, _ = random_poses(body, POSES, seed, harsh=True)
    bent_poses = poses[:BENT].copy()
    shares = np.random.default_rng(seed).uniform(0.5, 1, (BENT, len(BENDING)))
    bent_poses[:, BENDING] = shares * body.limits[BENDING, 1]
    return (
        np.concatenate([poses, hold(bent_poses, body.limits), np.zeros((SHAPES, len(POSE_INDEX)))]),
        np.concatenate([betas, betas[:BENT], random_shapes(SHAPES, seed, WIDER)]),
    )


def loudest(
    worst: np.ndarray, ids: np.ndarray, lack: np.ndarray, outward: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Who asks a vertex for more than anybody before, who asks for most last.

    worst: (V,) metres that were asked for before; takes what is asked for now
    ids, lack, outward: as `Contacts.lacking` gives them
    """
    order = np.argsort(lack, kind="stable")
    ids, lack, outward = ids[order], lack[order], outward[order]
    more = lack > worst[ids]
    ids, lack, outward = ids[more], lack[more], outward[more]
    worst[ids] = lack
    return ids, lack, outward
