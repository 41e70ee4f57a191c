"""Finds out what a model file holds and loads it."""

from pathlib import Path

from ..assets import asset_path
from ..errors import FileError, InputError
from .skel import Skel
from .skel_file import is_skel, read_model, skel_from_content

OPEN_BODIES = ("open-neutral", "open-female", "open-male", "open-child")


def load_body(name: str | Path) -> Skel:
    """Loads a body model.

    Parameters
    ----------
    name: "open-neutral", "open-female", "open-male" or "open-child" for a body that ships with Osteon, or the path of a
        SKEL model file
        (`skel_male.pkl`, or a .npz that `Skel.save` wrote)

    Raises
    ------
    AssetError
        When an open body is not installed.
    FileError
        When the file is missing, unsafe, damaged or no SKEL model.
    InputError
        When the name is neither an open body nor a file.

    Examples
    --------
    >>> body = load_body("open-neutral")
    >>> body(torch.zeros(1, 46)).joints.shape
    torch.Size([1, 24, 3])
    """
    if str(name) in OPEN_BODIES:
        path = asset_path(f"{name}.npz")
    else:
        path = Path(name)
        if not path.is_file() and not path.suffix:
            raise InputError(
                f"There is no body named {name}: choose {', '.join(OPEN_BODIES)} or the path of a model file."
            )
    content = read_model(path)
    if not is_skel(content):
        raise FileError(f"The file {path} holds no SKEL model.")
    return Skel(skel_from_content(content, path), path.stem)
