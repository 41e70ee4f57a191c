"""The two networks of BlazePose, read from MediaPipe's model bundle and run by LiteRT."""

import logging
import os
import threading
import zipfile
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..assets import asset_path
from ..errors import AssetError

BUNDLE = "pose_landmarker_heavy.task"

log = logging.getLogger(__name__)


class Network:
    """One network: an image goes in, its outputs come out in the order of the shapes that were asked for."""

    def __init__(self, model: bytes, shapes: Sequence[tuple[int, ...]]) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=model, num_threads=min(4, os.cpu_count() or 1))
        self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        # The order of the outputs differs between releases of the models, their shapes do not.
        by_shape = {tuple(output["shape"]): output["index"] for output in self._interpreter.get_output_details()}
        self._outputs = [by_shape[shape] for shape in shapes]
        self._lock = threading.Lock()

    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        """Runs the network on one image (size, size, 3) float32."""
        with self._lock:
            self._interpreter.set_tensor(self._input["index"], image[None].astype(np.float32, copy=False))
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(index) for index in self._outputs]


@lru_cache(maxsize=4)
def load_network(name: str, shapes: tuple[tuple[int, ...], ...]) -> Network:
    """The network `name` of the bundle, kept for the next call.

    Raises
    ------
    AssetError
        When the bundle is missing or damaged, or LiteRT is not installed.
    """
    path = asset_path(BUNDLE)
    try:
        with zipfile.ZipFile(path) as bundle:
            return Network(bundle.read(name), shapes)
    except ImportError as error:
        raise AssetError(
            "Finding people in pictures needs LiteRT: reinstall the extension, or run 'pip install ai-edge-litert'."
        ) from error
    except (zipfile.BadZipFile, KeyError, ValueError, RuntimeError, OSError) as error:
        log.debug("loading %s from %s failed", name, path, exc_info=True)
        raise AssetError(
            f"The models in {path} are damaged: reinstall the extension, or run 'make assets' again."
        ) from error
