"""Long work, by name: run it here, in a worker process with progress and cancel, or from a file on a cluster.

>>> run("image_to_skeleton", {"image": image}, progress=print)             # here and now
>>> worker = start("image_to_skeleton", {"image": image})                  # in a process of its own
>>> worker.poll().fraction
>>> worker.result()
>>> write_values("arguments.npz", {"image": image})                        # osteon job image_to_skeleton \\
>>> read_values("result.npz")                                              #     arguments.npz result.npz

A job is a function `f(progress, **arguments) -> result`; arguments and result are what `write_values` can write: what
JSON can say, and numpy arrays.
"""

from .named import JOBS, Progress, run
from .values import read_values, write_values
from .worker import State, Worker, WorkerError, start

__all__ = ["JOBS", "Progress", "State", "Worker", "WorkerError", "read_values", "run", "start", "write_values"]
