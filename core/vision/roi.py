"""The turned square in which BlazePose looks at one person."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Roi:
    """A square in the picture: middle (2,) and side in pixels, and the angle of the crop's x axis in it.

    At angle 0 the crop is upright; at +pi/2 its x axis points down in the picture: a person lies with the head to the
    right.
    """

    centre: np.ndarray
    side: float
    angle: float

    @classmethod
    def from_points(cls, hip: np.ndarray, top: np.ndarray) -> "Roi":
        """The square around a person with the mid hip `hip` (2,), and `top` (2,) at the reach of the body, in pixels.

        The person's circle has the radius |top - hip|; the square is a quarter wider, as BlazePose was trained.
        """
        dx, dy = top[0] - hip[0], top[1] - hip[1]
        return cls(np.asarray(hip, float), 2 * 1.25 * float(np.hypot(dx, dy)), float(np.arctan2(dx, -dy)))

    @property
    def axes(self) -> np.ndarray:
        """(2, 2): the crop's x and y axes in the picture, as columns."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, -s], [s, c]])

    @property
    def top(self) -> np.ndarray:
        """(2,): the point that `from_points` was given as `top`."""
        return self.centre - self.axes[:, 1] * self.side / 2.5

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Crop coordinates (..., 2), from 0 to 1 across the square, to pixels of the picture."""
        return self.centre + (points - 0.5) * self.side @ self.axes.T

    def to_crop(self, points: np.ndarray) -> np.ndarray:
        """Pixels of the picture (..., 2) to crop coordinates; undoes `to_image`."""
        return (points - self.centre) @ self.axes / self.side + 0.5

    def distance(self, other: "Roi") -> float:
        """How far apart two squares' middles and tops are, as a share of the smaller person's radius."""
        far = np.linalg.norm(self.centre - other.centre) + np.linalg.norm(self.top - other.top)
        return float(far / 2 / max(min(self.side, other.side) / 2.5, 1e-9))
