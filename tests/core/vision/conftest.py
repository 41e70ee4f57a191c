import functools

import numpy as np
import pytest
from osteon.core.assets import asset_folder
from osteon.core.learning.packages import POSE2SIM, unpacked
from osteon.core.vision.image import read_video_frame
from osteon.core.vision.networks import BUNDLE


@pytest.fixture(scope="session")
def models() -> None:
    """Skips when the networks have not been fetched."""
    if not (asset_folder() / BUNDLE).is_file():
        pytest.skip(f"{BUNDLE} is not in {asset_folder()}: run 'make assets'")


@pytest.fixture(scope="session")
def demo():
    """The folder of pose2sim's recording of a gymnast by four calibrated cameras."""
    return unpacked(POSE2SIM) / "Pose2Sim" / "Demo_SinglePerson"


@pytest.fixture(scope="session")
def frame(models, demo):
    """frame(camera, index): one frame of the recording."""

    @functools.cache
    def read(camera: int, index: int) -> np.ndarray:
        image = read_video_frame(demo / "videos" / f"cam{camera:02d}.mp4", index)
        image.flags.writeable = False
        return image

    return read


@pytest.fixture(scope="session")
def gymnast(frame) -> np.ndarray:
    """The frame that the demo uses, (1920, 1088, 3): one person, about 800 pixels tall, seen from behind."""
    return frame(3, 32)
