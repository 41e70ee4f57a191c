"""Keeps bones under the skin in poses: where a posed bone comes out, the skin that lies over it is asked to give way.

What is asked for is added to the skins that correctives are learned from, and asked again of what they then give, so that
it is learned however firmly they are held.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from ..inside import Skin
from .skinning import Posed, blended, corrected

MARGIN = 0.003  # metres of skin that a posed bone should have over it
SPREAD = 0.015  # metres, how far around it the skin gives way
NEAR = 0.12  # metres at rest; skin farther away is another part of the body, which only touches
GAIN = 1.4


class Cover:
    """The skin's neighbourhoods at rest."""

    def __init__(self, skin: np.ndarray, faces: np.ndarray) -> None:
        self.faces = faces
        pairs = cKDTree(skin).query_pairs(2.5 * SPREAD, output_type="ndarray")
        weight = np.exp(-0.5 * (np.linalg.norm(skin[pairs[:, 0]] - skin[pairs[:, 1]], axis=1) / SPREAD) ** 2)
        own = np.arange(len(skin))
        self.source = np.concatenate([pairs[:, 0], pairs[:, 1], own])
        self.to = np.concatenate([pairs[:, 1], pairs[:, 0], own])
        self.weight = np.concatenate([weight, weight, np.ones(len(own))])

    def pushed(
        self, samples: list[Posed], weights: np.ndarray, posedirs: np.ndarray
    ) -> Iterator[tuple[Posed, np.ndarray]]:
        """The samples with what the model's skins lack over bones added to their goals, and the worst lack of each pose."""
        for posed in samples:
            skin, matrices = blended(posed, weights)
            skin += corrected(posed, matrices, posedirs)
            goals, worst = posed.goals.copy(), np.zeros(len(skin))
            for k, points in enumerate(posed.bones):
                push = self.push(skin[k], points, posed)
                worst[k] = np.linalg.norm(push, axis=1).max()
                goals[k] += GAIN * push
            yield replace(posed, goals=goals), worst

    def push(self, skin: np.ndarray, bones: np.ndarray, posed: Posed) -> np.ndarray:
        """(N, 3) metres by which each vertex of a posed skin should move outwards so that it covers the bones."""
        surface = Skin(skin, self.faces)
        distance, nearest = cKDTree(skin).query(bones, distance_upper_bound=NEAR)
        found = np.flatnonzero(np.isfinite(distance))
        nearest = nearest[found]
        depth = ((skin[nearest] - bones[found]) * surface.vertex_normals[nearest]).sum(1)
        same = np.linalg.norm(posed.skin[nearest] - posed.resting_bones[found], axis=1) < NEAR
        lacking = (depth < MARGIN) & same
        found, nearest, lack = found[lacking], nearest[lacking], MARGIN - depth[lacking]
        most = np.zeros(len(skin))
        np.maximum.at(most, nearest, lack)
        # One point for each skin vertex, the one that lacks most; what a fold only makes seem outside is left out.
        order = np.argsort(lack)
        worst_of = np.full(len(skin), -1)
        worst_of[nearest[order]] = found[order]
        outside = np.flatnonzero(most > MARGIN)
        most[outside[surface.winding(bones[worst_of[outside]]) > 0.5]] = 0
        spread = np.zeros(len(skin))
        active = most[self.source] > 0
        np.maximum.at(spread, self.to[active], self.weight[active] * most[self.source[active]])
        return spread[:, None] * surface.vertex_normals
