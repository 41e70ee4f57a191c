"""`make demo`: a frame of a real video becomes a rigged skeleton in its body, headless in Blender."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .core.anatomy.joints import POSE_NAMES

# The gymnast of pose2sim's single-person demo, seen by its third camera.
VIDEO = "Pose2Sim/Demo_SinglePerson/videos/cam03.mp4"
FRAME = 32

Progress = Callable[[float, str], None]


def photo(path: Path) -> np.ndarray:
    """Writes the demo's photo, one frame of the video in the pose2sim wheel, as PNG; gives its pixels (H, W, 3)."""
    from PIL import Image

    from .core.learning.packages import POSE2SIM, unpacked
    from .core.vision.image import read_video_frame

    pixels = read_video_frame(unpacked(POSE2SIM) / VIDEO, FRAME)
    Image.fromarray(pixels).save(path)
    return pixels


def run(folder: Path, progress: Progress) -> dict[str, Any]:
    """Runs the whole line and writes photo.png, demo.blend, overlay.png, views.png and angles.csv into `folder`.

    Returns
    -------
    dict with people (count), reprojection (pixels), relative_reprojection (of the box's height), outside (names of
    angles more than a degree outside their limit), seconds (by stage)
    """
    import bpy

    from . import register, unregister
    from .core import jobs
    from .core.bodies.load import load_skel
    from .core.exchange.angles import write_angles
    from .scene.people import add_people
    from .scene.render import render_overlay, render_views

    seconds: dict[str, float] = {}
    clock = time.perf_counter()

    def done(stage: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[stage] = now - clock
        clock = now

    progress(0.0, "Reading a frame")
    picture = folder / "photo.png"
    pixels = photo(picture)
    done("read the frame")
    result = jobs.run(
        "image_to_skeleton",
        {"image": pixels, "name": "the demo's photo"},
        progress=lambda fraction, text: progress(0.1 + 0.4 * fraction, text),
    )
    seconds |= result["seconds"]
    clock = time.perf_counter()

    progress(0.5, "Building the scene")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    register()
    try:
        body = load_skel(result["body"])
        image = bpy.data.images.load(str(picture))
        people = add_people(bpy.context, body, result, image)
        image.pack()
        done("build the scene")
        progress(0.6, "Rendering")
        render_overlay(people, bpy.context.scene.camera, image, folder / "overlay.png")
        render_views(people[0], folder / "views.png")
        done("render")
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / "demo.blend"))
    finally:
        unregister()
    poses = [person["pose"] for person in result["people"]]
    write_angles(folder / "angles.csv", poses)
    done("write")
    progress(1.0, "Done")
    return {
        "people": len(people),
        "reprojection": result["people"][0]["reprojection"],
        "relative_reprojection": result["people"][0]["relative_reprojection"],
        "outside": _outside(poses, body.limits),
        "seconds": seconds,
    }


def _outside(poses: list[np.ndarray], limits: np.ndarray, tolerance: float = np.radians(1)) -> list[str]:
    """The angles that are further outside their limit than the tolerance, with the person's number."""
    return [
        f"{name} of person {i + 1}"
        for i, q in enumerate(poses)
        for name, angle, (low, high) in zip(POSE_NAMES, q, limits, strict=True)
        if not low - tolerance <= angle <= high + tolerance
    ]
