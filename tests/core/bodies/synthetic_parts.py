"""The made-up body of synthetic_skel.py with single bones that grow by maps of their own, clavicles and patellae."""

import numpy as np
import scipy.sparse
from osteon.core.anatomy.joints import JOINT_INDEX, JOINT_NAMES
from osteon.core.anatomy.patella import patella_path
from synthetic_skel import make_skel_model

RINGS, SEGMENTS = 9, 12
# Bones besides one for each joint: the joint they are labelled with, their blend, and their ends in the T pose. One
# patella is labelled with the tibia and one with the femur, which is to make no difference.
FOLLOWERS = {
    "clavicle_r": ("scapula_r", {"thorax": 0.5, "scapula_r": 0.5}, (-0.03, 0.17, 0.06), (-0.15, 0.22, -0.03)),
    "clavicle_l": ("scapula_l", {"thorax": 0.5, "scapula_l": 0.5}, (0.03, 0.17, 0.06), (0.15, 0.22, -0.03)),
    "patella_r": ("tibia_r", {"tibia_r": 1.0}, (-0.10, -0.68, 0.055), (-0.10, -0.72, 0.055)),
    "patella_l": ("femur_l", {"femur_l": 1.0}, (0.10, -0.68, 0.055), (0.10, -0.72, 0.055)),
    "vertebra_l3": ("lumbar_body", {"pelvis": 0.2, "lumbar_body": 0.8}, (0.0, -0.1, -0.03), (0.0, -0.07, -0.03)),
}


def spindle(start: np.ndarray, end: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """A closed surface (V, 3), (F, 3) around the line from start to end; the first vertex is its start, the last its end."""
    along = end - start
    side = np.cross(along, (0.3, 0.5, 0.8))
    side /= np.linalg.norm(side)
    other = np.cross(along / np.linalg.norm(along), side)
    t = np.linspace(0, 1, RINGS + 2)[1:-1]
    turn = np.linspace(0, 2 * np.pi, SEGMENTS, endpoint=False)
    circle = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * other
    rings = start + t[:, None, None] * along + radius * np.sin(np.pi * t)[:, None, None] ** 0.5 * circle
    vertices = np.vstack([start, rings.reshape(-1, 3), end])
    here = np.arange(SEGMENTS)
    there = (here + 1) % SEGMENTS
    faces = [np.column_stack([np.zeros_like(here), 1 + there, 1 + here])]
    for ring in range(RINGS - 1):
        low, high = 1 + ring * SEGMENTS, 1 + (ring + 1) * SEGMENTS
        faces.append(np.column_stack([low + here, low + there, high + there]))
        faces.append(np.column_stack([low + here, high + there, high + here]))
    last = len(vertices) - 1
    faces.append(np.column_stack([np.full_like(here, last), last - SEGMENTS + here, last - SEGMENTS + there]))
    return vertices, np.vstack(faces)


def make_model_with_parts(seed: int = 11, gender: str = "male") -> dict:
    """What a file holds whose bones grow by learned maps; landmarks and patella path are there."""
    content = make_skel_model(seed, gender, 24)
    rng = np.random.default_rng(seed)
    base = content["per_joint_rot"]
    joints = content["J_regressor_osim"] @ content["skin_template_v"]
    bones = {}
    for j, name in enumerate(JOINT_NAMES):
        tip = (base[j] @ np.array((0.06, 0.02, 0.01))) if name.startswith(("toes", "talus", "calcn")) else None
        if tip is None:
            tip = base[j] @ np.array((0.0, 0.1 if name in ("head", "pelvis", "thorax", "lumbar_body") else -0.15, 0.0))
        bones[name] = (name, {name: 1.0}, joints[j], joints[j] + tip)
    bones |= {name: (label, blend, np.array(a), np.array(b)) for name, (label, blend, a, b) in FOLLOWERS.items()}
    vertices, faces, parts, landmarks, start = [], [], [], {}, 0
    weights, rigid = [], []
    for part, (name, (label, blend, a, b)) in enumerate(bones.items()):
        j = JOINT_INDEX[label]
        v, f = spindle(a, b, 0.012)
        vertices.append((v - joints[j]) @ base[j])
        faces.append(f + start)
        parts.append(np.full(len(v), part))
        row = np.zeros(len(JOINT_NAMES))
        for joint, share in blend.items():
            row[JOINT_INDEX[joint]] = share
        weights.append(np.tile(row, (len(v), 1)))
        rigid.append(np.tile(np.eye(len(JOINT_NAMES))[j], (len(v), 1)))
        if name.startswith("clavicle"):
            side = name[-1]
            landmarks[f"osteon_landmark_clavicle_sternal_end_{side}"] = start + np.arange(3)
            landmarks[f"osteon_landmark_clavicle_acromial_end_{side}"] = start + len(v) - 1 - np.arange(3)
        start += len(v)
    shapedirs = np.zeros((len(bones), 3, 4, 10))
    shapedirs[:, :, :3] = rng.normal(0, 0.02, (len(bones), 3, 3, 10))
    shapedirs[:, :, 3] = rng.normal(0, 0.002, (len(bones), 3, 10))
    return (
        content
        | landmarks
        | {
            "skel_template_v": np.vstack(vertices),
            "skel_template_f": np.vstack(faces),
            "skel_weights": scipy.sparse.coo_matrix(np.vstack(weights)),
            "skel_weights_rigid": scipy.sparse.coo_matrix(np.vstack(rigid)),
            "osteon_bone_parts": np.concatenate(parts),
            "osteon_bone_part_names": list(bones),
            "osteon_part_shapedirs": shapedirs,
            "osteon_patella_path": patella_path(0.06),
        }
    )
