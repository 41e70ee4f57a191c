"""Memory for large results. On a CPU it is used again once a result is gone.

To touch new memory takes as long as to compute what goes there, and memory of tens of megabytes would be new at each call: a C
library gives it back to the system at once.
"""

import math
import threading
import weakref

import numpy as np
import torch
from torch import Tensor

_LARGE = 16 * 2**20  # bytes from which on it is kept
_READY = 128 * 2**20  # bytes that are kept at most

_ready: list[np.ndarray] = []  # the newest last
_lock = threading.RLock()  # a result may be collected in the thread that asks for another


def large_empty(like: Tensor, *shape: int) -> Tensor:
    """An uninitialised tensor of `like`'s precision and device.

    On a CPU in inference mode it lies in numpy's memory, which asks Linux for huge pages: hundreds of megabytes, written for
    the first time, then take a quarter of the time. Elsewhere functorch may want to write batches into it.
    """
    plain = like.device.type == "cpu" and like.dtype in (torch.float32, torch.float64)
    if not (plain and torch.is_inference_mode_enabled()):
        return like.new_empty(shape)
    size = math.prod(shape) * like.element_size()
    block = _spare(size)
    if block is None:
        block = np.empty(size, np.uint8)
    result = block.view(str(like.dtype).removeprefix("torch.")).reshape(shape)
    if size >= _LARGE:
        # The tensor, and whatever looks into it, holds `result`.
        weakref.finalize(result, _keep, block).atexit = False
    return torch.from_numpy(result)


def _spare(size: int) -> np.ndarray | None:
    with _lock:
        fitting = [k for k, block in enumerate(_ready) if block.nbytes == size]
        return _ready.pop(fitting[-1]) if fitting else None


def _keep(block: np.ndarray) -> None:
    with _lock:
        _ready.append(block)
        while sum(other.nbytes for other in _ready) > _READY:
            _ready.pop(0)
