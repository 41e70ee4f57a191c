"""Which bodies and poses a report looks at: random shapes, and random poses in which the limbs stay apart."""

import itertools
from functools import lru_cache

import numpy as np
import torch
from scipy.spatial import ConvexHull

from ...anatomy.joints import JOINT_INDEX, POSE_INDEX
from ...anatomy.limits import farther, uniform
from ...bodies.skel import Skel, SkelOutput
from ...bodies.skel_file import N_BETAS

BETA_BOUND = 2.5
# How much more shapes vary that are driven outwards: few of ten components are near their ends in most bodies.
WIDER = 1.25
GIVE = 0.8  # share of a limb's radius that another may not enter: flesh yields
# What does not yield and is thicker than its middle: the percentile of the skin's distances from the axis that is its radius.
FIRM = {"head": 98.0, "hand": 95.0, "foot": 95.0}  # the chin, the thumb's root, the heel
ROUNDING = 1e-6  # metres by which capsules that touch may seem deeper in each other than in the T pose
_SIDES = "rl"
_HANDS = tuple(f"hand_{side}" for side in _SIDES)

# Capsules: the joints on whose middle they start and end; when these are the same, they go twice as far as the middle
# of the joint's bones. The chest, which reaches farther forward than trunks, is a ball about that middle.
_ENDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "head": (("head",), ("head",)),
    "chest": (("thorax",), ("thorax",)),
}
# The joints whose skin tells the radius.
_SKIN: dict[str, tuple[str, ...]] = {"head": ("head",), "chest": ("thorax",)}
for _s in _SIDES:
    _ENDS[f"trunk_{_s}"] = ((f"femur_{_s}",), (f"scapula_{_s}", "thorax"))
    _SKIN[f"trunk_{_s}"] = ("pelvis", "lumbar_body", "thorax")
    for _name, _start, _end in (
        ("thigh", "femur", "tibia"),
        ("shank", "tibia", "talus"),
        ("foot", "calcn", "toes"),
        ("upper_arm", "humerus", "ulna"),
        ("forearm", "ulna", "hand"),
        ("hand", "hand", "hand"),
    ):
        _ENDS[f"{_name}_{_s}"] = ((f"{_start}_{_s}",), (f"{_end}_{_s}",))
        _SKIN[f"{_name}_{_s}"] = (f"{_start}_{_s}",)
for _s in _SIDES:
    _SKIN[f"forearm_{_s}"] = (f"ulna_{_s}", f"radius_{_s}")

# Thighs and upper arms begin in the trunk's flesh: only their far halves may not enter it, or each other.
_FAR_HALF = ("thigh", "upper_arm")

_NEIGHBOURS = {frozenset(pair) for pair in itertools.combinations(("trunk_r", "trunk_l", "chest", "head"), 2)}
for _s in _SIDES:
    for _chain in (("thigh", "shank", "foot"), ("upper_arm", "forearm", "hand")):
        for _one, _other in itertools.pairwise(_chain):
            _NEIGHBOURS.add(frozenset((f"{_one}_{_s}", f"{_other}_{_s}")))

CAPSULES = tuple(_ENDS)
# The pairs that may not touch, as indices into CAPSULES.
PAIRS = np.array(
    [
        (i, k)
        for i, one in enumerate(CAPSULES)
        for k, other in enumerate(CAPSULES)
        if i < k and frozenset((one, other)) not in _NEIGHBOURS
    ]
)


def random_shapes(count: int, seed: int | np.random.Generator, spread: float = 1.0) -> np.ndarray:
    """(count, 10) shapes: normal with standard deviation `spread`, clipped to 2.5."""
    betas = spread * np.random.default_rng(seed).standard_normal((count, N_BETAS))
    return np.clip(betas, -BETA_BOUND, BETA_BOUND)


def random_poses(body: Skel, count: int, seed: int, harsh: bool = False) -> tuple[np.ndarray, np.ndarray, float]:
    """Poses in which no limb passes through the trunk, the head or another limb, and no thumb through the head.

    Every joint's angles are uniform within its limits and independent of the other joints'; the root stays.

    Parameters
    ----------
    harsh: draws the joints of spine, scapulae and shoulders twice and takes what goes farther; shapes vary more; thumbs
        are not looked at, since bones may as well learn from a pose that nobody takes

    Returns
    -------
    poses (count, 46) in radians, shapes (count, 10), and the share of drawn poses that was rejected
    """
    rng = np.random.default_rng(seed)
    poses: list[np.ndarray] = []
    shapes: list[np.ndarray] = []
    drawn = 0
    while len(poses) < count:
        q = uniform(body.limits, 64, rng)
        if harsh:
            q = farther(q, uniform(body.limits, 64, rng), body.limits)
        betas = random_shapes(64, rng, WIDER if harsh else 1.0)
        possible = limbs_apart(body, q, betas)
        if not harsh:
            possible[possible] = hands_off_head(body, q[possible], betas[possible])
        for k, apart in enumerate(possible):
            if len(poses) < count:
                drawn += 1
                if apart:
                    poses.append(q[k])
                    shapes.append(betas[k])
    return np.array(poses), np.array(shapes), 1 - count / drawn


def limbs_apart(body: Skel, q: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """(B,) in which of poses q (B, 46) no limb passes through the body; betas (B, 10), or (1, 10) for all.

    Limbs that already touch in the T pose, as stout thighs do, may go no deeper into each other.
    """
    starts, ends = capsule_ends(body, body(torch.as_tensor(q), torch.as_tensor(betas), skin=False), betas)
    radii, touching = (np.broadcast_to(row, (len(q), row.shape[1])) for row in resting_capsules(body, betas))
    return np.array(
        [
            (overlap(start, end, radius) <= most + ROUNDING).all()
            for start, end, radius, most in zip(starts, ends, radii, touching, strict=True)
        ]
    )


def hands_off_head(body: Skel, q: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """(B,) in which of poses q (B, 46), shapes betas (B, 10), no vertex of a hand is within the head's convex hull.

    The thumb stands out of its hand's capsule, the crown out of the head's.
    """
    skin = body(torch.as_tensor(q), torch.as_tensor(betas)).skin
    assert skin is not None
    hands, head = (np.isin(_owner(body), [JOINT_INDEX[name] for name in names]) for names in (_HANDS, ("head",)))
    return np.array([not _within(ConvexHull(own[head]), own[hands]).any() for own in skin.numpy()], bool)


def _within(hull: ConvexHull, points: np.ndarray) -> np.ndarray:
    """(P,) which points (P, 3) are in a hull."""
    return (points @ hull.equations[:, :3].T + hull.equations[:, 3] < 0).all(1)


def capsule_ends(body: Skel, out: SkelOutput, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the axes of the capsules start and end, each (B, C, 3), metres; C counts `CAPSULES`.

    out: the body in shapes betas (B, 10), or (1, 10) for all
    """
    joints, transforms = out.joints.numpy(), out.transforms.numpy()
    starts, ends = [], []
    for name, (first, last) in _ENDS.items():
        start, end = (joints[:, [JOINT_INDEX[joint] for joint in ends_at]].mean(1) for ends_at in (first, last))
        if first == last:
            leaf = JOINT_INDEX[first[0]]
            middle = _bone_middle(body, leaf)
            way = (transforms[:, leaf, :3, :3] @ (middle[:, :1] + middle[:, 1:] @ betas.T).T[..., None])[..., 0]
            start, end = (start + way, start + way) if name == "chest" else (start, start + 2 * way)
        if name[:-2] in _FAR_HALF:
            start = (start + end) / 2
        starts.append(start)
        ends.append(end)
    return np.stack(starts, 1), np.stack(ends, 1)


def resting_capsules(body: Skel, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of shapes betas (B, 10): radii (B, C) of the capsules, and how deep `PAIRS` (B, P) touch in the T pose, metres.

    A radius is `GIVE` times the median distance of the skin from the axis; of what is `FIRM`, a high percentile.
    """
    pose = torch.zeros(len(betas), len(POSE_INDEX), dtype=torch.float64)
    rest = body(pose, torch.as_tensor(betas))
    assert rest.skin is not None
    skin = rest.skin.numpy()
    owner = _owner(body)
    starts, ends = capsule_ends(body, rest, betas)
    radii = np.empty(starts.shape[:2])
    for c, name in enumerate(CAPSULES):
        ids = np.flatnonzero(np.isin(owner, [JOINT_INDEX[joint] for joint in _SKIN[name]]))
        if name.startswith("trunk"):  # a capsule on each side
            ids = ids[body.data.skin_template[ids, 0] * np.sign(starts[0, c, 0]) > 0]
        distance = _to_segment(skin[:, ids], starts[:, c, None], ends[:, c, None])
        firm = FIRM.get(name.removesuffix("_r").removesuffix("_l"))
        radii[:, c] = GIVE * np.median(distance, 1) if firm is None else np.percentile(distance, firm, 1)
    touching = [overlap(*capsules) for capsules in zip(starts, ends, radii, strict=True)]
    return radii, np.maximum(touching, 0)


def overlap(starts: np.ndarray, ends: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """(P,) how deep the capsules of each of `PAIRS` enter each other, metres, negative where they are apart."""
    i, k = PAIRS.T
    return radii[i] + radii[k] - segment_distances(starts[i], ends[i], starts[k], ends[k])


def segment_distances(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """(N,) shortest distances between the segments a-b and c-d, all (N, 3).

    Either an end of one is nearest to the other, or the feet of the common perpendicular lie on both.
    """
    found = [
        _to_segment(a, c, d),
        _to_segment(b, c, d),
        _to_segment(c, a, b),
        _to_segment(d, a, b),
    ]
    u, v, w = b - a, d - c, a - c
    uu, uv, vv, uw, vw = ((p * q).sum(-1) for p, q in ((u, u), (u, v), (v, v), (u, w), (v, w)))
    area = np.maximum(uu * vv - uv**2, 1e-12)
    s, t = (uv * vw - vv * uw) / area, (uu * vw - uv * uw) / area
    crossing = (s > 0) & (s < 1) & (t > 0) & (t < 1)
    gap = np.linalg.norm(w + s[:, None] * u - t[:, None] * v, axis=-1)
    found.append(np.where(crossing, gap, np.inf))
    return np.min(found, axis=0)


def _to_segment(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    along = end - start
    share = np.clip(((point - start) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-12), 0, 1)
    return np.linalg.norm(point - start - share[..., None] * along, axis=-1)


@lru_cache(maxsize=1)
def _owner(body: Skel) -> np.ndarray:
    """(N,) the joint that has most of each skin vertex."""
    return np.asarray(body.data.skin_weights.argmax(1)).ravel()


@lru_cache(maxsize=4)  # the joints of one body that are asked for
def _bone_middle(body: Skel, joint: int) -> np.ndarray:
    """(3, 11) the middle of a joint's bones from the joint, in the mean body at rest, and its change per beta.

    Exact for open bodies; in official ones the middles are not quite linear in the betas.
    """
    betas = torch.cat([torch.zeros(1, N_BETAS), torch.eye(N_BETAS)]).double()
    rest = body(torch.zeros(len(betas), len(POSE_INDEX), dtype=torch.float64), betas, skin=False, bones=True)
    assert rest.bones is not None
    middles = (rest.bones[:, body.bone_labels == joint].mean(1) - rest.joints[:, joint]).numpy()
    return np.vstack([middles[:1], middles[1:] - middles[0]]).T
