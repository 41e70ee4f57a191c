"""Cuts the bone files into single named bones: the right side, the midline, and the left side by mirroring the right.

The names are anatomical, snake case, with `_r` or `_l` for paired bones.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .geometry import pieces, read_vtp
from .hip_bone import fine_hip_bone

# OpenSim's x forward, y up, z right to SMPL's X left, Y up, Z forward.
OPENSIM_TO_BODY = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])

CARPALS = ("scaphoid", "lunate", "triquetrum", "pisiform", "trapezium", "trapezoid", "capitate", "hamate")
FINGERS = {1: "thumb", 2: "index", 3: "middle", 4: "ring", 5: "little"}
PHALANGES = {"proximal": "proximal", "medial": "middle", "distal": "distal"}  # the files' word: ours
TARSALS = ("calcaneus", "navicular", "cuboid", "cuneiform_medial", "cuneiform_intermediate", "cuneiform_lateral")


@dataclass(frozen=True)
class Bone:
    """One bone of the template: vertices (V, 3) in the template's standing pose, SMPL axes, metres; triangles (F, 3)."""

    vertices: np.ndarray
    faces: np.ndarray


Bones = dict[str, Bone]


def load_template(setup: Path, osim_rl: Path) -> Bones:
    """All bones of the midline and the right side, standing as in OpenSim's zero pose.

    `setup` is pose2sim's folder; `osim_rl` is the package with the fine hip bone.
    """
    origin = _body_origins(setup / "Model_Pose2Sim_simple.osim")
    patella = _body_origins(setup / "Model_Pose2Sim_muscles_flex.osim")["femur_r"]
    bones: Bones = {}

    def add(
        names: Iterable[str], parts: Iterable[tuple[np.ndarray, np.ndarray]], place: np.ndarray, scale: float = 1.0
    ) -> None:
        for name, (vertices, faces) in zip(names, parts, strict=True):
            bones[name] = Bone((vertices * scale + place) @ OPENSIM_TO_BODY.T, faces)

    def read(name: str) -> tuple[np.ndarray, np.ndarray]:
        return read_vtp(setup / "Geometry" / f"{name}.vtp")

    hip_bone = read_vtp(osim_rl / "osim" / "models" / "Geometry" / "pelvis_rv.vtp")
    add(["hip_bone_r"], [fine_hip_bone(hip_bone, read("r_pelvis"), origin["femur_r"])], origin["pelvis"])
    for file, name, body in SINGLE:
        add([name], [read(file)], origin[body])
    # The patella's place at knee angle 0: the spline of the Rajagopal model, from the femur's origin.
    add(["patella_r"], [read("r_patella")], patella + PATELLA_PLACE)
    torso = origin["torso"]
    spine = [part for part in pieces(*read("hat_spine")) if len(part[0]) > 100]  # the small ones are discs
    add(SPINE, sorted(spine, key=lambda part: part[0][:, 1].mean()), torso)
    for name, part in _name_cage(pieces(*read("hat_ribs_scap"))):
        add([name], [part], torso)
    for name, part in _name_foot(pieces(*read("foot"))):
        add([name], [part], origin["calcn_r"])
    for name, part in _name_toes(pieces(*read("bofoot"))):
        add([name], [part], origin["toes_r"])
    hand = [(f"{c}_rvs", f"{c}_r") for c in CARPALS]
    hand += [(f"metacarpal{n}_rvs", f"metacarpal_{n}_r") for n in FINGERS]
    for number, finger in FINGERS.items():
        kinds = [k for k in PHALANGES if not (number == 1 and k == "medial")]
        hand += [(f"{finger}_{k}_rvs", f"phalanx_{PHALANGES[k]}_hand_{number}_r") for k in kinds]
    for file, name in hand:
        add([name], [read(file)], origin["hand_r"], HAND_SCALE)
    return bones


# file, name, OpenSim body
SINGLE = (
    ("sacrum", "sacrum", "sacrum"),
    ("femur_r", "femur_r", "femur_r"),
    ("tibia_r", "tibia_r", "tibia_r"),
    ("fibula_r", "fibula_r", "tibia_r"),
    ("talus_rv", "talus_r", "talus_r"),
    ("hat_skull", "skull", "torso"),
    ("hat_jaw", "mandible", "torso"),
    ("humerus_rv", "humerus_r", "humerus_r"),
    ("ulna_rv", "ulna_r", "ulna_r"),
    ("radius_rv", "radius_r", "radius_r"),
)
PATELLA_PLACE = np.array([-0.00809 + 0.0524, -0.40796 - 0.0108, 0.0])
HAND_SCALE = 0.85  # as in the .osim
SPINE = (
    *(f"vertebra_l{n}" for n in range(5, 0, -1)),
    *(f"vertebra_t{n:02d}" for n in range(12, 0, -1)),
    *(f"vertebra_c{n}" for n in range(7, 0, -1)),
)


def _body_origins(model: Path) -> dict[str, np.ndarray]:
    """Where the bodies of an .osim have their origins in its zero pose, in the pelvis frame.

    The two frames of every joint are turned alike, so that positions add up.
    """
    joints: dict[str, tuple[str, np.ndarray]] = {}
    for joint in ElementTree.parse(model).getroot().findall(".//JointSet/objects/*"):
        frames = {f.get("name"): f for f in joint.iter("PhysicalOffsetFrame")}
        parent, child = (frames[joint.findtext(f"socket_{end}_frame")] for end in ("parent", "child"))
        place = [np.array(f.findtext("translation", "").split(), float) for f in (parent, child)]
        carrier, carried = (f.findtext("socket_parent", "").rpartition("/")[2] for f in (parent, child))
        joints[carried] = (carrier, place[0] - place[1])
    origins = {"pelvis": np.zeros(3)}
    while missing := [body for body in joints if body not in origins and body != "pelvis"]:
        for body in missing:
            parent_body, offset = joints[body]
            if parent_body in origins:
                origins[body] = origins[parent_body] + offset
    return origins


Part = tuple[np.ndarray, np.ndarray]


def _name_cage(parts: list[Part]) -> list[tuple[str, Part]]:
    """Sternum with its cartilages, and clavicle, scapula and ribs of the right side (z > 0 in OpenSim)."""
    middle = [p for p in parts if abs(p[0][:, 2].mean()) < 0.01]
    right = [p for p in parts if p[0][:, 2].mean() >= 0.01]
    scapula, clavicle, *ribs = sorted(right, key=lambda p: -len(p[0]))
    # Ribs from top to bottom by where they meet the spine: their hindmost point.
    ribs.sort(key=lambda p: -p[0][np.argmin(p[0][:, 2]), 1] if _floating(p) else -p[0][np.argmin(p[0][:, 0]), 1])
    named = [(f"rib_{n:02d}_r", rib) for n, rib in enumerate(ribs, start=1)]
    return [("sternum", middle[0]), ("scapula_r", scapula), ("clavicle_r", clavicle), *named]


def _floating(part: Part) -> bool:
    return np.ptp(part[0][:, 0]) < 0.03


def _name_foot(parts: list[Part]) -> list[tuple[str, Part]]:
    calcaneus, *rest = parts
    metatarsals = sorted(rest[:5], key=lambda p: p[0][np.argmax(p[0][:, 0]), 2])  # medial first
    tarsals = sorted(rest[5:], key=lambda p: p[0][:, 0].mean())
    cuboid = max(tarsals, key=lambda p: p[0][:, 2].mean())
    tarsals = [p for p in tarsals if p is not cuboid]
    navicular, cuneiforms = tarsals[0], sorted(tarsals[1:], key=lambda p: p[0][:, 2].mean())
    named = zip(TARSALS, [calcaneus, navicular, cuboid, *cuneiforms], strict=True)
    return [(f"{n}_r", p) for n, p in named] + [(f"metatarsal_{k}_r", p) for k, p in enumerate(metatarsals, start=1)]


def _name_toes(parts: list[Part]) -> list[tuple[str, Part]]:
    """Phalanges: by toe (medial first), then from the heel forward."""
    proximal = sorted(sorted(parts, key=lambda p: -np.ptp(p[0][:, 0]))[:5], key=lambda p: p[0][:, 2].mean())
    named = [(f"phalanx_proximal_foot_{k}_r", p) for k, p in enumerate(proximal, start=1)]
    rest = [p for p in parts if not any(p is q for q in proximal)]
    rest.sort(key=lambda p: p[0][:, 2].mean())
    named.append(("phalanx_distal_foot_1_r", rest[0]))
    for k in range(2, 6):
        middle, distal = sorted(rest[2 * k - 3 : 2 * k - 1], key=lambda p: p[0][:, 0].mean())
        named += [(f"phalanx_middle_foot_{k}_r", middle), (f"phalanx_distal_foot_{k}_r", distal)]
    return named


def mirrored(bones: Bones) -> Bones:
    """All bones, those of the right side mirrored to the left; order: as given, each right bone followed by its left."""
    both: Bones = {}
    for name, bone in bones.items():
        both[name] = bone
        if name.endswith("_r"):
            both[name[:-1] + "l"] = Bone(bone.vertices * [-1, 1, 1], bone.faces[:, ::-1])
    return both
