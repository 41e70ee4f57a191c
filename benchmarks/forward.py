"""Forward passes of Osteon and of body-models on the same made-up SKEL file, timed alternately in one process."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from body_models.skel.torch import SKEL
from osteon.core import load_body
from osteon.core.bodies.skel import Skel

REPEATS = 9
WARM = 0.02

Call = Callable[[], torch.Tensor]


def cases(ours: Skel, theirs: SKEL, batch: int) -> dict[str, tuple[Call, Call]]:
    """What both compute, by name."""
    generator = torch.Generator().manual_seed(0)
    q = 0.3 * torch.randn(batch, 46, generator=generator)
    betas = torch.randn(batch, 10, generator=generator)
    body, head = torch.cat([q[:, :23], q[:, 26:]], 1), q[:, 23:26]
    shared = theirs.prepare_identity(betas[:1].expand(batch, -1))
    return {
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


def seconds(*calls: Call, repeats: int = REPEATS) -> list[float]:
    """The shortest time of each call, the calls alternating: whatever else the machine does only adds to it.

    Each follows WARM seconds of its own kind, so that none pays for what another left in the cache: after one call of a
    single body, half of it is still the other's.
    """
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for kept, call in zip(times, calls, strict=True):
            warm = time.perf_counter() + WARM
            call()
            while time.perf_counter() < warm:
                call()
            start = time.perf_counter()
            call()
            kept.append(time.perf_counter() - start)
    return [min(kept) for kept in times]


def with_bones(body: Skel) -> list[dict]:
    """Rows of batch, milliseconds of skin with bones, and how many times those of the skin alone."""
    rows = []
    for batch in (1, 100):
        generator = torch.Generator().manual_seed(0)
        q, betas = 0.3 * torch.randn(batch, 46, generator=generator), torch.randn(batch, 10, generator=generator)

        def skin(q=q, betas=betas) -> torch.Tensor:
            return body(q, betas).skin

        def both(q=q, betas=betas) -> torch.Tensor:
            return body(q, betas, bones=True).bones

        alone, together = seconds(skin, both, repeats=4 * REPEATS)
        what = f"skin and {len(body.data.bone_template):,} bone vertices"
        rows.append({"what": what, "batch": batch, "osteon_ms": 1e3 * together, "over_skin": together / alone})
    return rows


@torch.inference_mode()
def measure(path: Path) -> list[dict]:
    """Rows of what, batch, milliseconds of each and the ratio, theirs over ours."""
    ours, theirs = load_body(path), SKEL(model_path=path, gender="male")
    rows = []
    for batch in (1, 16, 100):
        for name, (our_call, their_call) in cases(ours, theirs, batch).items():
            difference = (our_call() - their_call()).abs().max().item()
            our_time, their_time = seconds(our_call, their_call)
            rows.append(
                {
                    "what": name,
                    "batch": batch,
                    "osteon_ms": 1e3 * our_time,
                    "body_models_ms": 1e3 * their_time,
                    "ratio": their_time / our_time,
                    "max_difference_m": difference,
                }
            )
    return rows + with_bones(load_body("open-neutral")) + with_bones(ours)


if __name__ == "__main__":
    json.dump(measure(Path(sys.argv[1])), sys.stdout)
