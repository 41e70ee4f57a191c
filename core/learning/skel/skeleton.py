"""Which bone hangs on which SKEL joint, and the bones' frames.

The zero pose is the T pose. In the SKEL forward pass (Keller et al. 2023) a bone frame is K_j = D_j B_j, where D_j turns the
file's bone direction B_j a_child onto the shaped one. With B_j the wanted frame of the mean body and a_child the mean body's
offset seen in its parent's frame, D_j is the identity at the mean. The axes of q then act in the parent's frame when
A_j = B_parent^T B_j.
"""

import numpy as np

from ...anatomy.joints import JOINT_INDEX, JOINTS, PARENTS
from .bone_names import CARPALS, OPENSIM_TO_BODY, SPINE, TARSALS

N_JOINTS = len(PARENTS)

# Weights of the spine's joints per vertebra: how far it has come from pelvis to lumbar body, lumbar body to thorax, and
# thorax to head. Each step is centred where the arc between its two joints is, so that neighbours stay together;
# a neck bends evenly.
TO_LUMBAR = {"vertebra_l5": 0.2, "vertebra_l4": 0.5, "vertebra_l3": 0.8}
TO_THORAX = {"vertebra_l2": 0.0, "vertebra_l1": 0.25, "vertebra_t12": 0.5, "vertebra_t11": 0.75}
# The last ribs go between their own vertebra and the one above, which they lie beside.
FLOATING_RIBS = {"rib_11": 0.92, "rib_12": 0.68}
TO_HEAD = {f"vertebra_c{n}": (8 - n) / 8 for n in range(7, 0, -1)}
# The vertebrae whose bodies carry the joints.
LUMBAR_VERTEBRA, THORAX_VERTEBRA = "vertebra_l2", "vertebra_t08"


def joint_of(bone: str) -> str:
    """The SKEL joint that a bone hangs on (its rigid label)."""
    stem, _, side = bone.rpartition("_")
    if side not in ("l", "r") or bone in SPINE:
        stem, side = bone, ""
    if bone in SPINE:
        if bone in TO_LUMBAR or bone == "vertebra_l2" or bone == "vertebra_l1":
            return "lumbar_body"
        return "head" if TO_HEAD.get(bone, 0) > 0.5 else "thorax"
    if stem in ("hip_bone", "sacrum"):
        return "pelvis"
    if stem in ("skull", "mandible"):
        return "head"
    if stem == "sternum" or stem.startswith("rib_"):
        return "thorax"
    if stem in ("femur", "humerus", "ulna", "radius", "talus", "scapula"):
        return f"{stem}_{side}"
    if stem == "clavicle":
        return f"scapula_{side}"
    if stem in ("tibia", "fibula", "patella"):
        return f"tibia_{side}"
    if stem in TARSALS or stem.startswith("metatarsal"):
        return f"calcn_{side}"
    if "_foot_" in stem:
        return f"toes_{side}"
    if stem in CARPALS or stem.startswith("metacarpal") or "_hand_" in stem:
        return f"hand_{side}"
    raise KeyError(bone)


def spine_weights(bone: str) -> dict[str, float]:
    """Weights of the spine's joints for a vertebra or rib: one blend for the whole bone, which is never bent."""
    if bone.startswith("rib_"):
        share = FLOATING_RIBS.get(bone[:6], 1.0)
        return {"lumbar_body": 1 - share, "thorax": share} if share < 1 else {"thorax": 1.0}
    if bone in TO_LUMBAR:
        return {"pelvis": 1 - TO_LUMBAR[bone], "lumbar_body": TO_LUMBAR[bone]}
    if bone in TO_THORAX:
        return {"lumbar_body": 1 - TO_THORAX[bone], "thorax": TO_THORAX[bone]}
    if bone in TO_HEAD:
        return {"thorax": 1 - TO_HEAD[bone], "head": TO_HEAD[bone]}
    return {"thorax": 1.0}


def carriers(bone: str) -> dict[str, float]:
    """The SKEL joints that move a bone, and the share of each.

    Where clavicles do not follow thorax and scapula by themselves, as in SKEL's own code, they go halfway with each.
    """
    if bone.startswith(("vertebra", "rib")):
        return spine_weights(bone)
    if bone.startswith("clavicle"):
        return {"thorax": 0.5, joint_of(bone): 0.5}
    return {joint_of(bone): 1.0}


def frames(joints: np.ndarray, forearm_axis: np.ndarray) -> np.ndarray:
    """(24, 3, 3) bone frames of the mean body in the T pose: columns are the bone's x, y, z in SMPL axes.

    Trunk and legs hang as in OpenSim. The arms are raised sideways: x forward, y towards the body's middle. Ulna, radius
    and hand are turned so that the table's forearm axis lies on `forearm_axis`, the right forearm's anatomical one (unit,
    pointing to the elbow).
    """
    result = np.tile(OPENSIM_TO_BODY, (N_JOINTS, 1, 1))
    arm = {"r": np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0.0]]), "l": np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0.0]])}
    for side, sign in (("r", 1), ("l", -1)):
        table = np.array(JOINTS[JOINT_INDEX[f"radius_{side}"]].axes[0]) * sign  # towards the elbow on both sides
        goal = forearm_axis * [sign, 1, 1]
        source = arm[side] @ table
        result[JOINT_INDEX[f"humerus_{side}"]] = arm[side]
        turned = _shortest(source / np.linalg.norm(source), goal) @ arm[side]
        for name in ("ulna", "radius", "hand"):
            result[JOINT_INDEX[f"{name}_{side}"]] = turned
    return result


def _shortest(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    axis = np.cross(source, target)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + source @ target)


# The scapula turns about its own plane's axes, which lies this much out of the frontal plane (Struyf 2011: 35 degrees): so its
# lower angle runs along the ribs, outwards and forwards. A body's own bones make that more exact, see `glide`.
_COS, _SIN = np.cos(np.deg2rad(35.0)), np.sin(np.deg2rad(35.0))
SCAPULAR_AXES = np.array([[_COS, 0, _SIN], [0, 1, 0], [-_SIN, 0, _COS]])  # the right one's: outwards, up, forwards


def _axes_turned(joint: int, scapular_axes: np.ndarray) -> np.ndarray:
    """(3, 3) from the parent's axes to those that the angles of a joint turn about, in the T pose."""
    if joint == JOINT_INDEX["scapula_r"]:
        return scapular_axes
    across = np.array([-1.0, 1, 1])
    return scapular_axes * across[:, None] * across if joint == JOINT_INDEX["scapula_l"] else np.eye(3)


def default_pose(joints: np.ndarray, bone_frames: np.ndarray, scapular_axes: np.ndarray) -> np.ndarray:
    """(24, 4, 4) `apose_rel_transfo`: rotations A_j and translations a_j relative to the parent, see the module's text.

    scapular_axes: (3, 3) the axes of the right scapula's angles, seen from the thorax's
    """
    relative = np.tile(np.eye(4), (N_JOINTS, 1, 1))
    # The pelvis turns about its own axes, as if its parent, the ground, stood like it: tilt is about the lateral one.
    relative[0, :3, 3] = joints[0]
    for j in range(1, N_JOINTS):
        parent = PARENTS[j]
        relative[j, :3, :3] = bone_frames[parent].T @ _axes_turned(j, scapular_axes).T @ bone_frames[j]
        relative[j, :3, 3] = bone_frames[parent].T @ (joints[j] - joints[parent])
    # SKEL aims the thorax along the shaped vector from the lumbar joint to the thorax, but takes the head's offset as the
    # bone's own direction: so the head's offset points along the former, with its own length.
    lumbar, thorax, head = (JOINT_INDEX[n] for n in ("lumbar_body", "thorax", "head"))
    aim = joints[thorax] - joints[lumbar]
    length = np.linalg.norm(joints[head] - joints[thorax])
    relative[head, :3, 3] = bone_frames[thorax].T @ aim / np.linalg.norm(aim) * length
    return relative
