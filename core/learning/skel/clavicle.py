"""Lays the outer end of the clavicle against the acromion, from which settling and the scapula's seat have taken it away."""

import numpy as np
from scipy.spatial import cKDTree

from .bone_space import BoneSpace

JOINT_SPACE = 0.002  # metres between clavicle and acromion; 1 to 3 in life (Petersson and Redlund-Johnell 1983)
END = 0.15  # of the clavicle's length, its outer end


def joined(bones: BoneSpace) -> BoneSpace:
    """The bones with the clavicle turned and stretched about its inner end until it meets the acromion, in every shape."""
    clavicle, scapula = bones.points("clavicle_r"), bones.points("scapula_r")
    inner, outer = clavicle[clavicle[:, 0].argmax()], clavicle[clavicle[:, 0].argmin()]
    along = (outer - inner) / ((outer - inner) @ (outer - inner))
    end = clavicle[(clavicle - inner) @ along > 1 - END]
    distance, nearest = cKDTree(scapula).query(end)
    start, goal = end[distance.argmin()], scapula[nearest[distance.argmin()]]
    goal = goal + (start - goal) * min(1.0, JOINT_SPACE / distance.min())
    ids, part = bones.members("clavicle_r"), bones.names.index("clavicle_r")
    template, maps = bones.template.copy(), bones.maps.copy()
    template[ids] += ((clavicle - inner) @ along)[:, None] * (goal - start) / ((start - inner) @ along)
    off = maps[bones.names.index("scapula_r")] - maps[part]
    change = (np.einsum("ack,c->ak", off[:, :3], goal) + off[:, 3]) / ((goal - inner) @ along)
    maps[part, :, :3] += np.einsum("ak,c->ack", change, along)
    maps[part, :, 3] -= change * (inner @ along)
    return bones.moved(template, maps)
