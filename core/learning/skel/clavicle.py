"""Lays the outer end of the clavicle against the acromion, from which settling and the scapula's seat have taken it away."""

import numpy as np
from scipy.spatial import cKDTree

from .bone_space import BoneSpace, turned_and_lengthened
from .joints import Places

JOINT_SPACE = 0.002  # metres between clavicle and acromion; 1 to 3 in life (Petersson and Redlund-Johnell 1983)
END = 0.15  # of the clavicle's length, its outer end
NAME = "clavicle_r"


def ends(bones: BoneSpace) -> Places:
    """The tips of the clavicle, at sternum and acromion."""
    points = bones.points(NAME)
    return [(NAME, points[points[:, 0].argmax()]), (NAME, points[points[:, 0].argmin()])]


def joined(bones: BoneSpace) -> BoneSpace:
    """The bones with the clavicle turned and stretched about its inner end until it meets the acromion, in every shape."""
    clavicle, scapula = bones.points(NAME), bones.points("scapula_r")
    (_, inner), (_, outer) = ends(bones)
    along = (outer - inner) / ((outer - inner) @ (outer - inner))
    end = clavicle[(clavicle - inner) @ along > 1 - END]
    distance, nearest = cKDTree(scapula).query(end)
    start, goal = end[distance.argmin()], scapula[nearest[distance.argmin()]]
    goal = goal + (start - goal) * min(1.0, JOINT_SPACE / distance.min())
    ids, part = bones.members(NAME), bones.names.index(NAME)
    template, maps = bones.template.copy(), bones.maps.copy()
    template[ids] += (clavicle - inner) @ turned_and_lengthened(start - inner, (goal - start)[:, None])[..., 0].T
    off = maps[bones.names.index("scapula_r")] - maps[part]
    change = turned_and_lengthened(goal - inner, np.einsum("ack,c->ak", off[:, :3], goal) + off[:, 3])
    maps[part, :, :3] += change
    maps[part, :, 3] -= np.einsum("ack,c->ak", change, inner)
    return bones.moved(template, maps)
