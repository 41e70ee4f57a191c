"""SMPL's skin: Osteon, body-models and the bare matrix products, timed alternately in one process on a made-up model.

The bare products are what no way of computing does without when matrices are dense: shape directions, pose correctives,
blended transforms, and each vertex by its own transform. "no vertices" leaves the last out.
"""

import json
import sys
from pathlib import Path

import torch
from body_models.smpl.torch import SMPL
from forward import REPEATS, Call, seconds
from osteon.core import load_body
from osteon.core.bodies.smpl import Smpl


def bare(body: Smpl, batch: int) -> tuple[Call, Call]:
    """The bare products of a batch, with and without those of the vertices."""
    generator = torch.Generator().manual_seed(1)
    n = body.n_skin
    shapedirs = torch.tensor(body.data.shapedirs.reshape(3 * n, -1).T.copy(), dtype=torch.float32)
    posedirs = torch.tensor(body.data.posedirs.reshape(3 * n, -1).T.copy(), dtype=torch.float32)
    weights = torch.tensor(body.data.skin_weights.toarray(), dtype=torch.float32)
    betas, features, transforms, vertices = (
        torch.randn(batch, *size, generator=generator)
        for size in ((len(shapedirs),), (len(posedirs),), (weights.shape[1], 12), (n, 3, 1))
    )

    def without() -> torch.Tensor:
        betas @ shapedirs
        features @ posedirs
        return weights @ transforms

    return lambda: without().unflatten(2, (3, 4))[..., :3] @ vertices, without


@torch.inference_mode()
def measure(path: Path) -> list[dict]:
    """Rows of batch, milliseconds of each, Osteon over bare products, body-models over Osteon."""
    ours, theirs = load_body(path), SMPL(model_path=path)
    rows = []
    for batch in (1, 100):
        generator = torch.Generator().manual_seed(0)
        pose, betas = 0.3 * torch.randn(batch, 72, generator=generator), torch.randn(batch, 10, generator=generator)
        joints = pose.unflatten(1, (24, 3))

        def our_skin(pose=pose, betas=betas) -> torch.Tensor:
            return ours(pose, betas).skin

        def their_skin(joints=joints, betas=betas) -> torch.Tensor:
            return theirs.forward_vertices(joints[:, 1:], pelvis_rotation=joints[:, 0], shape=betas)

        difference = (our_skin() - their_skin()).abs().max().item()
        calls = our_skin, their_skin, *bare(ours, batch)
        our_time, their_time, bare_time, less_time = seconds(*calls, repeats=REPEATS * 100 // (batch + 9))
        rows.append(
            {
                "what": "SMPL skin",
                "batch": batch,
                "osteon_ms": 1e3 * our_time,
                "body_models_ms": 1e3 * their_time,
                "ratio": their_time / our_time,
                "max_difference_m": difference,
                "over_bare": our_time / bare_time,
                "over_bare_no_vertices": our_time / less_time,
            }
        )
    return rows


if __name__ == "__main__":
    json.dump(measure(Path(sys.argv[1])), sys.stdout)
