"""Makes the extension's zip: the code, the open assets and the wheels for one platform and one Python.

    python -m tools.extension [--python 3.11] [--platform linux-x64] [--no-wheels] [--output FILE]

Blender's own command line tool, which is part of the `bpy` wheel, builds the zip and validates it. The Python is
Blender's: 3.11 for Blender 4.2 to 5.0, 3.13 for 5.1 and 5.2. With 3.14, for a Blender that a Linux distribution built,
the zip has LiteRT alone: such a system has torch, scipy and trimesh as its own packages. `--no-wheels` makes a small
zip, enough to see the panel in any Blender.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tools import wheel_lock

ROOT = wheel_lock.ROOT
CONTENTS = ("core", "operators", "panels", "scene", "assets", "LICENSE", "NOTICE")  # and the root's Python files
BODIES = tuple(f"open-{name}.npz" for name in ("neutral", "female", "male", "child"))
ASSETS = (*BODIES, "pose_landmarker_heavy.task", "NOTICE.txt")


class BuildError(Exception):
    """The zip cannot be made; the text says why and what to do."""


def this_platform() -> str:
    """Blender's name of the platform that this runs on."""
    system = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}.get(platform.system(), platform.system())
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower(), platform.machine())
    return f"{system}-{machine}"


def blender_tool(*arguments: str) -> None:
    """Runs Blender's `extension` command (build, validate, ...) from the `bpy` wheel, without starting Blender."""
    spec = find_spec("bpy")
    if spec is None or spec.origin is None:
        raise BuildError("Blender's extension tool is part of the bpy wheel: 'make .venv' installs it.")
    (tool,) = Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    done = subprocess.run([sys.executable, str(tool), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"Blender's extension tool refuses: {done.stdout.strip()} {done.stderr.strip()}")


def build(target_platform: str, python: str, with_wheels: bool, output: Path | None) -> Path:
    """Makes and validates the zip; it appears under its name only when it is whole. Returns its path."""
    missing = [name for name in ASSETS if not (ROOT / "assets" / name).is_file()]
    if missing:
        raise BuildError(f"The open assets are not complete, {', '.join(missing)} missing: run 'make assets'.")
    wheels = []
    if with_wheels:
        locked = wheel_lock.wheels_for(target_platform, python)
        print(f"1/3  {len(locked)} wheels for {target_platform}, Python {python}", flush=True)
        wheels = wheel_lock.fetch(locked, target_platform, python)
    manifest = (ROOT / "blender_manifest.toml").read_text()
    version = tomllib.loads(manifest)["version"]
    kind = f"{target_platform}-py{python.replace('.', '')}" if with_wheels else "no-wheels"
    output = (output or ROOT / "dist" / f"osteon-{version}-{kind}.zip").resolve()
    output.parent.mkdir(parents=True, exist_ok=True)
    # Beside the result, so that wheels can be linked instead of copied and the zip renamed into place.
    with tempfile.TemporaryDirectory(prefix=".osteon-", dir=output.parent) as folder:
        stage, part = Path(folder, "osteon"), Path(folder, "osteon.zip")
        _stage(stage, _manifest_with_wheels(manifest, target_platform, wheels) if wheels else manifest, wheels)
        print("2/3  building the zip", flush=True)
        blender_tool("build", "--source-dir", str(stage), "--output-filepath", str(part))
        print("3/3  validating it", flush=True)
        blender_tool("validate", str(part))
        os.replace(part, output)
    return output


def _stage(stage: Path, manifest: str, wheels: list[Path]) -> None:
    """Lays out in the new folder `stage` exactly what goes into the zip."""
    stage.mkdir()
    (stage / "blender_manifest.toml").write_text(manifest)
    for source in (*ROOT.glob("*.py"), *(ROOT / name for name in CONTENTS)):
        if source.is_dir():
            shutil.copytree(source, stage / source.name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy2(source, stage / source.name)
    if wheels:
        (stage / "wheels").mkdir()
    for wheel in wheels:
        target = stage / "wheels" / wheel.name
        try:
            os.link(wheel, target)
        except OSError:
            shutil.copyfile(wheel, target)


def _manifest_with_wheels(manifest: str, target_platform: str, wheels: list[Path]) -> str:
    """The manifest for one platform, with its wheels."""
    (line,) = [line for line in manifest.splitlines(keepends=True) if line.startswith("platforms = ")]
    entries = "".join(f"    {json.dumps(f'./wheels/{wheel.name}')},\n" for wheel in wheels)
    return manifest.replace(line, f"platforms = [{json.dumps(target_platform)}]\nwheels = [\n{entries}]\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.extension", description="Makes the Blender extension's zip.")
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    parser.add_argument("--python", default=running, help="Blender's Python: 3.11 (4.2 to 5.0), 3.13 (5.1, 5.2), 3.14")
    parser.add_argument("--platform", default=this_platform(), help="default: %(default)s, the one it runs on")
    parser.add_argument("--no-wheels", action="store_true", help="a small zip without wheels, to look at the panel")
    parser.add_argument("--output", type=Path, help="default: in dist/, named for version, platform and Python")
    options = parser.parse_args(arguments)
    try:
        path = build(options.platform, options.python, not options.no_wheels, options.output)
    except (BuildError, wheel_lock.WheelError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
