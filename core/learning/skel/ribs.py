"""Each rib bent by itself off its neighbours, and under the skin, in shapes at rest.

`contacts.apart` bends the ribs of a side as one sheet, which parts none from another, and asks no skin.
"""

import logging

import numpy as np

from ..inside import Skin
from ..report.sampling import WIDER, random_shapes
from .bone_names import Bones
from .bone_space import BoneSpace
from .contacts import YIELDING, Contacts, added, bent, loudest, rods
from .settle import lacking

log = logging.getLogger(__name__)

DEPTH = 0.004  # metres under the skin that they keep
FARTHEST = 0.02  # metres outside beyond which none is
ROUNDS, SHAPES = 10, 60


def ribs_apart(
    bones: BoneSpace, meshes: Bones, template: np.ndarray, shapedirs: np.ndarray, faces: np.ndarray
) -> BoneSpace:
    """The bones with each rib bent by itself.

    meshes: the bones' triangles
    template, shapedirs, faces: (N, 3), (N, 3, 10), (F, 3) the skin
    """
    contacts = Contacts(bones, meshes)
    ribs = np.array([name.startswith(YIELDING) for name in bones.names])
    contacts.pairs = [pair for pair in contacts.pairs if ribs[pair.one] and ribs[pair.other]]
    theirs = np.flatnonzero(ribs[bones.parts])
    margin = np.full(len(bones.template), DEPTH)
    now, asked = bones, np.zeros_like(bones.template)
    for k in range(ROUNDS):
        worst, move = np.zeros(len(now.template)), np.zeros_like(now.template)
        for beta in random_shapes(SHAPES, k, WIDER):
            skin = Skin(template + shapedirs @ beta, faces)
            points = now.at(beta[None])[0]
            near = theirs[skin.shallow(points[theirs], DEPTH, FARTHEST)]
            for ids, lack, outward in (contacts.lacking(points), lacking(now, beta, skin, margin, near)):
                of_ribs = ribs[bones.parts[ids]]
                ids, lack, outward = loudest(worst, ids[of_ribs], lack[of_ribs], outward[of_ribs])
                move[ids] = -(outward * lack[:, None])
        log.info("ribs apart, round %d: %.1f mm too near at worst", k, worst.max() * 1e3)
        change = np.zeros_like(now.template)
        for ids, held in rods(bones, one_by_one=True):
            before = now.template[ids] - bones.template[ids]
            change[ids] = bent(bones.template[ids], added(asked, ids, before, move[ids]), held) - before
        now = now.moved(now.template + change)
    return now
