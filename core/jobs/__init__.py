"""Long work, by name: run it here, in a worker process with progress and cancel, or from a file on a cluster.

>>> run("image_to_skeleton", {"image": image}, progress=print)             # here and now
>>> worker = start("image_to_skeleton", {"image": image})                  # in a process of its own
>>> worker.poll().fraction
>>> worker.result()

`osteon job NAME ARGUMENTS RESULT` does the same from files. A job is a function `f(progress, **arguments) -> result`;
arguments and result are what `values.py` can write: JSON and numpy arrays.
"""

from .named import JOBS, Progress, run
from .worker import State, Worker, WorkerError, start

__all__ = ["JOBS", "Progress", "State", "Worker", "WorkerError", "run", "start"]
