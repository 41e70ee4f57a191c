"""STAR: SMPL's joints and skinning with pose correctives that stay near their joint and know the body's build.

The model of Osman, Bolkart and Black 2020, "STAR: Sparse Trained Articulated Human Body Regressor".
"""

from .rotations import Array, library
from .skinning import side_by_side
from .smpl import Smpl
from .smpl_file import N_FEATURES


class Star(Smpl):
    """A STAR body. Shape and pose parameters are not those of SMPL, though they look alike."""

    @staticmethod
    def _features(turns: Array, excess: Array, betas: Array) -> Array:
        """Quaternions of the joints but the root, less that of no rotation, and the second shape parameter (B, 93)."""
        batch = len(turns)
        of_joints = library(turns).concatenate([turns[:, 1:, :3], turns[:, 1:, 3:] - 1.0], 2)
        return side_by_side(batch, of_joints.reshape(batch, N_FEATURES["STAR"] - 1), betas[:, 1:2])
