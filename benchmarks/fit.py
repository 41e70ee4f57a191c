"""How long fitting SKEL takes, shape and all, from a cold start: one still body, and a sequence.

`python benchmarks/fit.py [BODY]`. The official fitter needs 106 s for one body and 6 s a frame for 16 (two cores, no GPU).
"""

import sys
import time

import numpy as np
import torch
from osteon.core.bodies.load import load_skel
from osteon.core.fitting.surface import fit_skel

FRAMES = 500


def main() -> None:
    body = load_skel(sys.argv[1] if len(sys.argv) > 1 else "open-male")
    rng = np.random.default_rng(0)
    low, high = body.limits.T.copy()
    low[:3], high[:3] = -1, 1
    # Through six poses within the limits and back.
    stops = 0.6 * rng.uniform(low, high, (6, len(low)))
    stops = np.concatenate([stops, stops[:1]])
    at = np.linspace(0, 6, FRAMES)
    q = np.column_stack([np.interp(at, np.arange(7), column) for column in stops.T])
    betas = rng.standard_normal(10)
    skin = body(torch.as_tensor(q).float(), torch.as_tensor(betas).float()).skin
    for name, frames in (("one still body", 1), (f"{FRAMES} frames", FRAMES)):
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            fit = fit_skel(skin[:frames], body)
            seconds.append(time.perf_counter() - start)
        error = 1000 * fit.vertex_error.mean()
        print(
            f"{name}: {seconds[0]:.2f} s at first, {min(seconds):.2f} s at best, {frames / min(seconds):.0f} frames a second, "
            f"{error:.3f} mm, {fit.failed.sum()} failed"
        )


if __name__ == "__main__":
    main()
