"""Finds out what a model file holds and loads it."""

from pathlib import Path
from typing import NamedTuple

from ..assets import asset_path
from ..errors import FileError, InputError
from ..exchange.named_arrays import read_named_arrays
from .open_smpl import smpl_from_skel
from .skel import Skel
from .skel_file import is_skel, skel_from_content
from .smpl import Smpl
from .smpl_file import is_smpl, smpl_from_content
from .star import Star

OPEN_BODIES = ("open-neutral", "open-female", "open-male", "open-child")
OPEN_SMPL = tuple(name.replace("open", "open-smpl") for name in OPEN_BODIES)


class Licensed(NamedTuple):
    """A kind of model that users get for themselves."""

    kind: str
    files: str
    site: str


LICENSED = (
    Licensed("SKEL", "skel_male.pkl and skel_female.pkl, version 1.1.1", "skel.is.tue.mpg.de"),
    Licensed("SMPL", "SMPL for Python, version 1.0.0 or 1.1.0, .pkl", "smpl.is.tue.mpg.de"),
    Licensed("STAR", "STAR 1.0 or 1.1, model.npz of each gender", "star.is.tue.mpg.de"),
    Licensed("SMPL-H", "the extended SMPL+H model for AMASS, model.npz of each gender", "mano.is.tue.mpg.de"),
    Licensed("SMPL-X", "SMPL-X 1.0 or 1.1, SMPLX_*.npz", "smpl-x.is.tue.mpg.de"),
)


def load_body(name: str | Path) -> Skel | Smpl:
    """Loads a body model: a `Skel`, `Smpl` or `Star`.

    Parameters
    ----------
    name: "open-neutral", "open-female", "open-male" or "open-child" for a body that ships with Osteon,
        "open-smpl-neutral" and so on for the same in SMPL's schema, or the path of a SKEL, SMPL, STAR, SMPL-H or SMPL-X
        model file, pickle or .npz, recognised by what is in it

    Raises
    ------
    AssetError
        When an open body is not installed.
    FileError
        When the file is missing, unsafe, damaged or no body model.
    InputError
        When the name is neither an open body nor a file.

    Examples
    --------
    >>> body = load_body("open-neutral")
    >>> body(torch.zeros(1, 46)).joints.shape
    torch.Size([1, 24, 3])
    """
    if str(name) in OPEN_SMPL:
        skel = load_skel(str(name).replace("-smpl", ""))
        return Smpl(smpl_from_skel(skel), str(name))
    if str(name) in OPEN_BODIES:
        path = asset_path(f"{name}.npz")
    else:
        path = Path(name)
        if not path.is_file() and not path.suffix:
            raise InputError(
                f"There is no body named {name}: choose {', '.join((*OPEN_BODIES, *OPEN_SMPL))} or the path of a "
                "model file."
            )
    content = read_named_arrays(path)
    if is_skel(content):
        return Skel(skel_from_content(content, path), path.stem)
    if is_smpl(content):
        data = smpl_from_content(content, path)
        return Star(data) if data.kind == "STAR" else Smpl(data)
    kinds = ", ".join(licensed.kind for licensed in LICENSED)
    raise FileError(f"The file {path} holds no body model that Osteon knows: choose a file of one of {kinds}.")


def load_skel(name: str | Path) -> Skel:
    """Loads a body as `load_body` does, where only SKEL will do.

    Raises
    ------
    AssetError, FileError, InputError
        As `load_body`, and FileError when the file holds a body without a skeleton.
    """
    body = load_body(name)
    if not isinstance(body, Skel):
        raise FileError(
            f"The file {name} holds a {body.kind} model, which has no skeleton inside: choose a SKEL model or one of "
            f"{', '.join(OPEN_BODIES)}."
        )
    return body


def describe(body: Skel | Smpl) -> str:
    """A line for people: what a body is."""
    if isinstance(body, Skel):
        return f"SKEL, {body.gender}, {body.n_skin} skin and {body.n_bones} bone vertices"
    return f"{body.kind}, {body.gender}, {body.n_skin} skin vertices, {body.max_betas} shape parameters"
