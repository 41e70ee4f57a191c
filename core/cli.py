"""The command line: `osteon VERB ...`. Here are the verbs that need no Blender."""

import argparse
import ctypes
import json
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from . import jobs
from .assets import asset_folder
from .errors import OsteonError
from .exchange.folder import filling

_BODY_HELP = "open-neutral, open-female, open-male, open-child or a SKEL model file (default: %(default)s)"


class Verb(NamedTuple):
    """A verb of the command line.

    `run(options, progress)` does it and returns what `--json` prints; `show(answer)` is the same for people.
    """

    name: str
    help: str
    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, jobs.Progress], Any]
    show: Callable[[Any], str]


def main(arguments: Sequence[str] | None = None, more_verbs: Sequence[Verb] = ()) -> int:
    """Runs the command line and returns its exit code: 0, or 2 for wrong usage and for every `OsteonError`.

    Parameters
    ----------
    arguments: without the program's name; those of the process when None
    more_verbs: verbs from outside core; one of the same name replaces core's
    """
    verbs = {verb.name: verb for verb in (*VERBS, *more_verbs)}
    parser = argparse.ArgumentParser(
        prog="osteon", description="A biomechanically true skeleton inside a human body.", allow_abbrev=False
    )
    choices = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in verbs.values():
        added = choices.add_parser(
            verb.name, help=verb.help, description=verb.help, epilog=f"example: {verb.example}", allow_abbrev=False
        )
        verb.add_arguments(added)
        added.add_argument("--json", action="store_true", help="print the answer as JSON")
    try:
        options, left = parser.parse_known_args(arguments)
        # What argparse takes for "NAME ..." has to come before any option; names after one belong to the others.
        if left and (not hasattr(options, "names") or any(word.startswith("-") for word in left)):
            parser.error(f"unrecognized arguments: {' '.join(left)}")
        if left:
            options.names += left
    except SystemExit as stop:  # Blender's own command line wants a number back
        return int(stop.code or 0)
    verb = verbs[options.verb]
    bar = ProgressBar()
    try:
        with _library_output_hidden():
            answer = verb.run(options, bar)
    except OsteonError as error:
        bar.clear()
        print(f"osteon: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        bar.clear()
        print("osteon: stopped", file=sys.stderr)
        return 130
    bar.clear()
    print(json.dumps(answer, indent=2) if options.json else verb.show(answer))
    return 0


@contextmanager
def _library_output_hidden() -> Iterator[None]:
    """Keeps what libraries print from the terminal; it comes out when something unexpected is raised.

    Standard output goes to a file, in Python and below it; so does standard error below Python. What goes to
    `sys.stderr` still goes there: the progress bar and what is logged.
    """
    saved = {1: os.dup(1), 2: os.dup(2)}
    stderr = sys.stderr
    with tempfile.TemporaryFile() as log, warnings.catch_warnings(action="ignore"):
        sys.stdout.flush()
        _flush_native()
        if _is_on(stderr, 2):
            sys.stderr = os.fdopen(os.dup(2), "w", encoding=stderr.encoding)
        for number in saved:
            os.dup2(log.fileno(), number)
        try:
            with os.fdopen(os.dup(log.fileno()), "w", errors="replace") as hidden, redirect_stdout(hidden):
                yield
        except (OsteonError, KeyboardInterrupt):
            raise
        except BaseException:
            _flush_native()
            log.seek(0)
            os.write(saved[2], log.read())
            raise
        finally:
            _flush_native()
            for number, original in saved.items():
                os.dup2(original, number)
                os.close(original)
            if sys.stderr is not stderr:
                sys.stderr.close()
                sys.stderr = stderr


def _flush_native() -> None:
    """Writes out what C libraries hold back in their buffers."""
    ctypes.CDLL("ucrtbase" if os.name == "nt" else None).fflush(None)


def _is_on(stream: TextIO, number: int) -> bool:
    try:
        return stream.fileno() == number
    except (OSError, AttributeError):
        return False


class ProgressBar:
    """A bar on a terminal's standard error, for work that takes longer than two seconds."""

    after = 2.0

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._shown = False

    def __call__(self, fraction: float, text: str) -> None:
        if not sys.stderr.isatty() or time.monotonic() - self._start < self.after:
            return
        width = min(shutil.get_terminal_size().columns - 1, 79)
        done = round(20 * min(max(fraction, 0.0), 1.0))
        line = f"{'█' * done}{'░' * (20 - done)} {fraction:4.0%}  {text}"
        print(f"\r{line[:width]:{width}}", end="", file=sys.stderr, flush=True)
        self._shown = True

    def clear(self) -> None:
        """Takes the bar away."""
        if self._shown:
            print(f"\r{' ' * 79}\r", end="", file=sys.stderr, flush=True)
            self._shown = False


# image


def add_image_arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb `image` understands."""
    parser.add_argument("photo", metavar="PHOTO", help="the picture's file")
    parser.add_argument("-o", "--output", metavar="FOLDER", required=True, help="where the results go")
    parser.add_argument("--body", default="open-neutral", help=_BODY_HELP)
    parser.add_argument("--max-people", type=_positive, metavar="N", help="at most so many, the largest first")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 on")
    return int(text)


def image(
    options: argparse.Namespace,
    progress: jobs.Progress,
    read: Callable[[str], np.ndarray] | None = None,
    also: Callable[[dict[str, Any], Path], None] | None = None,
) -> dict[str, Any]:
    """Fits the people in a photo and writes angles.csv and a motion file for each person.

    Parameters
    ----------
    options, progress: see `Verb`
    read: reads the photo; `read_image` when None
    also: called with the job's result and the folder, to write more files there
    """
    from .bodies.load import load_skel
    from .exchange.angles import write_angles
    from .exchange.motion import Motion
    from .exchange.motion_files import save_motion

    with filling(options.output) as folder:
        picture = read(options.photo) if read else options.photo
        arguments = {"image": picture, "name": options.photo, "body": options.body, "max_people": options.max_people}
        result = jobs.run("image_to_skeleton", arguments, jobs.named.part(progress, 0.0, 0.8 if also else 1.0))
        people = result["people"]
        write_angles(folder / "angles.csv", [person["pose"] for person in people])
        body = load_skel(options.body)
        for number, person in enumerate(people, start=1):
            file = folder / (f"motion_{number}.npz" if len(people) > 1 else "motion.npz")
            motion = Motion(
                "skel", person["pose"][None], person["betas"], person["trans"][None], body.gender, body=body.name
            )
            save_motion(motion, file)
        if also:
            progress(0.8, "Building the scene")
            also(result, folder)
        files = sorted(file.name for file in folder.iterdir())
    return {
        "folder": options.output,
        "files": files,
        "focal": result["focal"],
        "people": [
            {
                "box": [round(float(v), 1) for v in person["box"]],
                "reprojection": round(person["reprojection"], 2),
                "relative_reprojection": round(person["relative_reprojection"], 4),
            }
            for person in people
        ],
        "seconds": result["seconds"],
    }


def show_image(answer: dict[str, Any]) -> str:
    """The answer of `image` for people."""
    lines = [
        f"person {number}: landmarks within {person['reprojection']:.1f} pixels "
        f"({person['relative_reprojection']:.1%} of the height)"
        for number, person in enumerate(answer["people"], start=1)
    ]
    return "\n".join([*lines, f"in {answer['folder']}: {', '.join(answer['files'])}"])


# convert


def _add_convert_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "motion", metavar="MOTION", help="AMASS .npz, SMPL .npz or .pkl, results of 4D-Humans or WHAM, SKEL"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        help="the motion to write, replaced if it is there: .npz, or .pkl of SKEL",
    )
    parser.add_argument("--to", choices=["skel", "smpl"], default="skel", help="the body of OUT (default: %(default)s)")
    parser.add_argument(
        "--smpl", metavar="PATH", help="SMPL or SMPL-H model file of the motion's gender, or a folder to look for it in"
    )
    parser.add_argument("--skel", metavar="PATH", help="SKEL model file of the motion's gender, or a folder")
    parser.add_argument("--fps", type=_rate, metavar="N", help="frames a second to write (default: as they are)")
    parser.add_argument(
        "--up", choices=["y", "z"], help="the file's axis that points up (default: by the kind of file)"
    )
    parser.add_argument(
        "--smoothness",
        type=float,
        default=0.0,
        metavar="S",
        help="how much angles that the skin hardly shows go with the frames around: 1 counts a change of velocity by ten "
        "degrees a frame like skin that is a centimetre off (default: 0, each frame for itself)",
    )
    parser.add_argument("--person", type=int, metavar="N", help="whom to take of several people, by the file's number")


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number of frames a second")
    return value


def _convert(options: argparse.Namespace, progress: jobs.Progress) -> dict[str, Any]:
    names = ("motion", "output", "to", "smpl", "skel", "up", "person", "fps", "smoothness")
    return jobs.run("convert_motion", {name: getattr(options, name) for name in names}, progress)


def _show_convert(answer: dict[str, Any]) -> str:
    written = f"{answer['output']}: {answer['frames']} frames at {answer['fps']:g} a second, {answer['gender']}"
    lines = [written]
    if answer["vertex_error"] is not None:
        lines.append(f"the skins are {1e3 * answer['vertex_error']:.1f} mm apart in the mean")
    if failed := answer["failed"]:
        some = ", ".join(map(str, failed[:10])) + (" ..." if len(failed) > 10 else "")
        frames = "1 frame" if len(failed) == 1 else f"{len(failed)} frames"
        lines.append(f"{frames} failed, somewhere more than 6 cm off: {some}")
    return "\n".join(lines)


# models


def _add_models_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", metavar="PATH", nargs="*", help="model files of yours, or folders with such, to check")


def _models(options: argparse.Namespace, progress: jobs.Progress) -> list[dict[str, Any]]:
    from .bodies.licensed import Examined, check_there, missing, model_files
    from .bodies.load import OPEN_BODIES, describe, load_body

    answer: list[dict[str, Any]] = []

    def add(name: str, file: str | Path, found: bool, what: str) -> None:
        answer.append({"name": name, "file": str(file), "found": found, "what": what})

    for file in [f"{name}.npz" for name in OPEN_BODIES] + ["pose_landmarker_heavy.task"]:
        path = asset_folder() / file
        add(path.stem, path, path.is_file(), "ships with Osteon")
    files = [file for path in map(Path, options.paths) for file in model_files(path)]
    examined: list[Examined] = []
    for k, path in enumerate(files):
        progress(k / len(files), path.name)
        try:
            check_there(path)
            body = load_body(path)
            examined.append(Examined(path, body.kind, body.gender, describe(body)))
        except OsteonError as error:
            examined.append(Examined(path, "", "", str(error)))
        add(path.stem, path, bool(examined[-1].kind), examined[-1].what)
    for licensed in missing(examined):
        where = f"not given: {licensed.files}, from https://{licensed.site}; then name the file or its folder here"
        add(licensed.kind, "", False, where)
    return answer


def _show_models(answer: list[dict[str, Any]]) -> str:
    width = max(len(model["name"]) for model in answer)
    lines = (f"{'+' if m['found'] else '-'} {m['name']:{width}}  {m['what']}  {m['file']}" for m in answer)
    return "\n".join(map(str.rstrip, lines))


# job


def _add_job_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(jobs.JOBS)}")
    parser.add_argument("arguments", metavar="ARGUMENTS", help="a file that osteon.core.jobs.write_values wrote")
    parser.add_argument("result", metavar="RESULT", help="the file to write")


def _job(options: argparse.Namespace, progress: jobs.Progress) -> dict[str, str]:
    arguments = jobs.read_values(options.arguments)
    jobs.write_values(options.result, jobs.run(options.name, arguments, progress))
    return {"result": options.result}


# bench


def _add_bench_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="WHAT", choices=["body"], help="body: how true bodies are to anatomy")
    parser.add_argument(
        "names", metavar="NAME", nargs="*", default=[], help="open bodies or SKEL model files; all open bodies if none"
    )
    parser.add_argument("--quick", action="store_true", help="look at few shapes and poses")
    parser.add_argument("--out", metavar="FOLDER", help="where report.md and report.json go")
    parser.add_argument("--processes", type=_positive, metavar="N", help="how many bodies are looked at at a time")


def _bench(options: argparse.Namespace, progress: jobs.Progress) -> dict[str, Any]:
    from .bodies.load import OPEN_BODIES
    from .learning.report.report import body_report, write

    names = options.names or OPEN_BODIES
    processes = options.processes or (1 if options.quick else min(os.cpu_count() or 1, 4))
    # Minutes of measuring are not for a folder that cannot be written.
    with filling(options.out) if options.out else nullcontext() as folder:
        reports = [
            body_report(name, options.quick, processes, jobs.named.part(progress, k / len(names), (k + 1) / len(names)))
            for k, name in enumerate(names)
        ]
        files = write(reports, folder) if folder else []
    return {"bodies": reports, "files": files}


def _show_bench(answer: dict[str, Any]) -> str:
    from .learning.report.report import text

    return text(answer["bodies"])


# train


def _add_train_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="WHAT", choices=["skel"], help="skel: the open bodies")
    parser.add_argument("names", metavar="NAME", nargs="*", default=[], help="open-male and so on; all if none")
    parser.add_argument(
        "--out", metavar="FOLDER", help="where the learned arrays go; where the build looks for them if not given"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="learn nothing, but hold what is there against people it was not learned from",
    )


def _train(options: argparse.Namespace, progress: jobs.Progress) -> dict[str, Any]:
    from .learning.report.tables import as_text
    from .learning.skel.train import check, train

    if options.check:
        tables = check(options.names, options.out and Path(options.out), progress)
        return {"tables": [table._asdict() for table in tables], "text": "\n\n".join(map(as_text, tables))}
    return {"files": [str(path) for path in train(options.names, options.out and Path(options.out), progress)]}


VERBS = (
    Verb(
        "image",
        "Fit the people in a photo; write their joint angles and motion files.",
        "osteon image photo.jpg -o out/",
        add_image_arguments,
        image,
        show_image,
    ),
    Verb(
        "convert",
        "Turn a SMPL or AMASS motion into a SKEL motion, or back, by fitting the one body's skin to the other's.",
        "osteon convert walk_poses.npz -o walk.npz --smpl models/ --skel models/ --fps 30",
        _add_convert_arguments,
        _convert,
        _show_convert,
    ),
    Verb(
        "models",
        "List the models that are found and missing, and where to get them; check model files.",
        "osteon models ~/models",
        _add_models_arguments,
        _models,
        _show_models,
    ),
    Verb(
        "job",
        "Run a named job from a file of arguments, as on a cluster.",
        "osteon job image_to_skeleton arguments.npz result.npz",
        _add_job_arguments,
        _job,
        lambda answer: answer["result"],
    ),
    Verb(
        "bench",
        "Judge bodies by anatomy: bones inside the skin, soft tissue, joints, dimensions.",
        "osteon bench body open-male --out report/",
        _add_bench_arguments,
        _bench,
        _show_bench,
    ),
    Verb(
        "train",
        "Learn the open bodies anew: bones in many people, joints, skin weights, pose correctives.",
        "osteon train skel open-neutral",
        _add_train_arguments,
        _train,
        lambda answer: answer["text"] if "text" in answer else "\n".join(answer["files"]),
    ),
)
