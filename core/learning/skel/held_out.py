"""A learned body against people that nothing was learned from: its joints, and its posed skin."""

from typing import NamedTuple

import numpy as np

from ...anatomy.joints import JOINT_INDEX
from ...bodies.skel import Skel
from ..inside import Skin
from ..report.tables import Table, number
from . import body_measures, correctives, joints, placement, posed_people
from .build import assemble, bone_space
from .learned import Learned
from .people import BODIES, FEMININITY, People, betas_of
from .training_poses import training_poses

SEED = 97
SIDE = [name for name in JOINT_INDEX if not name.endswith("_l")]


class Person(NamedTuple):
    base: np.ndarray  # (V, 3)
    skin: np.ndarray  # (N, 3) T pose
    rig: dict[str, np.ndarray]
    sex: str
    beta: np.ndarray  # (10,)


def new_people(people: People, gender: str, body: Skel, count: int) -> list[Person]:
    """People of a body's population, a key of `BODIES`, sexes in turn."""
    sexes, stage = BODIES[gender]
    generator = np.random.default_rng(SEED)
    found: list[list[Person]] = []
    for k, sex in enumerate(sexes):
        share = len(range(k, count, len(sexes)))
        found.append([])
        for base in people.sample(stage, sex, share, generator):
            skin, rig = people.t_posed(base)
            beta = betas_of(skin[None], body.data.skin_template, body.data.shapedirs)[0]
            found[-1].append(Person(base.astype(float), skin, rig, sex, beta))
    return [found[k % len(sexes)][k // len(sexes)] for k in range(count)]


def joint_misses(people: People, body: Skel, learned: Learned, persons: list[Person]) -> dict[str, np.ndarray]:
    """How far regressed joints lie from those of bones, metres, (P, 14) each: right side and midline, `SIDE`.

    The regressor sees a person's own skin. "bones": against the body's bones in the person's shape. "placed": against bones
    placed in that person anew, by the measures that the learning began with.
    """
    space = bone_space(people, learned)
    mean = body.template_joints
    scapula = joints.scapula_shares(mean[JOINT_INDEX["scapula_r"]], mean[JOINT_INDEX["humerus_r"]])
    rows = [JOINT_INDEX[name] for name in SIDE]
    found: dict[str, list[np.ndarray]] = {"bones": [], "placed": []}
    for person in persons:
        skin = Skin(person.skin, people.surface.faces)
        measures = body_measures.measure(skin, person.rig, FEMININITY[person.sex])
        placed = placement.place(people.bones, people.marks, skin, measures)
        given = body.data.joint_regressor @ person.skin
        for kind, template in (
            ("bones", space.at(person.beta[None])[0]),
            ("placed", np.concatenate([placed[name] for name in space.names])),
        ):
            there = space.moved(template, np.zeros_like(space.maps))
            points = joints.joint_points(there, people.marks)
            wanted = joints.joint_directions(there, points, scapula)[..., 0]
            found[kind].append(np.linalg.norm(given - wanted, axis=1)[rows])
    return {kind: np.array(rows) for kind, rows in found.items()}


def skin_misses(
    people: People, body: Skel, persons: list[Person], poses: int, about: str = "skel"
) -> dict[str, np.ndarray]:
    """How far the body's posed skin lies from the skin of anny's own rig, metres, (persons x poses, N).

    With all correctives, and without any. about: as in `posed_people.sample`
    """
    rig = posed_people.rig_for(people, body)
    generator = np.random.default_rng(SEED)
    samples = [
        posed_people.sample(body, rig, p.base, p.beta, training_poses(body, p.beta, poses, generator), about)
        for p in persons
    ]
    weights = body.data.skin_weights.toarray()
    return {
        "with correctives": correctives.errors(samples, weights, body.data.posedirs),
        "without": correctives.errors(samples, weights, None),
    }


def tables(people: People, gender: str, learned: Learned, persons: int, posed: int, poses: int) -> list[Table]:
    """What `osteon train skel --check` prints of a body: `persons` new people at rest, `posed` of them in so many poses."""
    body = Skel(assemble(people, gender, people.shapes(gender), learned))
    strangers = new_people(people, gender, body, persons)
    misses = joint_misses(people, body, learned, strangers)
    bones, placed = misses["bones"] * 1e3, misses["placed"] * 1e3
    rows = [
        [
            name,
            *(
                number(value)
                for d in (bones, placed)
                for value in (d[:, k].mean(), np.percentile(d[:, k], 95), d[:, k].max())
            ),
        ]
        for k, name in enumerate(SIDE)
    ]
    columns = ("joint", "to the body's bones, mean", "95 %", "most", "to bones placed anew, mean", "95 %", "most")
    notes = (f"Millimetres, {persons} people that nothing was learned from; the regressor sees each one's own skin.",)
    found = [Table(f"open-{gender}: joint regressors", columns, rows, notes)]
    rows = []
    for about, text in (("skel", "SKEL's joints, equal angles"), ("anny", "anny's joints, fitted angles")):
        for name, miss in skin_misses(people, body, strangers[:posed], poses, about).items():
            figures = (miss.mean(), np.percentile(miss, 95), np.percentile(miss, 99.9), miss.mean(1).max())
            rows.append([text, name, *(number(value * 1e3) for value in figures)])
    notes = (
        f"Millimetres between SKEL's posed skin and that of anny's own rig, {posed} new people in {poses} poses each.",
    )
    titles = ("anny's rig turns about", "SKEL", "mean", "95 %", "99.9 %", "mean of the worst pose")
    return [*found, Table(f"open-{gender}: posed skin", titles, rows, notes)]
