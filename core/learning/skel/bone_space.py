"""How the bones change with the body's shape: each bone is moved by an affine map that is linear in the betas.

The bones placed in many people are regressed on their betas; what is left of each bone's change is the affine map nearest to
it, so that a bone keeps its surface. People are symmetric: only the right side and the midline are learned.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse
from scipy.spatial import cKDTree

RIDGE = 1e-5  # of a bone's size, squared; how firmly nothing changes in directions in which it is thin
# Bones that change together, so that joints between them stay as they are.
TOGETHER = (("tibia_r", "fibula_r"), ("ulna_r", "radius_r"))


@dataclass(frozen=True)
class BoneSpace:
    """The right side's and midline's bones in the T pose, P parts; metres, SMPL's axes."""

    names: tuple[str, ...]
    parts: np.ndarray  # (V,) which part a vertex belongs to
    template: np.ndarray  # (V, 3) in the mean body
    maps: np.ndarray  # (P, 3, 4, 10) change per beta: x -> x + (maps @ beta) [x; 1]

    def at(self, betas: np.ndarray, ids: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(S, v, 3) the vertices `ids` in the shapes betas (S, 10)."""
        points = self.template[ids]
        change = np.einsum("pack,sk->spac", self.maps, betas)[:, self.parts[ids]]
        return points + np.einsum("svac,vc->sva", change[..., :3], points) + change[..., 3]

    def members(self, name: str) -> np.ndarray:
        """The ids of a part's vertices."""
        return np.flatnonzero(self.parts == self.names.index(name))

    def points(self, name: str) -> np.ndarray:
        """(v, 3) a part's vertices in the mean body."""
        return self.template[self.members(name)]

    def only(self, name: str) -> "BoneSpace":
        """A single part by itself."""
        points = self.points(name)
        return BoneSpace((name,), np.zeros(len(points), int), points, self.maps[[self.names.index(name)]])

    def with_part(self, alone: "BoneSpace") -> "BoneSpace":
        """With a part that was moved by itself."""
        (name,) = alone.names
        template, maps = self.template.copy(), self.maps.copy()
        template[self.members(name)], maps[self.names.index(name)] = alone.template, alone.maps[0]
        return self.moved(template, maps)

    def moved(self, template: np.ndarray | None = None, maps: np.ndarray | None = None) -> "BoneSpace":
        """With another template or other maps."""
        return replace(
            self,
            template=self.template if template is None else template,
            maps=self.maps if maps is None else maps,
        )


def learn(names: tuple[str, ...], parts: np.ndarray, placed: np.ndarray, betas: np.ndarray) -> BoneSpace:
    """The bone space of people (S, 10) whose bones were placed at (S, V, 3)."""
    count = len(placed)
    design = np.column_stack([np.ones(count), betas])
    coefficients = np.linalg.lstsq(design, placed.reshape(count, -1), rcond=None)[0].reshape(-1, *placed.shape[1:])
    template, directions = coefficients[0], coefficients[1:]
    maps = np.empty((len(names), 3, 4, betas.shape[1]))
    together = {name: group for group in TOGETHER for name in group}
    for part, name in enumerate(names):
        group = [names.index(n) for n in together.get(name, (name,))]
        ids = np.flatnonzero(np.isin(parts, group))
        maps[part] = affine(template[ids], directions[:, ids])
    return BoneSpace(names, parts, template, maps)


def affine(points: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(3, 4, K) the affine maps nearest to K displacements (K, n, 3) of points (n, 3).

    Thin bones leave directions open in which nothing is known; there the map does nothing.
    """
    middle = points.mean(0)
    local = np.column_stack([points - middle, np.ones(len(points))])
    size = np.sqrt((local[:, :3] ** 2).mean(0)).max()
    ridge = RIDGE * len(points) * size**2 * np.diag([1, 1, 1, 0])
    solution = np.linalg.solve(local.T @ local + ridge, np.einsum("nc,kna->cka", local, directions).reshape(4, -1))
    linear = solution.reshape(4, len(directions), 3).transpose(2, 0, 1)
    linear[:, 3] -= np.einsum("ack,c->ak", linear[:, :3], middle)
    return linear


def turned_and_lengthened(along: np.ndarray, miss: np.ndarray) -> np.ndarray:
    """(3, 3, K) linear maps that take the end of a rod to where it should be, by turning and lengthening the rod.

    Of all maps that do, those that shear it least. To first order: small turns.

    along: (3,) from one end to the other, metres
    miss: (3, K) by how much the other end should move
    """
    along = along / (along @ along)
    aside = miss - np.outer(along, along @ miss) / (along @ along)
    return np.einsum("ak,c->ack", miss, along) - np.einsum("a,ck->ack", along, aside)


def spreading(points: np.ndarray, reach: float) -> scipy.sparse.csr_matrix:
    """(n, n) what each point takes over of its neighbours' moves: their mean over about `reach` metres.

    Shared out so that a lone point that moves does not take all others with it, and still moves.
    """
    pairs = cKDTree(points).query_pairs(2 * reach, output_type="ndarray")
    distance = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    weight = np.exp(-0.5 * (distance / reach) ** 2)
    n = len(points)
    rows, columns = np.concatenate([pairs, pairs[:, ::-1]]).T
    matrix = scipy.sparse.coo_matrix((np.tile(weight, 2), (rows, columns)), shape=(n, n)).tocsr() + scipy.sparse.eye(n)
    share = scipy.sparse.diags(1 / np.asarray(matrix.sum(1)).ravel() ** 0.5)
    return share @ matrix @ share


def symmetric(moves: np.ndarray, twin: np.ndarray) -> np.ndarray:
    """Moves (n, 3) of a bone on the midline such that both sides do what the one that moves more does.

    twin: (n,) the vertex of the other side
    """
    other = moves[twin] * [-1, 1, 1]
    both = (moves + other) / 2
    size, size_other = (moves**2).sum(1), (other**2).sum(1)
    one_sided = (size > 2 * size_other) | (size_other > 2 * size)  # as by bones, of which only the right ones ask
    larger = np.where((size >= size_other)[:, None], moves, other)
    return np.where(one_sided[:, None], larger, both)
