"""The job that turns a picture into posed bodies."""

import time
from typing import Any

import numpy as np

from ..errors import InputError
from .named import Progress, part


def image_to_skeleton(
    progress: Progress,
    image: np.ndarray | str,
    name: str = "the picture",
    body: str = "open-neutral",
    max_people: int | None = None,
) -> dict[str, Any]:
    """Finds the people in a picture and fits a SKEL body to each.

    Parameters
    ----------
    progress: see `named.Progress`
    image: (H, W, 3) uint8 RGB, or a file's path
    name: what to call the picture in messages
    body: what `load_skel` takes
    max_people: at most so many, the largest first; all when None

    Returns
    -------
    dict with
        image_size: [width, height]
        focal: pixels; the principal point is the centre
        body: as given
        people: a list of dicts: pose (46,), betas (10,), trans (3,), joints (24, 3), as in `PersonFit`; landmarks
            (33, 2), visibility (33,) and box (4,), of what was seen; fitted_landmarks (33, 2); reprojection, pixels;
            relative_reprojection, of the box's height
        seconds: what each stage took

    Raises
    ------
    InputError
        When no person is found, and for a bad picture.
    AssetError, FileError
        When a model is missing or unreadable.
    """
    seconds = {}

    def timed(stage: str, since: float) -> float:
        now = time.perf_counter()
        seconds[stage] = round(now - since, 3)
        return now

    clock = time.perf_counter()
    progress(0.0, "Loading")
    if isinstance(image, str):
        from ..vision.image import read_image

        name = image
        image = read_image(name)
    from ..bodies.load import load_skel
    from ..fitting.people import fit_people
    from ..vision.people import estimate_people

    model = load_skel(body)
    clock = timed("load", clock)
    progress(0.1, "Looking for people")
    found = estimate_people(image, max_people=max_people, progress=part(progress, 0.1, 0.4))
    clock = timed("find people", clock)
    if not found:
        raise InputError(
            f"No person was found in {name}: choose a picture that shows somebody whole, or cut it closer around them."
        )
    fits = fit_people(image, found, model, progress=part(progress, 0.4, 1.0))
    timed("fit", clock)
    return {
        "image_size": [image.shape[1], image.shape[0]],
        "focal": fits[0].focal,
        "body": body,
        "people": [
            {
                "pose": fit.pose,
                "betas": fit.betas,
                "trans": fit.trans,
                "joints": fit.joints,
                "landmarks": fit.estimate.landmarks[:, :2],
                "visibility": fit.estimate.visibility,
                "box": fit.estimate.box,
                "fitted_landmarks": fit.landmarks,
                "reprojection": fit.reprojection,
                "relative_reprojection": fit.relative_reprojection,
            }
            for fit in fits
        ],
        "seconds": seconds,
    }
