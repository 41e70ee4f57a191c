"""Learns an open body: a skeleton in each of many people, and from them everything of SKEL that is no mesh.

What comes out (`Learned`) is kept in the repository; `build.py` puts it together with the meshes of the packages.
"""

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.sparse

from ...anatomy.joints import JOINT_INDEX, JOINT_NAMES
from ...bodies.skel import Skel, pose_features
from ...errors import InputError
from ..inside import Skin
from ..processes import run_all
from ..report.sampling import WIDER, random_shapes
from ..report.tables import Table
from . import (
    body_measures,
    bone_space,
    clavicle,
    held_out,
    joints,
    learned,
    patella,
    placement,
    posed_people,
    regressors,
    scaling,
    skeleton,
    weights,
)
from .bone_space import BoneSpace
from .build import assemble
from .build import bone_space as bone_space_of
from .contacts import FAR, apart
from .correctives import learn_correctives
from .cover import covered
from .glide import glide
from .learned import Learned
from .people import BODIES, FEMININITY, People, Shapes, sources
from .ribs import ribs_apart
from .scapula_seat import GIVEN, seated
from .settle import LARGE_POOL, POOL, settle
from .skinning import learn_weights
from .training_poses import training_poses, usual_poses

log = logging.getLogger(__name__)

SUBJECTS = 120  # people in whom bones are placed
SETTLING = (range(4), range(2, 4))  # stages of settling, each time after bones went along with the regressed joints
LAST = (3, 3)  # and after bones that enter each other in poses were set apart
SHALLOWER = 0.003  # metres less over the clavicle the last time, when the first rib gives way to it no more
POSED, POSES = 24, 44  # people whose skins are posed, and in how many poses
COVERED, COVERED_POSES = (12, 36), 22  # people and rarer shapes in which bones are covered, and poses of each
USUAL = 200  # poses in which covering bones shall change little
TWICE = ("humerus_r", "humerus_l")  # drawn twice then: in most of their far poses arms pass through the body
USUAL_COVERED, WHOLE_COVERED = 0.1, 0.95  # share of usual poses among these; of others from the whole of the limits
LAST_ROUNDS = 13  # of setting bones apart, also such that are far from each other at rest
SEED = 11
Progress = Callable[[float, str], None]


def train(names: Sequence[str], folder: Path | None, progress: Progress) -> list[Path]:
    """Learns open bodies and writes what was learned.

    Parameters
    ----------
    names: "open-male" and so on; all when empty
    folder: where the files go; where `build` looks for them when None

    Raises
    ------
    InputError
        When there is no body of a name.
    """
    chosen = _chosen(names)
    folder = learned.FOLDER if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    progress(0.0, "The people that bodies are learned from")
    sources()  # fetched once, before processes would all fetch them
    items = [(name.removeprefix("open-"), folder / f"{name}.npz") for name in chosen]
    return run_all(_learn_and_write, items, os.cpu_count() or 1, progress)


def _chosen(names: Sequence[str]) -> list[str]:
    every = [f"open-{gender}" for gender in BODIES]
    if unknown := set(names) - set(every):
        raise InputError(f"There is no open body {sorted(unknown)[0]}: there are {', '.join(every)}.")
    return [name for name in every if name in names or not names]


CHECKED = 200, 12, 20  # new people; those of them that are posed, and in how many poses


def check(names: Sequence[str], folder: Path | None, progress: Progress) -> list[Table]:
    """Holds learned bodies against people that nothing was learned from."""
    items = [(name.removeprefix("open-"), (folder or learned.FOLDER) / f"{name}.npz") for name in _chosen(names)]
    return [table for tables in run_all(_check, items, os.cpu_count() or 1, progress) for table in tables]


def _check(gender: str, path: Path, progress: Progress) -> list[Table]:
    found = learned.read(path)
    progress(0.05, f"open-{gender} against new people")
    return held_out.tables(People(sources()), gender, found, *CHECKED)


def _learn_and_write(gender: str, path: Path, progress: Progress) -> Path:
    learned.write(learn(People(sources()), gender, progress), path)
    return path


def learn(people: People, gender: str, progress: Progress) -> Learned:
    """Learns a body, a key of `BODIES`."""
    shapes = people.shapes(gender)
    progress(0.05, f"{gender}: bones in {SUBJECTS} people")
    bones = place_in_people(people, shapes)
    for stage, stages in enumerate(SETTLING):
        progress(0.3 + 0.3 * stage, f"{gender}: joints, bones inside the skin")
        points = joints.joint_points(bones, people.marks)
        wanted, regressor = _joints(people, shapes, bones, points)
        bones = joints.follow_regressor(bones, wanted, regressors.regressed(regressor, shapes.mean, shapes.directions))
        bones = _settled(people, shapes, bones, stages, points)
    progress(0.6, f"{gender}: bones apart")
    bones, found = _seated(people, gender, shapes, bones, regressor)
    bones = apart(bones, people.bones, Skel(assemble(people, gender, shapes, found)))
    bones = _settled(people, shapes, bones, LAST, joints.joint_points(bones, people.marks), LARGE_POOL)
    _, regressor = _joints(people, shapes, bones, joints.joint_points(bones, people.marks))
    bones, found = _seated(people, gender, shapes, bones, regressor)
    bones = apart(bones, people.bones, Skel(assemble(people, gender, shapes, found)), FAR, LAST_ROUNDS)
    bones = ribs_apart(bones, people.bones, shapes.mean, shapes.directions, people.surface.faces)
    # Ribs have given way by turns: now the scapula's axes are found on what they are, and it turns once more.
    found = _with_axes(shapes, _with_bones(people, shapes, found, bones), bones)
    bones = _seat(people, gender, shapes, found, bones, pool=LARGE_POOL, shallower=SHALLOWER)
    found = _with_bones(people, shapes, found, bones)
    progress(0.8, f"{gender}: skin weights and pose correctives")
    return with_skin(people, gender, shapes, found)


def _joints(
    people: People, shapes: Shapes, bones: BoneSpace, points: joints.Points
) -> tuple[np.ndarray, scipy.sparse.csr_matrix]:
    """(24, 3, 11) the joints that the bones ask for and their change per beta, and a regressor (24, N) near to these."""
    wanted = joints.joint_directions(bones, points, joints.scapula_shares(glide(bones)[1], joints.shoulder(points)))
    return wanted, regressors.regress(shapes.mean, shapes.directions, wanted, people.surface.mirror)


def _settled(
    people: People, shapes: Shapes, bones: BoneSpace, stages: Iterable[int], points: joints.Points, pool: int = POOL
) -> BoneSpace:
    """`settle`, the bones held at their joints."""
    held = joints.held(bones, points)
    return settle(bones, people.bones, shapes.mean, shapes.directions, people.surface.faces, stages, held, pool)


def _seated(
    people: People, gender: str, shapes: Shapes, bones: BoneSpace, regressor: scipy.sparse.csr_matrix
) -> tuple[BoneSpace, Learned]:
    """The bones with scapulae as far from the ribs in all shapes, clavicles against them, and the body that has them."""
    bones = _seat(people, gender, shapes, _bare(people, shapes, bones, regressor), bones, GIVEN)
    return bones, _bare(people, shapes, bones, regressor)


def _seat(
    people: People,
    gender: str,
    shapes: Shapes,
    found: Learned,
    bones: BoneSpace,
    given: float = 0.0,
    pool: int = POOL,
    shallower: float = 0.0,
) -> BoneSpace:
    """Bones of a body, the scapula seated on the ribs (`given` as there), the clavicle against it and inside the skin."""
    body, shoulder = Skel(assemble(people, gender, shapes, found)), found.regressor @ shapes.mean
    bones = clavicle.joined(seated(bones, people.bones, body, shoulder[JOINT_INDEX["humerus_r"]], given))
    skin = shapes.mean, shapes.directions, people.surface.faces
    alone = settle(bones.only(clavicle.NAME), people.bones, *skin, LAST, clavicle.ends(bones), pool, shallower)
    return clavicle.joined(bones.with_part(alone))


def _with_bones(people: People, shapes: Shapes, found: Learned, bones: BoneSpace) -> Learned:
    """With other bones, whose joints move as before."""
    placements, offsets = _placements(people, bones)
    path = patella.path(bones, found.regressor @ shapes.mean, found.frames, people.bones["femur_r"].faces)
    return replace(found, placements=placements, offsets=offsets, maps=bones.maps, patella_path=path)


def _with_axes(shapes: Shapes, found: Learned, bones: BoneSpace) -> Learned:
    """With the scapula's axes found anew on the bones, about the joint that it has."""
    centres = found.regressor @ shapes.mean
    axes, _ = glide(bones, centres[JOINT_INDEX["scapula_r"]])
    return replace(found, default_pose=skeleton.default_pose(centres, found.frames, axes))


def _bare(people: People, shapes: Shapes, bones: BoneSpace, regressor: scipy.sparse.csr_matrix) -> Learned:
    """All but skin weights and correctives, of which the first are MakeHuman's and the latter none."""
    centres = regressor @ shapes.mean
    frames = skeleton.frames(centres, _forearm_axis(bones))
    scapular_axes, _ = glide(bones, centres[JOINT_INDEX["scapula_r"]])
    placements, offsets = _placements(people, bones)
    scale_pairs, scale_copies = scaling.pairs(Skin(shapes.mean, people.surface.faces), centres)
    return Learned(
        placements=placements,
        offsets=offsets,
        maps=bones.maps,
        regressor=regressor,
        frames=frames,
        default_pose=skeleton.default_pose(centres, frames, scapular_axes),
        skin_weights=scipy.sparse.csr_matrix(first_weights(people, shapes.mean, centres, bones)),
        posedirs=None,
        joints=None,
        patella_path=patella.path(bones, centres, frames, people.bones["femur_r"].faces),
        scale_pairs=scale_pairs,
        scale_copies=scale_copies,
    )


def with_skin(people: People, gender: str, shapes: Shapes, bare: Learned) -> Learned:
    """Skin weights and pose correctives learned for a skeleton that is learned already, as its file will have it.

    Those that `bare` has are not used, so that a file that was written before gives nearly the same.
    """
    kept = learned.as_kept(bare)
    centres = kept.regressor @ shapes.mean
    first = first_weights(people, shapes.mean, centres, bone_space_of(people, kept))
    body = Skel(
        assemble(people, gender, shapes, replace(kept, skin_weights=scipy.sparse.csr_matrix(first), posedirs=None))
    )
    rig = posed_people.rig_for(people, body)
    generator = np.random.default_rng(SEED)
    samples = []
    for k in training_people(shapes):
        q = training_poses(body, shapes.betas[k], POSES, generator)
        samples.append(posed_people.sample(body, rig, people.base(shapes, k), shapes.betas[k], q))

    def in_new_poses(turn: int) -> list[posed_people.Posed]:
        generator = np.random.default_rng([SEED, turn])
        known = shapes.betas[training_people(shapes, turn + 1)][: COVERED[0]]
        rare = random_shapes(COVERED[1], generator, WIDER)

        def poses(beta: np.ndarray) -> np.ndarray:
            return training_poses(body, beta, COVERED_POSES, generator, USUAL_COVERED, WHOLE_COVERED, TWICE)

        return [posed_people.pose_person(body, beta, poses(beta)) for beta in [*known, *rare]]

    blend = learn_weights(samples, first, shapes.mean, centres, people.surface.mirror, OTHER_SIDE)
    posedirs = learn_correctives(samples, blend, people.surface.mirror)
    features = np.concatenate([posed.features for posed in samples])
    mean = np.zeros(body.n_betas)
    standing = usual_poses(body, mean, USUAL, generator)
    usual = pose_features(posed_people.joint_motions(body, standing, mean)[..., :3])
    posedirs = covered(in_new_poses, features, usual, blend, posedirs, people.surface.faces, people.surface.mirror)
    given = regressors.regressed(kept.regressor, shapes.mean, shapes.directions)
    return replace(bare, skin_weights=scipy.sparse.csr_matrix(blend), posedirs=posedirs, joints=given)


def training_people(shapes: Shapes, turn: int = 0) -> np.ndarray:
    """The people whose posed skins are learned from, others in each turn."""
    return np.roll(np.random.default_rng(SEED).permutation(len(shapes.people)), -turn * POSED)[:POSED]


def place_in_people(people: People, shapes: Shapes) -> BoneSpace:
    """Bones placed in people spread evenly over the sample, as a bone space."""
    chosen = np.linspace(0, len(shapes.people) - 1, SUBJECTS).astype(int)
    names = tuple(people.bones)
    parts = np.repeat(np.arange(len(names)), [len(bone.vertices) for bone in people.bones.values()])
    placed = []
    for k in chosen:
        stage, sex, number = shapes.people[k]
        skin = Skin(shapes.skins[k], people.surface.faces)
        measures = body_measures.measure(skin, people.posed(stage, sex)[number][1], FEMININITY[sex])
        bones = placement.place(people.bones, people.marks, skin, measures)
        placed.append(np.concatenate([bones[name] for name in names]))
    return bone_space.learn(names, parts, np.array(placed), shapes.betas[chosen])


def _forearm_axis(bones: BoneSpace) -> np.ndarray:
    """The line that the right forearm turns about, to the elbow: from the head of the ulna to that of the radius."""
    ulna, radius = (bones.points(name) for name in ("ulna_r", "radius_r"))
    axis = placement.end_of(radius, [1, 0, 0]) - placement.end_of(ulna, [-1, 0, 0])
    return axis / np.linalg.norm(axis)


def _placements(people: People, bones: BoneSpace) -> tuple[np.ndarray, np.ndarray]:
    """Affine placements (P, 3, 4) of the template's bones, and what the mean body's bones differ from them (V, 3)."""
    placements = np.empty((len(bones.names), 3, 4))
    offsets = np.empty_like(bones.template)
    for part, name in enumerate(bones.names):
        source = np.column_stack([people.bones[name].vertices, np.ones(len(people.bones[name].vertices))])
        ids = bones.members(name)
        placements[part] = np.linalg.lstsq(source, bones.template[ids], rcond=None)[0].T
        offsets[ids] = bones.template[ids] - source @ placements[part].T
    return placements, offsets


def first_weights(people: People, mean: np.ndarray, centres: np.ndarray, bones: BoneSpace) -> np.ndarray:
    """(N, 24) weights of the skin from MakeHuman's, its bones mapped to SKEL's joints."""
    surface = people.surface
    levels = {name: float(middle[1]) for name, middle in joints.vertebrae(bones)}
    skin = mean[: len(surface.base_ids)]
    toes = weights.toes_share(skin, bones.points)
    own = weights.skin_weights(people.makehuman, surface.base_ids, skin, centres, levels, toes)
    caps = np.array([own[loop].mean(0) for loop in surface.caps])
    every = np.concatenate([own, caps])
    return (every + every[surface.mirror][:, OTHER_SIDE]) / 2


OTHER_SIDE = [
    JOINT_INDEX[name[:-1] + {"l": "r", "r": "l"}[name[-1]]] if name[-2:] in ("_l", "_r") else j
    for j, name in enumerate(JOINT_NAMES)
]
