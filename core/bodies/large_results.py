"""Memory for large results. On a CPU it is used again once a result is gone.

To touch new memory takes as long as to compute what goes there, and memory of tens of megabytes would be new at each call: a C
library gives it back to the system at once.
"""

import math
import weakref
from collections import deque
from contextlib import suppress

import numpy as np
import torch
from torch import Tensor

_LARGE, _LARGEST = 16 * 2**20, 64 * 2**20  # bytes between which it is kept
# Skins, bones and what is between. No collector or other thread can come into the middle of a step on it.
_ready: deque[np.ndarray] = deque(maxlen=3)


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
    if _LARGE <= size <= _LARGEST:
        # The tensor, and whatever looks into it, holds `result`.
        weakref.finalize(result, _ready.append, block).atexit = False
    return torch.from_numpy(result)


def _spare(size: int) -> np.ndarray | None:
    """A block of that size, if one is ready; the others go round."""
    with suppress(IndexError):
        for _ in range(_ready.maxlen or 0):
            block = _ready.popleft()
            if block.nbytes == size:
                return block
            _ready.append(block)
    return None
