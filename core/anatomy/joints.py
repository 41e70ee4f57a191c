"""The joints of SKEL: names, kinematic tree, and the axes that its 46 pose parameters turn about.

Source: Keller et al. 2023, "From Skin to Skeleton" (SKEL); the axes are those of its OpenSim joints (Rajagopal 2016
legs, Seth 2016 scapulae, constant-curvature spine), in bone frames (x forward, y up, z to the body's right).
"""

from typing import NamedTuple


class Joint(NamedTuple):
    """A joint: its name, parent index (-1 for the root) and pose parameters.

    `axes` are unit vectors in the bone frame, one for each name in `parameters`; the first is applied first.
    """

    name: str
    parent: int
    parameters: tuple[str, ...]
    axes: tuple[tuple[float, float, float], ...]


X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
MINUS_X, MINUS_Y, MINUS_Z = (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0)


def _names(stem: str, *endings: str) -> tuple[str, ...]:
    return tuple(f"{stem}_{ending}" for ending in endings)


def _spine(stem: str) -> tuple[str, ...]:
    return _names(stem, "bending", "extension", "twist")


SIDES = "r", "l"  # the order of what comes in pairs

# The z axis of OpenSim's offset frames, R = Rx Ry Rz of their orientation angles.
_ANKLE_AXIS = (-0.105014021013, -0.174021836352, 0.979126373796)
_SUBTALAR_AXIS_R = (0.787179996089, 0.604747199495, -0.120948247029)
_SUBTALAR_AXIS_L = (-0.787179996089, -0.604747198407, -0.120948252472)
_MTP_AXIS_R = (0.5809545837229, 2.160666132e-06, -0.8139359751521)
_MTP_AXIS_L = (-0.5809545837229, 2.160666132e-06, -0.8139359751521)
_ELBOW_AXIS_R = (0.0494, 0.0366, 0.99810825)
_ELBOW_AXIS_L = (-0.0494, -0.0366, 0.99810825)
_FOREARM_AXIS_R = (-0.01716099, 0.99266564, -0.11966796)
_FOREARM_AXIS_L = (0.01716099, -0.99266564, -0.11966796)


JOINTS: tuple[Joint, ...] = (
    Joint("pelvis", -1, _names("pelvis", "tilt", "list", "rotation"), (Z, X, Y)),
    Joint("femur_r", 0, ("hip_flexion_r", "hip_adduction_r", "hip_rotation_r"), (Z, X, Y)),
    Joint("tibia_r", 1, ("knee_angle_r",), (MINUS_Z,)),
    Joint("talus_r", 2, ("ankle_angle_r",), (_ANKLE_AXIS,)),
    Joint("calcn_r", 3, ("subtalar_angle_r",), (_SUBTALAR_AXIS_R,)),
    Joint("toes_r", 4, ("mtp_angle_r",), (_MTP_AXIS_R,)),
    Joint("femur_l", 0, ("hip_flexion_l", "hip_adduction_l", "hip_rotation_l"), (Z, MINUS_X, MINUS_Y)),
    Joint("tibia_l", 6, ("knee_angle_l",), (MINUS_Z,)),
    Joint("talus_l", 7, ("ankle_angle_l",), (_ANKLE_AXIS,)),  # the right foot's axis, as SKEL has it
    Joint("calcn_l", 8, ("subtalar_angle_l",), (_SUBTALAR_AXIS_L,)),
    Joint("toes_l", 9, ("mtp_angle_l",), (_MTP_AXIS_L,)),
    Joint("lumbar_body", 0, _spine("lumbar"), (X, Z, Y)),
    Joint("thorax", 11, _spine("thorax"), (X, Z, Y)),
    Joint("head", 12, _spine("head"), (X, Z, Y)),
    Joint("scapula_r", 12, _names("scapula", "abduction_r", "elevation_r", "upward_rot_r"), (Y, MINUS_Z, MINUS_X)),
    Joint("humerus_r", 14, _names("shoulder_r", "x", "y", "z"), (X, Y, Z)),
    Joint("ulna_r", 15, ("elbow_flexion_r",), (_ELBOW_AXIS_R,)),
    Joint("radius_r", 16, ("pro_sup_r",), (_FOREARM_AXIS_R,)),
    Joint("hand_r", 17, ("wrist_flexion_r", "wrist_deviation_r"), (X, MINUS_Z)),
    Joint("scapula_l", 12, _names("scapula", "abduction_l", "elevation_l", "upward_rot_l"), (Y, Z, X)),
    Joint("humerus_l", 19, _names("shoulder_l", "x", "y", "z"), (X, Y, Z)),
    Joint("ulna_l", 20, ("elbow_flexion_l",), (_ELBOW_AXIS_L,)),
    Joint("radius_l", 21, ("pro_sup_l",), (_FOREARM_AXIS_L,)),
    Joint("hand_l", 22, ("wrist_flexion_l", "wrist_deviation_l"), (MINUS_X, MINUS_Z)),
)

JOINT_NAMES: tuple[str, ...] = tuple(joint.name for joint in JOINTS)
POSE_NAMES: tuple[str, ...] = tuple(name for joint in JOINTS for name in joint.parameters)
PARENTS: tuple[int, ...] = tuple(joint.parent for joint in JOINTS)
JOINT_INDEX: dict[str, int] = {name: i for i, name in enumerate(JOINT_NAMES)}
POSE_INDEX: dict[str, int] = {name: i for i, name in enumerate(POSE_NAMES)}


def pose_slice(joint: int) -> slice:
    """Where the parameters of `joint` stand in the 46-vector q."""
    start = sum(len(j.parameters) for j in JOINTS[:joint])
    return slice(start, start + len(JOINTS[joint].parameters))


# The first child of each joint along which its bone points; 0 means none (SKEL's convention).
CHILD: tuple[int, ...] = tuple(next((c for c, p in enumerate(PARENTS) if p == j), 0) for j in range(len(JOINTS)))
