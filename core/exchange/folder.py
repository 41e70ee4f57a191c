"""Filling a folder so that either all files come or none."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import FileError


@contextmanager
def filling(folder: str | Path) -> Iterator[Path]:
    """Gives an empty folder to write to; its files go to `folder` when the block ends well, else nothing is left.

    `folder` is made if need be; of what it holds already, only files of the same names are replaced.

    Raises
    ------
    FileError
        When it cannot be written, which is found out at the start.
    """
    folder = Path(folder).absolute()
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    stage = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".osteon-", dir=folder))
        yield stage
        for file in sorted(stage.iterdir()):
            os.replace(file, folder / file.name)
        made = []
    except OSError as error:
        raise FileError(
            f"The folder {folder} cannot be written: {error.strerror or error}; choose another one."
        ) from error
    finally:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)
        for parent in made:
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()
