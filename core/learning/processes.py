"""Work spread over processes that keep to one core each and end with their caller, however that ends."""

import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import SpawnContext
from typing import Any

import torch

from ..errors import OsteonError

# What keeps numpy's and torch's libraries to one thread; read when they are loaded, so in the environment of the process.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Progress = Callable[[float, str], None]
_messages: Any = None


@contextmanager
def single_threaded() -> Iterator[SpawnContext]:
    """A context whose processes start with one thread each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield multiprocessing.get_context("spawn")
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def start(messages: Any = None) -> None:
    """What a process does first."""
    global _messages
    _messages = messages
    torch.set_num_threads(1)
    caller = multiprocessing.parent_process()
    assert caller is not None

    def end_with_caller() -> None:
        caller.join()
        os._exit(1)

    threading.Thread(target=end_with_caller, daemon=True).start()


def run_all(function: Callable[..., Any], items: Sequence[tuple], processes: int, progress: Progress) -> list[Any]:
    """function(*item, progress) of all items, at most `processes` at a time; what `progress` raises ends them all.

    The processes of one item and of many are alike, so that their numbers are.
    """
    shares = [0.0] * len(items)
    with single_threaded() as context:
        messages, others = context.Queue(), multiprocessing.active_children()
        with context.Pool(min(processes, len(items)), start, (messages,)) as pool:
            workers = set(multiprocessing.active_children()).difference(others)
            results = [pool.apply_async(_telling, (function, item, k)) for k, item in enumerate(items)]
            while not all(result.ready() for result in results):
                for failed in (result for result in results if result.ready() and not result.successful()):
                    failed.get()
                if not all(worker.is_alive() for worker in workers):  # the pool would start another and wait for ever
                    raise OsteonError(
                        "A process was ended from outside, maybe for want of memory: free some, try again."
                    )
                try:
                    k, shares[k], text = messages.get(timeout=0.2)
                except queue.Empty:
                    continue
                progress(sum(shares) / len(items), text)
            return [result.get() for result in results]


def _telling(function: Callable[..., Any], item: tuple, k: int) -> Any:
    return function(*item, lambda share, text: _messages.put((k, share, text)))
