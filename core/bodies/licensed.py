"""The user's own model files: the one of a kind and gender, in a folder or as a file."""

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import FileError, InputError, OsteonError
from ..exchange.named_arrays import read_named_arrays
from .load import LICENSED, OPEN_BODIES, OPEN_SMPL, Licensed, describe, load_body
from .model_file import gender_of


def licensed_body(where: str | Path | None, kinds: tuple[str, ...], gender: str, option: str) -> Any:
    """Loads the user's model, a `Skel` or `Smpl`, of one of some kinds and of a gender.

    Parameters
    ----------
    where: the model file; or a folder, to look through with all below it
    kinds: such as ("SMPL", "SMPL-H")
    gender: male, female or neutral; a file is also right, whatever its gender, for neutral, which SKEL has not, and when
        nothing tells its gender
    option: what the user gives `where` with, for errors

    Raises
    ------
    InputError
        When `where` is None.
    FileError
        When there is no such path, or no such model there; the error says where to get it.
    """
    wanted = " or ".join(kinds)
    if where is None:
        raise InputError(f"A {wanted} model is needed: give its file or folder with {option}; {_sources(kinds)}.")
    where = Path(where)
    check_there(where)
    if not where.is_dir():
        body = load_body(where)
        if body.kind not in kinds:
            raise FileError(f"The file {where} holds a {body.kind} model instead of {wanted}: {_sources(kinds)}.")
        if gender not in ("neutral", body.gender) and not _untold(where):
            raise FileError(f"The model {where} is {body.gender}, but the motion is {gender}: give the {gender} model.")
        return body
    found = find_model(where, kinds, gender)
    if found is not None:
        return load_body(found)
    hint = "name the file of another gender" if gender == "neutral" else _sources(kinds)
    raise FileError(f"There is no {gender} {wanted} model in {where}: {hint}.")


def _untold(where: Path) -> bool:
    """Whether neither a model file's content nor its name tells a gender."""
    return where.is_file() and not gender_of(read_named_arrays(where), where, "")


class Examined(NamedTuple):
    """What a file turned out to be."""

    path: Path
    kind: str  # SKEL, SMPL and so on; empty when it holds no sound body model
    gender: str
    what: str  # a line for people: what it is, or what is wrong with it


def examine(path: Path) -> Examined:
    """Reads a model file to see what it is; one that has not changed since is not read again.

    Raises
    ------
    FileError
        When there is no such file.
    """
    if not path.is_file():
        raise FileError(f"There is no file {path}: give the path of a model file.")
    status = path.stat()
    return _examined(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1000)
def _examined(path: Path, changed: int, size: int) -> Examined:
    try:
        body = load_body(path)
    except OsteonError as error:
        return Examined(path, "", "", str(error))
    return Examined(path, body.kind, body.gender, describe(body))


def missing(found: Sequence[Examined]) -> list[Licensed]:
    """What is still lacking beside some models: the other gender of SKEL, and kinds that are not there at all."""
    kinds = {model.kind for model in found}
    genders = {model.gender for model in found if model.kind == "SKEL"}
    skel = next(licensed for licensed in LICENSED if licensed.kind == "SKEL")
    other = [
        Licensed(f"SKEL {g}", f"skel_{g}.pkl", skel.site) for g in ("female", "male") if genders and g not in genders
    ]
    return other + [licensed for licensed in LICENSED if licensed.kind not in kinds]


def find_model(folder: Path, kinds: tuple[str, ...], gender: str) -> Path | None:
    """The first model file of one of some kinds and of a gender in a folder and below, None where there is none."""
    for path in model_files(folder):
        if gender_of({}, path) in (gender, "neutral"):
            found = examine(path)
            if found.kind in kinds and found.gender == gender:
                return path
    return None


def check_there(path: Path) -> None:
    """Raises FileError when a path is neither a file nor a folder nor the name of an open body."""
    if not os.path.exists(path) and str(path) not in (*OPEN_BODIES, *OPEN_SMPL):
        raise FileError(f"There is no file or folder {path}: give the path of a model file or a folder with such.")


def model_files(path: Path) -> list[Path]:
    """A file itself; of a folder, what may be a model in it and below."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in (".pkl", ".npz"))


def _sources(kinds: tuple[str, ...]) -> str:
    return "; ".join(
        f"{licensed.files}, from https://{licensed.site}" for licensed in LICENSED if licensed.kind in kinds
    )
