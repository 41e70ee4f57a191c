"""How long fitting SKEL takes, shape and all, from a cold start: one still body, a sequence, and the memory of a long one.

`python benchmarks/fit.py [BODY]`. The official fitter needs 106 s for one body and 6 s a frame for 16 (two cores, no GPU).
"""

import resource
import sys
import time

import numpy as np
import torch
from osteon.core.bodies.load import load_skel
from osteon.core.bodies.skel import Skel
from osteon.core.fitting.surface import fit_skel

FRAMES, LONG = 500, 3000
REPEATS = 3


class Surfaces:
    """Through six poses within the limits and back; posed when asked for, as a file's frames are read."""

    def __init__(self, body: Skel, frames: int) -> None:
        rng = np.random.default_rng(0)
        low, high = body.limits.T.copy()
        low[:3], high[:3] = -1, 1
        stops = 0.6 * rng.uniform(low, high, (6, len(low)))
        stops = np.concatenate([stops, stops[:1]])
        at = np.linspace(0, 6, frames)
        self.body = body
        self.q = torch.as_tensor(np.column_stack([np.interp(at, np.arange(7), column) for column in stops.T])).float()
        self.betas = torch.as_tensor(rng.standard_normal(10)).float()
        self.shape = frames, body.n_skin, 3

    @torch.inference_mode()
    def __getitem__(self, frames: np.ndarray | slice) -> np.ndarray:
        return self.body(self.q[frames], self.betas).skin.numpy()


def main() -> None:
    body = load_skel(sys.argv[1] if len(sys.argv) > 1 else "open-male")
    loaded = _peak()
    for name, frames, repeats in (
        ("one still body", 1, REPEATS), (f"{FRAMES} frames", FRAMES, REPEATS), (f"{LONG} frames", LONG, 1)
    ):  # fmt: skip
        surfaces: Surfaces | np.ndarray = Surfaces(body, frames)
        if frames != LONG:
            surfaces = surfaces[:]
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            fit = fit_skel(surfaces, body)
            seconds.append(time.perf_counter() - start)
        error = 1000 * fit.vertex_error.mean()
        print(
            f"{name}: {seconds[0]:.2f} s at first, {min(seconds):.2f} s at best, {frames / min(seconds):.0f} frames a second, "
            f"{error:.3f} mm, {fit.failed.sum()} failed"
        )
    print(f"at most {_peak():.2f} GB of memory, {loaded:.2f} GB before the first fit")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
