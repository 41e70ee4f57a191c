"""What Blender adds to the command line, be it `blender --command osteon` or `python -m osteon`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from ..core import cli, jobs
from .photo import load_photo, read_photo


def _image(options: argparse.Namespace, progress: jobs.Progress) -> dict[str, Any]:
    path = str(Path(options.photo).absolute())

    def save_scene(result: dict[str, Any], folder: Path) -> None:
        from ..core.bodies.load import load_skel
        from ..scene.people import add_people
        from ..scene.render import render_overlay

        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        image = load_photo(path)
        people = add_people(bpy.context, load_skel(result["body"]), result, image)
        if not image.packed_file:
            image.pack()
        render_overlay(people, bpy.context.scene.camera, image, folder / "overlay.png")
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"), compress=True)

    return cli.image(options, progress, lambda _: read_photo(path), save_scene)


IMAGE = cli.Verb(
    "image",
    "Fit the people in a photo; write their joint angles, motion files, a Blender scene and a picture of their bones.",
    "osteon image photo.jpg -o out/",
    cli.add_image_arguments,
    _image,
    cli.show_image,
)


def main(arguments: Sequence[str] | None = None, more_verbs: Sequence[cli.Verb] = ()) -> int:
    """The command line with Blender; see `cli.main`."""
    return cli.main(arguments, (IMAGE, *more_verbs))
