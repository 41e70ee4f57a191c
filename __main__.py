"""`osteon VERB ...` and `python -m osteon VERB ...`: the verbs of core, and with Blender at hand those that need it."""

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from typing import Any

from .core import cli, jobs
from .core.exchange.folder import filling


def _add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FOLDER", default="out/demo", help="default: %(default)s")


def _demo(options: argparse.Namespace, progress: jobs.Progress) -> dict[str, Any]:
    from .demo import run

    with filling(options.output) as folder:
        answer = run(folder, progress)
        files = sorted(file.name for file in folder.iterdir())
    return {"folder": options.output, "files": files, **answer}


def _show_demo(answer: dict[str, Any]) -> str:
    outside = ", ".join(answer["outside"]) or "none"
    rows = [
        ("people found", answer["people"]),
        ("reprojection", f"{answer['reprojection']:.1f} px, {answer['relative_reprojection']:.2%} of the box's height"),
        ("angles outside limits", outside),
        *((f"seconds: {stage}", f"{seconds:.1f}") for stage, seconds in answer["seconds"].items()),
        (f"in {answer['folder']}", ", ".join(answer["files"])),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


_DEMO = cli.Verb(
    "demo",
    "Turn a frame of a gymnast into a rigged skeleton in its body.",
    "osteon demo -o out/demo",
    _add_demo_arguments,
    _demo,
    _show_demo,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    if importlib.util.find_spec("bpy") is None:
        return cli.main(arguments)
    # Blender is loaded only for a verb that needs it.
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] != ["image"] or {"-h", "--help"} & set(given):
        return cli.main(given, (_DEMO,))
    from .operators.command import main as main_with_blender

    return main_with_blender(given, (_DEMO,))


if __name__ == "__main__":
    sys.exit(main())
