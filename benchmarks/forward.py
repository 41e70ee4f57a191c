"""Forward passes of Osteon and of body-models on the same made-up SKEL file, timed alternately in one process."""

import json
import statistics
import sys
import time
from pathlib import Path

import torch
from body_models.skel.torch import SKEL
from osteon.core import load_body

REPEATS = 9


def measure(path: Path) -> list[dict]:
    """Rows of what, batch, milliseconds of each (median) and the ratio, theirs over ours."""
    torch.set_grad_enabled(False)
    ours, theirs = load_body(path), SKEL(model_path=path, gender="male")
    generator = torch.Generator().manual_seed(0)
    rows = []
    for batch in (1, 16, 100):
        q = 0.3 * torch.randn(batch, 46, generator=generator)
        betas = torch.randn(batch, 10, generator=generator)
        body = torch.cat([q[:, :23], q[:, 26:]], 1)
        head = q[:, 23:26]
        shared = theirs.prepare_identity(betas[:1].expand(batch, -1))
        cases = {
            "skin": (lambda: ours(q, betas).skin, lambda: theirs.forward_vertices(body, head, shape=betas)),
            "skin, one shape": (
                lambda: ours(q, betas[:1]).skin,
                lambda: theirs.forward_vertices(body, head, identity=shared),
            ),
            "joints": (
                lambda: ours(q, betas, skin=False).joints,
                lambda: theirs.forward_skeleton(body, head, shape=betas)[..., :3, 3],
            ),
        }
        for name, (our_call, their_call) in cases.items():
            difference = (our_call() - their_call()).abs().max().item()
            times: tuple[list[float], list[float]] = ([], [])
            for _ in range(REPEATS):
                for kept, call in zip(times, (our_call, their_call), strict=True):
                    start = time.perf_counter()
                    call()
                    kept.append(time.perf_counter() - start)
            our_ms, their_ms = (1e3 * statistics.median(kept) for kept in times)
            rows.append(
                {
                    "what": name,
                    "batch": batch,
                    "osteon_ms": our_ms,
                    "body_models_ms": their_ms,
                    "ratio": their_ms / our_ms,
                    "max_difference_m": difference,
                }
            )
        if batch < 100:
            start = time.perf_counter()
            ours(q, betas[:1], skin=False, bones=True)
            rows.append({"what": "bones", "batch": batch, "osteon_ms": 1e3 * (time.perf_counter() - start)})
    return rows


if __name__ == "__main__":
    json.dump(measure(Path(sys.argv[1])), sys.stdout)
