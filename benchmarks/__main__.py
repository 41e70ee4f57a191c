"""`make bench`: Osteon against body-models on the same machine in the same run; the ratio counts, not the milliseconds.

body-models needs a newer numpy than Blender has, so it gets an environment of its own in build/bench.
"""

import json
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "build" / "bench"
PEERS = ["body-models==0.26.2", "torch==2.13.0", "scipy", "trimesh"]


def environment() -> Path:
    """The Python of the environment with the peer and Osteon in it; made on the first call."""
    folder = BENCH / "venv"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "setuptools>=77", *PEERS], check=True)
        editable = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *editable], check=True)
        (folder / "ready").touch()
    return python


def skel_model() -> Path:
    """A made-up SKEL file of the official size; no licensed data."""
    return _made("skel_male.pkl", "synthetic_skel.py", "--seed", "11", "--nk", "247252", "--gender", "male")


def smpl_model() -> Path:
    """A made-up SMPL file; no licensed data."""
    return _made("smpl/SMPL_MALE.pkl", "synthetic_smpl.py", "--seed", "21")


def _made(name: str, script: str, *options: str) -> Path:
    path = BENCH / name
    if not path.exists():
        script_path = ROOT / "tests" / "core" / "bodies" / script
        subprocess.run([sys.executable, script_path, "--out", BENCH, *options], check=True)
    return path


def rows(script: str, path: Path) -> list[dict]:
    """What a script of this folder measures on a model file."""
    command = [environment(), ROOT / "benchmarks" / script, path]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main() -> None:
    skel, smpl = rows("forward.py", skel_model()), rows("smpl.py", smpl_model())
    print("Forward passes, float32, in torch.inference_mode():")
    print(f"{'':35} {'batch':>5} {'Osteon':>10} {'body-models':>12} {'times faster':>13} {'difference':>11}")
    for row in skel + smpl:
        line = f"{row['what']:35} {row['batch']:5} {row['osteon_ms']:7.1f} ms"
        if "ratio" in row:
            line += f" {row['body_models_ms']:9.1f} ms {row['ratio']:13.1f} {1e6 * row['max_difference_m']:8.1f} um"
        if "over_skin" in row:
            line += f" {row['over_skin']:.2f} times the skin alone"
        print(line)
    print("\nOver the bare matrix products of SMPL's skin, and over those without the vertices' own:")
    for row in smpl:
        print(f"{'':35} {row['batch']:5} {row['over_bare']:10.2f} {row['over_bare_no_vertices']:12.2f}")
    print("\nFits of SKEL, shape and all:", flush=True)
    subprocess.run([environment(), ROOT / "benchmarks" / "fit.py"], check=True)


if __name__ == "__main__":
    main()
