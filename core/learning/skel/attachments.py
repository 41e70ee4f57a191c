"""Keeps ribs and clavicles at the joints at their ends while bones are moved one by one.

A rib is attached to its vertebra and to the sternum (with its cartilages), the clavicle to the sternum; its other end is
`clavicle.joined`'s: held at both while all else still moves, it could keep out of the skin of thin shapes only by sagging in
all.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from .bone_space import BoneSpace, turned_and_lengthened
from .joints import Places

NEARLY = 0.004  # metres beyond the least between two bones, within which vertices belong to their joint
RIBS, TRUE_RIBS = range(1, 13), range(1, 11)  # all; those that the sternum's mesh reaches
ATTACHED: dict[str, tuple[str, ...]] = {
    **{f"rib_{n:02d}_r": (f"vertebra_t{n:02d}", *(("sternum",) if n in TRUE_RIBS else ())) for n in RIBS},
    "clavicle_r": ("sternum",),
}


class Attachment(NamedTuple):
    """Vertices of two bones at the joint between them; the one goes along with the other."""

    bone: str
    ids: np.ndarray
    other: str
    other_ids: np.ndarray


def attachments(bones: BoneSpace) -> list[Attachment]:
    """The joints at the ends of ribs and clavicle, where the bones are nearest to each other."""
    found = []
    for bone, other in ((bone, other) for bone, others in ATTACHED.items() for other in others):
        if {bone, other} <= set(bones.names):
            own, theirs = bones.members(bone), bones.members(other)
            distance = cKDTree(bones.template[theirs]).query(bones.template[own])[0]
            back = cKDTree(bones.template[own]).query(bones.template[theirs])[0]
            near = distance.min() + NEARLY
            found.append(Attachment(bone, own[distance <= near], other, theirs[back <= near]))
    return found


def places(bones: BoneSpace, joints: Sequence[Attachment]) -> Places:
    """Where the bones are attached, in the mean body."""
    return [(joint.bone, bones.template[joint.ids].mean(0)) for joint in joints]


def kept(bones: BoneSpace, before: BoneSpace, joints: Sequence[Attachment]) -> BoneSpace:
    """Bones whose attached ends have moved since `before` as the bones that they are attached to, in every shape.

    Between two ends a bone goes with both, more with the nearer one; with one, as a whole.
    """
    for name in dict.fromkeys(joint.bone for joint in joints):
        own = [joint for joint in joints if joint.bone == name]
        ids, part = bones.members(name), bones.names.index(name)
        template, maps = bones.template.copy(), bones.maps.copy()
        linear, shift = _going_along(bones, before, own)
        template[ids] += bones.template[ids] @ linear[..., 0].T + shift[:, 0]
        bones = bones.moved(template)
        linear, shift = _going_along(bones, before, own)  # maps count from where bones now are
        maps[part, :, :3] += linear[..., 1:]
        maps[part, :, 3] += shift[:, 1:]
        bones = bones.moved(maps=maps)
    return bones


def _going_along(bones: BoneSpace, before: BoneSpace, joints: Sequence[Attachment]) -> tuple[np.ndarray, np.ndarray]:
    """(3, 3, 11) and (3, 11) what takes the ends of one bone to where they should be, in the mean body and per beta."""
    ends = [bones.template[joint.ids].mean(0) for joint in joints]
    misses = [
        _moved(bones, before, joint.other, joint.other_ids) - _moved(bones, before, joint.bone, joint.ids)
        for joint in joints
    ]
    linear = np.zeros((3, 3, misses[0].shape[1]))
    if len(joints) > 1:
        linear = turned_and_lengthened(ends[1] - ends[0], misses[1] - misses[0])
    return linear, misses[0] - np.einsum("ack,c->ak", linear, ends[0])


def _moved(bones: BoneSpace, before: BoneSpace, name: str, ids: np.ndarray) -> np.ndarray:
    """(3, 11) how far the middle of a bone's vertices has moved in the mean body, and how it now moves with each beta."""
    part = bones.names.index(name)

    def with_betas(space: BoneSpace) -> np.ndarray:
        middle = space.template[ids].mean(0)
        change = np.einsum("ack,c->ak", space.maps[part, :, :3], middle) + space.maps[part, :, 3]
        return np.column_stack([middle, change])

    return with_betas(bones) - with_betas(before)
