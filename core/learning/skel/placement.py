"""Places the template's bones in a body: joint to joint, then by the soft tissue over them. Right side and midline.

Every bone is moved by a map that is affine or nearly so (a taper along a limb), so that it keeps its shape.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import scipy.optimize
import scipy.spatial
from scipy.spatial import cKDTree

from ..inside import Skin
from ..report.published import RAYS
from .body_measures import BI_ILIAC, CAGE_BREADTH, Measures
from .bone_names import CARPALS, PHALANGES, SPINE, TARSALS, Bones
from .skin import rotation_about, shortest
from .template_landmarks import fit_sphere

Placed = dict[str, np.ndarray]
Ends = Sequence[np.ndarray] | np.ndarray  # two points (3,)

# Breadth over the iliac crests, height of the hip bone, breadths over the femur's epicondyles and of the tibia's plateau:
# metres, measured on the template's meshes.
TEMPLATE_BI_ILIAC = 0.2736
TEMPLATE_HIP_BONE = 0.2156
SACRUM_BREADTH = 1.06  # the hip bones are another person's, and leave it room
TEMPLATE_EPICONDYLES = 0.0755
TEMPLATE_PLATEAU = 0.068
PATELLA = 0.0262  # its breadth, share of stature: 44.8 mm, of a thickness of 22.4 (Iranpour et al. 2008); the template's is 51
# The template leaves more room in the knee and above the sacrum than cartilage and disc need; by so much they close.
KNEE_GAP, SACRAL_GAP = 0.002, 0.012
HEEL, HEEL_OFF = 0.05, 0.005  # metres that the heel reaches from the back of the foot, and that it gives sideways
TOES = 0.85  # metatarsals and phalanges, across
# The template's carpus is 0.44 of its third metacarpal long; people's 0.51 to 0.57 (Youm et al. 1978).
CARPUS = 1.2  # along the arm
WRIST = 1.1  # across: the template's forearm ends narrower than its carpus
TARSUS = 0.82  # the template's is wide for its metatarsals
HEEL_PAD = 0.017  # metres under the calcaneus, unloaded
METATARSAL_DROP = 0.0025  # share of stature: metatarsal heads lie lower than the way from the tarsus to the toes
SPINOUS_DEPTH = (
    0.016  # of the spinous processes under the skin of the back, where the trunk is this deep (share of stature)
)
STERNUM_DEPTH = 0.007  # metres under the skin in the midline
CAGE_DROP = (
    0.012  # share of stature by which the template's ribs rise too much to the front: its sternum is near its C7
)
TURNED_BY = 0.06  # metres from the ends of the spine within which vertebrae turn less than it curves
TRUNK_DEPTH, FAT_BEHIND = (0.127, 0.1215), 0.25  # and how much of what it is deeper lies behind the spine


def segment(
    points: np.ndarray,
    ends: Ends,
    targets: Ends,
    cross: tuple,
    turn: np.ndarray | None = None,
) -> np.ndarray:
    """Moves a limb segment from its template ends onto its target ends.

    Along the segment it is stretched to length; across it is scaled by `cross`, tapering from the first end's value to the
    second's. `turn` is applied first (about the first end); then follows the smallest rotation onto the target direction.
    """
    start, end = (np.asarray(p, float) for p in ends)
    turn = np.eye(3) if turn is None else turn
    direction = turn @ (end - start)
    length = np.linalg.norm(direction)
    direction = direction / length
    local = (points - start) @ turn.T
    along = local @ direction
    aside = local - along[:, None] * direction
    taper = np.interp(along / length, [0, 1], cross)
    goal = np.asarray(targets[1]) - np.asarray(targets[0])
    stretch = np.linalg.norm(goal) / length
    rotation = shortest(direction, goal / np.linalg.norm(goal))
    return (aside * taper[:, None] + along[:, None] * direction * stretch) @ rotation.T + targets[0]


def place(bones: Bones, marks: dict[str, tuple[str, np.ndarray]], skin: Skin, m: Measures) -> Placed:
    """All bones of the right side and the midline, in the body (name -> (V, 3))."""
    v = {name: bone.vertices for name, bone in bones.items()}
    mark = {name: v[bone][ids] for name, (bone, ids) in marks.items()}
    placed: Placed = {}
    placed |= _pelvis(v, mark, skin, m)
    placed |= _leg(v, mark, m)
    placed |= _foot(v, mark, skin, m)
    placed |= _head(v, skin, m)
    placed |= _trunk(v, placed, skin, m)
    placed |= _arm(v, mark, m)
    placed |= _girdle(v, mark, placed, skin, m)
    return placed


def _pelvis(v: Placed, mark: Placed, skin: Skin, m: Measures) -> Placed:
    hip = fit_sphere(mark["femoral_head_r"])[0]
    scale = np.array([m.share(BI_ILIAC) / TEMPLATE_BI_ILIAC, 0.1224 * m.stature / TEMPLATE_HIP_BONE, 1.0])
    # Depth: the back of the sacrum lies under 18 mm of tissue.
    sacrum_back = v["sacrum"][np.argmin(v["sacrum"][:, 2])]
    level = m.hip[1] + (sacrum_back[1] - hip[1]) * scale[1]
    back, _ = skin.span(np.array([0.0, level, 0.0]), 2)
    scale[2] = np.clip((m.hip[2] - back - 0.018) / (hip[2] - sacrum_back[2]), 0.85, 1.15)
    centre = hip * [0, 1, 1]
    goal = m.hip * [0, 1, 1]
    return {
        "hip_bone_r": (v["hip_bone_r"] - centre) * scale + goal,
        "sacrum": (v["sacrum"] - centre) * scale * [SACRUM_BREADTH, 1, 1] + goal,
    }


def _leg(v: Placed, mark: Placed, m: Measures) -> Placed:
    hip = fit_sphere(mark["femoral_head_r"])[0]
    knee = (mark["femur_lateral_epicondyle_r"][0] + mark["femur_medial_epicondyle_r"][0]) / 2
    ankle = (mark["medial_malleolus_r"][0] + mark["lateral_malleolus_r"][0]) / 2
    condyles = 0.0468 * m.stature / TEMPLATE_EPICONDYLES
    head = m.stature / 1.70
    plateau = 0.043 * m.stature / TEMPLATE_PLATEAU
    placed = {"femur_r": segment(v["femur_r"], (hip, knee), (m.hip, m.knee), (head, condyles))}
    patella = segment(v["patella_r"], (hip, knee), (m.hip, m.knee), (head, condyles))
    back = patella[np.argmin(patella[:, 2])]  # keeps its distance from the femur
    placed["patella_r"] = back + (patella - back) * (PATELLA * m.stature / np.ptp(patella[:, 0]))
    for name in ("tibia_r", "fibula_r"):
        points = segment(v[name], (knee, ankle), (m.knee, m.ankle), (plateau, head))
        along = (points[:, 1] - m.ankle[1]) / (m.knee[1] - m.ankle[1])
        points[:, 1] += KNEE_GAP * np.clip(along, 0, 1)
        placed[name] = points
    return placed


def _foot(v: Placed, mark: Placed, skin: Skin, m: Measures) -> Placed:
    ankle = (mark["medial_malleolus_r"][0] + mark["lateral_malleolus_r"][0]) / 2
    heads = {n: end_of(v[f"metatarsal_{n}_r"], [0, 0, 1]) for n in range(1, 6)}
    heel = v["calcaneus_r"][np.argmin(v["calcaneus_r"][:, 2])]
    foot = skin.vertices[(skin.vertices[:, 0] < 0) & (skin.vertices[:, 1] < m.floor + 0.05)]
    heel_skin = foot[:, 2].min()
    depth = (m.ankle[2] - heel_skin - 0.011) / (ankle[2] - heel[2])
    # The tips of bones end short of the skin's.
    tips = {n: toe[-2] + (toe[-1] - toe[-2]) * 0.85 for n, toe in m.toes.items()}
    front = (tips[1][2] - m.ankle[2]) / (end_of(v["phalanx_distal_foot_1_r"], [0, 0, 1])[2] - ankle[2])
    sole = foot[foot[:, 2] < heel_skin + HEEL, 1].min()
    height = (m.ankle[1] - sole - HEEL_PAD) / (ankle[1] - v["calcaneus_r"][:, 1].min())
    across = abs(m.toes[5][0][0] - m.toes[1][0][0]) / abs(heads[5][0] - heads[1][0])

    # The foot leans until its heel and its metatarsal heads are in the middle of the skin's.
    cut = skin.section(np.array([m.ankle[0], m.floor + 0.03, heel_skin + 0.02]), 2, 0.06)
    middle = v["calcaneus_r"].mean(0)
    heel_off = (cut[:, 0].min() + cut[:, 0].max()) / 2 - m.ankle[0] - TARSUS * across * (middle[0] - ankle[0])
    heel_off = np.clip(heel_off, -HEEL_OFF, HEEL_OFF)  # more would bring it under the fibula
    heads_off = np.mean([m.toes[n][0][0] - m.ankle[0] - across * (heads[n][0] - ankle[0]) for n in (1, 5)])

    def tarsal(points: np.ndarray) -> np.ndarray:
        local = points - ankle
        along = np.where(local[:, 2] > 0, front, depth)
        placed = (
            local * np.column_stack([np.full(len(local), TARSUS * across), np.full(len(local), height), along])
            + m.ankle
        )
        off = np.interp(points[:, 2], [heel[2], heads[2][2]], [heel_off, heads_off])
        placed[:, 0] += off * np.clip((ankle[1] - points[:, 1]) / (ankle[1] - middle[1]), 0, 1)
        return placed

    placed = {name: tarsal(v[name]) for name in ("talus_r", *(f"{t}_r" for t in TARSALS))}
    size = (across + height) / 2
    for n in range(1, 6):
        names = [f"metatarsal_{n}_r", f"phalanx_proximal_foot_{n}_r"]
        names += [f"phalanx_middle_foot_{n}_r"] if n > 1 else []
        names += [f"phalanx_distal_foot_{n}_r"]
        own = ray([(end_of(v[name], [0, 0, -1]), end_of(v[name], [0, 0, 1])) for name in names])
        lengths = np.linalg.norm(np.diff(own, axis=0), axis=1)
        goals = proportioned(lengths, [tarsal(own[:1])[0], *m.toes[n][:-1], tips[n]])
        goals[1, 1] -= METATARSAL_DROP * m.stature
        for k, name in enumerate(names):
            placed[name] = segment(v[name], own[k : k + 2], goals[k : k + 2], (TOES * size, TOES * size))
    return placed


def ray(ends: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(k + 1, 3) the base, the joints and the tip of a finger or toe whose k bones have these ends, metacarpal first."""
    joints = [(before[1] + after[0]) / 2 for before, after in itertools.pairwise(ends)]
    return np.array([ends[0][0], *joints, ends[-1][1]])


def proportioned(bones: Sequence[float] | np.ndarray, way: list[np.ndarray]) -> np.ndarray:
    """Points (k + 1, 3) on a way of points (3,), from its start to its end in the proportions of k bones' lengths.

    The way says where a finger or toe goes and ends, the proportions how long each bone is: the joints of MakeHuman's rig
    lie where fingers and toes part, far in front of the knuckles.
    """
    goes = np.array(way)
    far = np.cumsum([0.0, *np.linalg.norm(np.diff(goes, axis=0), axis=1)])
    joints = np.cumsum([0.0, *bones]) / np.sum(bones)
    return np.column_stack([np.interp(joints * far[-1], far, column) for column in goes.T])


def end_of(points: np.ndarray, direction: list[float]) -> np.ndarray:
    """The middle of a bone's end in a direction: mean of the outermost tenth of its length."""
    height = points @ np.array(direction, float)
    return points[height > height.max() - 0.1 * np.ptp(height)].mean(0)


def _head(v: Placed, skin: Skin, m: Measures) -> Placed:
    skull, jaw = v["skull"], v["mandible"]
    vertices = skin.vertices
    top, unit = vertices[:, 1].max(), m.stature / 1.75
    profile = vertices[np.abs(vertices[:, 0]) < 0.012]
    front = profile[np.abs(profile[:, 1] - m.eye[1] - 0.02 * unit) < 0.008 * unit, 2].max()  # glabella
    back = vertices[vertices[:, 1] > m.eye[1], 2].min()
    breadth = np.ptp(vertices[vertices[:, 1] > top - 0.095 * unit, 0])  # above the ears
    upper = skull[skull[:, 1] > skull[:, 1].min() + 0.09]
    size = np.array(
        [
            (breadth - 0.013) / np.ptp(skull[:, 0]),
            (top - m.chin - 0.006 - 0.008) / (skull[:, 1].max() - jaw[:, 1].min()),
            (front - back - 0.012) / np.ptp(upper[:, 2]),
        ]
    )
    origin = np.array([0.0, skull[:, 1].max(), upper[:, 2].min()])
    goal = np.array([0.0, top - 0.006, back + 0.010])
    both = np.concatenate([skull, jaw])
    sides = both[both[:, 0] <= 0]
    sample = sides[:: max(1, len(sides) // 300)]
    vault = skull[scipy.spatial.ConvexHull(skull).vertices]
    behind = vault[:, 2] < skull[:, 2].mean()
    vault = vault[
        (vault[:, 0] <= 0) & (vault[:, 1] > np.where(behind, upper[:, 1].min() - 0.03, upper[:, 1].min() + 0.02))
    ]
    ends = np.array([upper[np.argmax(upper[:, 2])], skull[np.argmin(skull[:, 2])]])  # forehead, occiput
    chin = jaw[np.argmax(np.where(np.abs(jaw[:, 0]) < 0.01, jaw[:, 2] - jaw[:, 1], -np.inf))][None]

    def fitted(points: np.ndarray, change: np.ndarray) -> np.ndarray:
        pitch = rotation_about([1, 0, 0], -change[0])
        return (points - origin) * size * (1 + change[1:4]) @ pitch.T + goal + [0, *change[4:]]

    def misses(change: np.ndarray) -> np.ndarray:
        over, under = skin.depth(fitted(vault, change)), skin.depth(fitted(sample, change))
        return np.concatenate(
            [
                (over - VAULT_DEPTH) / 0.002 / np.sqrt(len(over)),
                np.clip(FACE_DEPTH - under, 0, 0.01) / 0.003 / np.sqrt(len(under)),
                (skin.depth(fitted(ends, change)) - VAULT_DEPTH) / 0.002,
                (skin.depth(fitted(chin, change)) - CHIN_DEPTH) / 0.003,
                change / HEAD_SPREAD,
            ]
        )

    change = scipy.optimize.least_squares(misses, np.zeros(6), diff_step=1e-4, max_nfev=20, x_scale=HEAD_SPREAD).x
    placed = {name: fitted(v[name], change) for name in ("skull", "mandible")}
    # Jaws differ more than heads: the mandible grows from its condyles until the chin is covered as usual.
    condyles, end = placed["mandible"][np.argmin(placed["mandible"][:, 2])], fitted(chin, change)
    grown = np.clip(skin.depth(end)[0] - CHIN_DEPTH, -JAW_GROWTH, JAW_GROWTH) / (end[0, 2] - condyles[2])
    placed["mandible"][:, 2] += grown * (placed["mandible"][:, 2] - condyles[2])
    return placed


VAULT_DEPTH, FACE_DEPTH, CHIN_DEPTH = 0.006, 0.003, 0.011  # metres under the skin
JAW_GROWTH = 0.006
HEAD_SPREAD = np.array([0.15, 0.08, 0.08, 0.08, 0.015, 0.015])  # pitch, growth in x, y, z, and way up and forward


def _trunk(v: Placed, placed: Placed, skin: Skin, m: Measures) -> Placed:
    """Spine, ribs and sternum: heights from sacrum, C7 and skull; depths from the skin of the back and over the sternum."""
    centres = np.array([vertebral_body(v[name]) for name in SPINE])
    sacrum_top = v["sacrum"][:, 1].max(), placed["sacrum"][:, 1].max()
    c7 = SPINE.index("vertebra_c7")
    spinous = np.array([v[name][np.argmin(v[name][:, 2])] for name in SPINE])
    c1_up = v["skull"][:, 1].max() - centres[-1, 1]
    skull_scale = np.ptp(placed["skull"][:, 1]) / np.ptp(v["skull"][:, 1])
    known_from = [sacrum_top[0], spinous[c7, 1], centres[-1, 1]]
    known_to = [
        sacrum_top[1] - SACRAL_GAP,
        m.c7,
        placed["skull"][:, 1].max() - c1_up * skull_scale,
    ]

    def height(y: np.ndarray) -> np.ndarray:
        low = (known_to[1] - known_to[0]) / (known_from[1] - known_from[0])
        high = (known_to[2] - known_to[1]) / (known_from[2] - known_from[1])
        return np.where(
            y < known_from[1], known_to[1] + (y - known_from[1]) * low, known_to[1] + (y - known_from[1]) * high
        )

    size = m.stature / 1.72
    # The shift is smoothed over the levels.
    levels = height(spinous[: c7 + 1, 1])
    backs, fronts = np.array([skin.span(np.array([0.0, y, 0.0]), 2) for y in levels]).T
    covers = SPINOUS_DEPTH + FAT_BEHIND * (fronts - backs - m.share(TRUNK_DEPTH))
    covers = np.clip(covers, SPINOUS_DEPTH / 2, 3 * SPINOUS_DEPTH)
    wanted = backs + covers - (spinous[: c7 + 1, 2] - centres[: c7 + 1, 2]) * size
    # Sacrum below and skull above hold the ends.
    sacrum_shift = placed["sacrum"][np.argmax(v["sacrum"][:, 1]), 2] - v["sacrum"][np.argmax(v["sacrum"][:, 1]), 2]
    skull_depth = np.ptp(placed["skull"][:, 2]) / np.ptp(v["skull"][:, 2])
    c1_goal = placed["skull"][:, 2].min() + (centres[-1, 2] - v["skull"][:, 2].min()) * skull_depth
    y_known = np.concatenate([[sacrum_top[0]], centres[: c7 + 1, 1], [centres[-1, 1]]])
    shift_known = np.concatenate([[sacrum_shift], wanted - centres[: c7 + 1, 2], [c1_goal - centres[-1, 2]]])
    weight = np.concatenate([[3.0], np.ones(c7 + 1), [3.0]])
    curve = np.polynomial.Polynomial.fit(y_known, shift_known, 4, w=weight)
    body_curve = np.polynomial.Polynomial.fit(centres[:, 1], centres[:, 2], 5)
    goals = np.column_stack([np.zeros(len(SPINE)), height(centres[:, 1]), centres[:, 2] + curve(centres[:, 1])])

    result: Placed = {}
    for name, centre, goal in zip(SPINE, centres, goals, strict=True):
        y = centre[1]
        tall = float((height(np.array(y + 0.005)) - height(np.array(y - 0.005))) / 0.01)
        slope = (curve(y + 0.005) - curve(y - 0.005)) / 0.01
        # Sacrum and skull are hardly turned, nor are then the vertebrae that they meet.
        slope *= np.clip(min(y - sacrum_top[0], centres[-1, 1] - y) / TURNED_BY, 0, 1)
        tilt = rotation_about([1, 0, 0], np.arctan(slope / tall))
        result[name] = ((v[name] - centre * [0, 1, 1]) * [size, tall, size]) @ tilt.T + goal

    sternum = v["sternum"]
    front_point = sternum[(np.abs(sternum[:, 0]) < 0.012)]
    low, high = front_point[:, 1].min(), front_point[:, 1].max()
    levels = np.linspace(low + 0.06, high - 0.01, 6)
    ratios = []
    for y in levels:
        near = front_point[np.abs(front_point[:, 1] - y) < 0.02]
        target_y = float(height(np.array(y))) - CAGE_DROP * m.stature
        _, front = skin.span(np.array([0.0, target_y, 0.0]), 2)
        spine_z = body_curve(y) + curve(y)
        ratios.append((front - STERNUM_DEPTH - spine_z) / (near[:, 2].max() - body_curve(y)))
    depth = float(np.clip(np.median(ratios), 0.85, 1.3))
    notch = _top(sternum)
    cage = np.concatenate([v[f"rib_{n:02d}_r"] for n in range(4, 10)])
    breadth = m.share(CAGE_BREADTH) / 2 / np.abs(cage[:, 0]).max()
    for name in ("sternum", *(f"rib_{n:02d}_r" for n in range(1, 13))):
        points = v[name]
        y = np.clip(points[:, 1], centres[0, 1], centres[c7, 1])
        spine = body_curve(y)
        out = np.column_stack(
            [points[:, 0] * breadth, height(points[:, 1]), spine + curve(y) + (points[:, 2] - spine) * depth]
        )
        forward = np.clip((points[:, 2] - spine) / (notch[2] - body_curve(notch[1])), 0, 1)
        out[:, 1] -= CAGE_DROP * m.stature * forward
        result[name] = out
    return result


def vertebral_body(points: np.ndarray) -> np.ndarray:
    """The middle of a vertebra's body: its front two fifths."""
    z = points[:, 2]
    front = points[z > z.max() - 0.4 * np.ptp(z)]
    return (front.min(0) + front.max(0)) / 2


def _arm(v: Placed, mark: Placed, m: Measures) -> Placed:
    """The arm raised to the T pose, the forearm brought from supination to the middle position."""
    shoulder = fit_sphere(mark["humeral_head_r"])[0]
    lateral, medial = mark["humerus_lateral_epicondyle_r"][0], mark["humerus_medial_epicondyle_r"][0]
    elbow = (lateral + medial) / 2
    # Pronation by a right angle about the line from the head of the radius to the head of the ulna.
    radius_head = end_of(v["radius_r"], [0, 1, 0])
    ulna_head = end_of(v["ulna_r"], [0, -1, 0])
    axis = (radius_head - ulna_head) / np.linalg.norm(radius_head - ulna_head)
    pronation = rotation_about(axis, np.pi / 2)

    def pronated(points: np.ndarray) -> np.ndarray:
        return (points - radius_head) @ pronation.T + radius_head

    radial = pronated(mark["radial_styloid_r"])[0]
    wrist = (radial + mark["ulnar_styloid_r"][0]) / 2
    raised = rotation_about([0, 0, 1], -np.pi / 2)
    # The epicondyles' line becomes vertical.
    hinge = raised @ (lateral - medial)
    roll = rotation_about([1, 0, 0], np.arctan2(hinge[2], hinge[1]))
    turn = roll @ raised
    size = m.stature / 1.70
    epicondyles, styloids = 0.0358 * m.stature / np.linalg.norm(lateral - medial), WRIST * size
    placed = {
        "humerus_r": segment(v["humerus_r"], (shoulder, elbow), (m.shoulder, m.elbow), (size, epicondyles), turn),
        "ulna_r": segment(v["ulna_r"], (elbow, wrist), (m.elbow, m.wrist), (epicondyles, styloids), turn),
        "radius_r": segment(pronated(v["radius_r"]), (elbow, wrist), (m.elbow, m.wrist), (epicondyles, styloids), turn),
    }

    def carpal(points: np.ndarray) -> np.ndarray:
        return (pronated(points) - wrist) @ turn.T * size * [CARPUS, 1, 1] + m.wrist

    placed |= {f"{name}_r": carpal(v[f"{name}_r"]) for name in CARPALS}
    for n, lengths in enumerate(RAYS.values(), 1):
        names = [f"metacarpal_{n}_r"]
        names += [f"phalanx_{kind}_hand_{n}_r" for kind in PHALANGES.values() if not (n == 1 and kind == "middle")]
        chain = m.fingers[n]
        tip = chain[-2] + (chain[-1] - chain[-2]) * 0.88
        ends, before = [], v["capitate_r"].mean(0)
        for name in names:
            ends.append((_nearest_end(v[name], before), _farthest_end(v[name], before)))
            before = ends[-1][0]
        own = ray(ends)
        way = [carpal(own[:1])[0], *(chain[1:-1] if n == 1 else chain[:-1]), tip]
        goals = proportioned(lengths, way)
        own = pronated(own)
        for k, name in enumerate(names):
            placed[name] = segment(pronated(v[name]), own[k : k + 2], goals[k : k + 2], (size, size), turn)
    return placed


def _nearest_end(points: np.ndarray, to: np.ndarray) -> np.ndarray:
    distance = np.linalg.norm(points - to, axis=1)
    return points[distance < distance.min() + 0.1 * np.ptp(distance)].mean(0)


def _farthest_end(points: np.ndarray, to: np.ndarray) -> np.ndarray:
    distance = np.linalg.norm(points - to, axis=1)
    return points[distance > distance.max() - 0.1 * np.ptp(distance)].mean(0)


def _girdle(v: Placed, mark: Placed, placed: Placed, skin: Skin, m: Measures) -> Placed:
    """Scapula turned up as a horizontal arm has it, its socket on the head of the humerus; clavicle from the sternum to it.

    How the scapula is turned follows from the ribs that it glides on and the skin that covers it.
    """
    scapula, acromial = _farther_acromion(v["scapula_r"]), v["clavicle_r"][np.argmin(v["clavicle_r"][:, 0])]
    centre = fit_sphere(mark["humeral_head_r"])[0]
    broad = m.stature / 1.67
    size = np.array([broad, m.share((0.091, 0.087)) / np.ptp(scapula[:, 1]), broad])
    cage = Cage(placed)
    sample = scapula[:: max(1, len(scapula) // 150)]

    def turned(points: np.ndarray, angles: np.ndarray) -> np.ndarray:
        return ((points - centre) * size) @ _girdle_turn(angles).T + m.shoulder

    def cost(angles: np.ndarray) -> float:
        points = turned(sample, angles)
        gap, depth = cage.gap(points), skin.depth(points)
        over = np.isfinite(gap)
        away = np.maximum(gap[over].min(initial=np.inf) - RIB_GAP, 0)
        into = np.maximum(RIB_GAP - gap[over], 0)
        shallow = np.maximum(SCAPULA_DEPTH - depth, 0)
        tilt = (angles - GIRDLE_NOMINAL) / GIRDLE_SPREAD
        return float(((into / 0.002) ** 2).mean() + (away / 0.004) ** 2 + ((shallow / 0.002) ** 2).mean() + tilt @ tilt)

    angles = scipy.optimize.minimize(cost, GIRDLE_NOMINAL, method="Nelder-Mead", options=NELDER_MEAD).x
    clavicle = v["clavicle_r"]
    sternal = clavicle[np.argmax(clavicle[:, 0])]
    start = _top(placed["sternum"]) + (sternal - _top(v["sternum"])) + OFF_RIB
    end = turned(_farther_acromion(acromial[None]), angles)[0]
    scale = m.stature / 1.70
    return {
        "scapula_r": turned(scapula, angles),
        "clavicle_r": segment(clavicle, (sternal, acromial), (start, end), (scale, scale)),
    }


# Upward rotation, internal rotation and anterior tilt added to the template's scapula, whose medial border already leans
# outwards by ten degrees: what is likely for a horizontal arm (Ludewig 2009), and how much bodies differ (radians).
GIRDLE_NOMINAL = np.deg2rad([12.0, 0.0, 0.0])
GIRDLE_SPREAD = np.deg2rad([8.0, 15.0, 10.0])
# metres by which the clavicle leaves the sternum higher than in the template
OFF_RIB = np.array([-0.002, 0.012, 0.003])
RIB_GAP, SCAPULA_DEPTH = 0.007, 0.010  # metres of muscle under and of tissue over the scapula
NELDER_MEAD = {
    "maxfev": 120, "xatol": 1e-3, "fatol": 1e-2,
    "initial_simplex": GIRDLE_NOMINAL + np.concatenate([np.zeros((1, 3)), np.eye(3) * np.deg2rad(8.0)]),
}  # fmt: skip
# The template's acromion ends above the middle of the humeral head, 3 to 7 mm over it; in life it reaches 10 to 25 mm beyond,
# and 10 mm of supraspinatus pass under it. Its clavicle is short, too, and ends on it.
ACROMION_START, ACROMION_REACH = -0.098, 0.035
ACROMION_SHIFT = np.array([-0.015, 0.004, 0.0])
ACROMION_HEIGHT = (0.455, 0.470)


def _farther_acromion(points: np.ndarray) -> np.ndarray:
    """The scapula of the standing template with its acromion moved sideways and up."""
    above = np.clip((points[:, 1] - ACROMION_HEIGHT[0]) / np.ptp(ACROMION_HEIGHT), 0, 1)
    beyond = np.clip((ACROMION_START - points[:, 0]) / ACROMION_REACH, 0, 1)
    return points + (beyond * above)[:, None] * ACROMION_SHIFT


def _girdle_turn(angles: np.ndarray) -> np.ndarray:
    upward, internal, tilt = angles
    return rotation_about([0, 0, 1], -upward) @ rotation_about([0, 1, 0], internal) @ rotation_about([1, 0, 0], tilt)


class Cage:
    """The outside of the rib cage as a smooth wall: distance from an axis before the spine, by height and direction."""

    def __init__(self, placed: Placed) -> None:
        ribs = np.concatenate([placed[f"rib_{n:02d}_r"] for n in range(1, 11)])
        spine = np.array([placed[f"vertebra_t{n:02d}"].mean(0) for n in range(12, 0, -1)])
        self.levels, self.axis = spine[:, 1], spine[:, 2] + 0.05
        height, angle, self.radius = self._polar(ribs)
        self.tree = cKDTree(np.column_stack([height / RIB_SPACING, angle / RIB_ANGLE]))

    def _polar(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        forward = points[:, 2] - np.interp(points[:, 1], self.levels, self.axis)
        return points[:, 1], np.arctan2(-points[:, 0], -forward), np.hypot(points[:, 0], forward)

    def gap(self, points: np.ndarray) -> np.ndarray:
        """(P,) metres from points to the wall, negative inside it; not a number where there are no ribs."""
        height, angle, radius = self._polar(points)
        places = np.column_stack([height / RIB_SPACING, angle / RIB_ANGLE])
        _, ids = self.tree.query(places, k=12, distance_upper_bound=1.5)
        wall = np.append(self.radius, -np.inf)[ids].max(1)  # one past the last where fewer than twelve are so near
        return np.where(np.isfinite(wall), radius - wall, np.nan)


RIB_SPACING, RIB_ANGLE = 0.022, 0.12  # metres and radians within which ribs make a wall


def _top(points: np.ndarray) -> np.ndarray:
    return points[points[:, 1] > points[:, 1].max() - 0.005].mean(0) * [0, 1, 1]
