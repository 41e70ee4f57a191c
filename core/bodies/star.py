"""STAR: SMPL's joints and skinning with pose correctives that stay near their joint and know the body's build.

The model of Osman, Bolkart and Black 2020, "STAR: Sparse Trained Articulated Human Body Regressor".
"""

import torch
from torch import Tensor

from .smpl import Smpl


class Star(Smpl):
    """A STAR body. Shape and pose parameters are not those of SMPL, though they look alike."""

    @staticmethod
    def _features(turns: Tensor, excess: Tensor, betas: Tensor) -> Tensor:
        """Quaternions of the joints but the root, less that of no rotation, and the second shape parameter (B, 93)."""
        still = turns.new_tensor([0.0, 0.0, 0.0, 1.0])
        return torch.cat([(turns[:, 1:] - still).flatten(1), betas[:, 1:2].expand(len(turns), 1)], 1)
