"""Where the open assets lie that Osteon ships: the open bodies and the landmark models."""

import os
from pathlib import Path

from .errors import AssetError

_PACKAGE_ROOT = Path(__file__).resolve().parent.parent


def asset_folder() -> Path:
    """The folder of the open assets: `assets/` in the package, or what the variable OSTEON_ASSETS names."""
    return Path(os.environ.get("OSTEON_ASSETS") or _PACKAGE_ROOT / "assets")


def asset_path(name: str) -> Path:
    """The file `name` of the open assets.

    Raises
    ------
    AssetError
        When the file is not there.
    """
    path = asset_folder() / name
    if not path.is_file():
        raise AssetError(
            f"The open asset {name} is missing in {path.parent}: "
            "reinstall the extension, or run 'make assets' in a source tree."
        )
    return path
