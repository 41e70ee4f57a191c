"""How long fitting SKEL takes and how near it comes, shape and all, from a cold start; and the memory of a long sequence.

`python benchmarks/fit.py`. To surfaces of its own, which can be met exactly; to those of a SMPL body, which cannot; and to the
made-up SMPL body that the official fitter was run on. That one needs 106 s for one frame and 6 s a frame for 16 (two cores, no
GPU), and leaves what `tests/core/fitting/golden` says.
"""

import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from osteon.core.bodies.load import load_body, load_skel
from osteon.core.bodies.skel import Skel
from osteon.core.bodies.skel_file import skel_from_content
from osteon.core.bodies.smpl import Smpl
from osteon.core.bodies.smpl_file import smpl_from_content
from osteon.core.fitting.surface import fit_skel

TESTS = Path(__file__).resolve().parent.parent / "tests" / "core"
sys.path.append(str(TESTS / "bodies"))
SEED = 51  # of the made-up bodies and their motion
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


def official() -> tuple[Skel, dict[int, np.ndarray], dict[int, float]]:
    """The body that the official fitter was run with; surfaces (F, N, 3), and the metres that it leaves, by the frames."""
    from synthetic_smpl import make_fit_models

    skel, smpl = make_fit_models(SEED)
    body, of_smpl = (
        Skel(skel_from_content(skel, Path("skel_male.pkl"))),
        Smpl(smpl_from_content(smpl, Path("SMPL_MALE.pkl"))),
    )
    surfaces, left = {}, {}
    for frames in (1, 16):
        golden = np.load(TESTS / "fitting" / "golden" / f"skel_fit_{SEED}_f{frames}.npz")
        surfaces[frames] = posed(of_smpl, golden["smpl_poses"], golden["betas"], golden["smpl_trans"])
        left[frames] = golden["vertex_mm_mean"].mean() / 1000
    return body, surfaces | {FRAMES: posed(of_smpl, *sequence(FRAMES))}, left


def sequence(frames: int) -> tuple[np.ndarray, ...]:
    """Poses (F, 72), shape (1, 10) and places (F, 3) of a moving SMPL body, as the official fitter was given them."""
    from synthetic_smpl import fit_sequence

    return fit_sequence(SEED, frames)


@torch.inference_mode()
def posed(body: Smpl, poses: np.ndarray, betas: np.ndarray, trans: np.ndarray) -> np.ndarray:
    """(F, N, 3) the skins of a SMPL body."""
    shape = torch.as_tensor(betas).float()
    parts = zip(*(torch.as_tensor(values).float().split(100) for values in (poses, trans)), strict=True)
    return np.concatenate([body(some, shape, there).skin.numpy() for some, there in parts])


def timed(
    what: str, body: Skel, surfaces: Surfaces | np.ndarray, repeats: int = REPEATS, *, limits: bool = True
) -> None:
    """Fits and prints a line."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        fit = fit_skel(surfaces, body, limits=limits)
        seconds.append(time.perf_counter() - start)
    frames = len(fit.pose)
    print(
        f"{what + ',':40} {frames:4} frames: {min(seconds):6.2f} s ({seconds[0]:.2f} at first), "
        f"{frames / min(seconds):5.1f} a second, {1000 * fit.vertex_error.mean():.3f} mm, {fit.failed.sum()} failed",
        flush=True,
    )


def main() -> None:
    body = load_skel("open-male")
    loaded = _peak()
    for frames in (1, FRAMES):
        timed("open-male to its own skin", body, Surfaces(body, frames)[:])
    timed("open-male to its own skin", body, Surfaces(body, LONG), 1)
    print(f"at most {_peak():.2f} GB of memory, {loaded:.2f} GB before the first fit")
    skel, surfaces, left = official()
    smpl = load_body("open-smpl-male")
    assert isinstance(smpl, Smpl)
    timed("open-male to open-smpl-male", body, posed(smpl, *sequence(FRAMES)))
    for frames, skins in surfaces.items():
        timed("made-up SKEL to SMPL", skel, skins)
        if frames in left:
            timed("made-up SKEL to SMPL, without limits", skel, skins, limits=False)
            print(
                f"{'':40} {frames:4} frames: the official fitter leaves {1000 * left[frames]:.3f} mm, knowing no limits"
            )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
