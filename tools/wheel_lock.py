"""The wheels that the extension bundles: which they are, their lock file, and fetching them.

`python -m tools.wheel_lock` writes `wheels/wheels.sha256` anew from the versions in `requirements.lock`, without
downloading a wheel. The file has the form of `sha256sum` and names no place to download from: pip finds each wheel by
its name, wherever pip is configured to look, and only a file with the locked hash is taken.
"""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
WHEELS = ROOT / "wheels"
LOCK = WHEELS / "wheels.sha256"

# What reading people from pictures needs, and what else the core needs. numpy is Blender's own, always. Of what these
# packages ask for, setuptools is left out: torch needs it only to compile. colorama is what tqdm asks for on Windows.
LITERT = (
    "ai-edge-litert",
    "backports-strenum",
    "colorama",
    "flatbuffers",
    "ml-dtypes",
    "protobuf",
    "tqdm",
    "typing-extensions",
)
TORCH = ("torch", "filelock", "fsspec", "jinja2", "markupsafe", "mpmath", "networkx", "sympy")
COLORAMA = "0.4.6"  # no part of requirements.lock, which is made on Linux

# Blender 4.2 to 5.0 has Python 3.11, Blender 5.1 and 5.2 have 3.13. Some Linux distributions build Blender with 3.14
# and have torch, scipy and trimesh as packages of their own: for them only LiteRT is locked.
PACKAGES = {
    "3.11": (*TORCH, *LITERT, "scipy", "trimesh"),
    "3.13": (*TORCH, *LITERT, "scipy", "trimesh"),
    "3.14": LITERT,
}

# Blender's platform -> the tags of wheels that run on it, the preferred first.
PLATFORM_TAGS = {
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "windows-x64": ("win_amd64",),
    "macos-arm64": ("macosx_14_0_arm64",),  # torch asks for macOS 14; pip counts the tags of older ones in
}

# The default torch wheel for Linux brings 3 GB of CUDA, so the CPU build is bundled. Only PyTorch's own index has it:
# the hashes are those published there, so that the lock can be written without that index.
TORCH_LINUX = {
    "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl": (
        "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"
    ),
    "torch-2.13.0+cpu-cp313-cp313-manylinux_2_28_x86_64.whl": (
        "3fbf9c9d1f3c10c2d59d04aca426dee9ccc6ceb32d255c61e93acc3b4f75fae6"
    ),
}


class WheelError(Exception):
    """A wheel is not locked, not to be had, or not the one that was locked."""


@dataclass(frozen=True)
class Wheel:
    """One line of the lock file."""

    file: str
    sha256: str

    @property
    def name(self) -> str:
        return str(parse_wheel_filename(self.file)[0])

    @property
    def version(self) -> str:
        return str(parse_wheel_filename(self.file)[1])

    def runs_on(self, platform: str, python: str) -> bool:
        """Whether Blender's `platform` with Python `python` ("3.11") can load this wheel."""
        return any(
            _python_fits(tag.interpreter, tag.abi, python) and _platform_fits(tag.platform, platform)
            for tag in parse_wheel_filename(self.file)[3]
        )


def _python_fits(interpreter: str, abi: str, python: str) -> bool:
    minor = int(python.split(".")[1])
    if abi == "abi3":
        return int(interpreter.removeprefix("cp3")) <= minor
    return interpreter in ("py3", f"py3{minor}") or interpreter == abi == f"cp3{minor}"


def _platform_fits(tag: str, platform: str) -> bool:
    if tag == "any":
        return True
    return {
        "linux-x64": tag.startswith("manylinux") and tag.endswith("x86_64"),
        "windows-x64": tag == "win_amd64",
        "macos-arm64": tag.startswith("macosx") and tag.endswith(("arm64", "universal2")),
    }[platform]


def locked_wheels() -> list[Wheel]:
    """All wheels of the lock file."""
    lines = [line for line in LOCK.read_text().splitlines() if line and not line.startswith("#")]
    return [Wheel(file, sha256) for sha256, file in (line.split() for line in lines)]


def wheels_for(platform: str, python: str) -> list[Wheel]:
    """The locked wheels to bundle for Blender's `platform` ("linux-x64") and `python` ("3.11"), one per package."""
    if platform not in PLATFORM_TAGS or python not in PACKAGES:
        raise WheelError(
            f"No wheels are locked for {platform} with Python {python}: there are {', '.join(PLATFORM_TAGS)} "
            f"with {', '.join(PACKAGES)}."
        )
    wheels = {wheel.name: wheel for wheel in locked_wheels() if wheel.runs_on(platform, python)}
    missing = [name for name in PACKAGES[python] if name not in wheels]
    if missing:
        raise WheelError(f"{LOCK.name} lacks {', '.join(missing)} for {platform} with Python {python}.")
    return [wheels[name] for name in sorted(PACKAGES[python])]


def fetch(wheels: Iterable[Wheel], platform: str, python: str) -> list[Path]:
    """The files of `wheels` in the folder `wheels`: fetched with pip where they are not there yet, and checked."""
    wheels = list(wheels)
    missing = [wheel for wheel in wheels if not (WHEELS / wheel.file).is_file()]
    if missing:
        wanted = WHEELS / "wanted.txt"
        wanted.write_text("".join(f"{w.name}=={w.version} --hash=sha256:{w.sha256}\n" for w in missing))
        try:
            _pip("download", platform, python, "--require-hashes", f"--requirement={wanted}", f"--dest={WHEELS}")
        except subprocess.CalledProcessError as error:
            raise WheelError(
                "pip could not fetch the wheels. The CPU build of torch for Linux is on PyTorch's own index: name that "
                "in PIP_EXTRA_INDEX_URL, or a folder with the wheel in PIP_FIND_LINKS."
            ) from error
        finally:
            wanted.unlink()
    for wheel in wheels:
        path = WHEELS / wheel.file
        if not path.is_file():
            raise WheelError(f"pip found another file than {wheel.file}, the one in {LOCK.name}.")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != wheel.sha256:
            raise WheelError(f"{path} has not the hash in {LOCK.name} but {found}: delete it to fetch it anew.")
    return [WHEELS / wheel.file for wheel in wheels]


def _pip(command: str, platform: str, python: str, *arguments: str) -> None:
    """Runs pip for another platform and Python than this one."""
    tags = [f"--platform={tag}" for tag in PLATFORM_TAGS[platform]]
    options = [*tags, f"--python-version={python}", "--only-binary=:all:", "--no-deps"]
    subprocess.run([sys.executable, "-m", "pip", command, *options, *arguments], check=True, cwd=ROOT)


def write_lock() -> None:
    """Writes the lock file from the versions of `requirements.lock` and the hashes that pip's index names."""
    versions = {"colorama": COLORAMA}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if match := re.fullmatch(r"([\w.-]+)==(\S+)", line):
            versions[canonicalize_name(match[1])] = match[2]
    hashes: dict[str, str] = {}
    for platform in PLATFORM_TAGS:
        for python, names in PACKAGES.items():
            wanted = [name for name in names if (name, platform) != ("torch", "linux-x64")]
            hashes |= _hashes([f"{name}=={versions[name]}" for name in wanted], platform, python)
    hashes |= TORCH_LINUX
    head = "# The wheels that the extension bundles, for all platforms and Pythons; written by tools/wheel_lock.py.\n"
    lines = [f"{hashes[file]}  {file}\n" for file in sorted(hashes, key=str.lower)]
    LOCK.write_text(head + "".join(lines))


def _hashes(requirements: list[str], platform: str, python: str) -> dict[str, str]:
    """File name -> SHA-256 of the wheels that pip would install."""
    report = WHEELS / "report.json"
    options = ["--quiet", "--dry-run", "--ignore-installed", f"--target={WHEELS}", f"--report={report}"]
    try:
        _pip("install", platform, python, *options, *requirements)
        infos = [item["download_info"] for item in json.loads(report.read_text())["install"]]
    finally:
        report.unlink(missing_ok=True)
    return {Path(info["url"]).name.replace("%2B", "+"): info["archive_info"]["hashes"]["sha256"] for info in infos}


if __name__ == "__main__":
    write_lock()
