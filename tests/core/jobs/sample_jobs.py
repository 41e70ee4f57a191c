"""Jobs for the tests; the worker process imports them from this folder."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from osteon.core import errors


def give_back(progress, **arguments):
    for i in range(4):
        progress(i / 4, f"Step {i}")
    print("this goes to the log, not between the messages")
    os.system("echo neither does this")
    progress(1.0, "Done")
    return arguments


def describe(progress):
    return {"stdin": sys.stdin.read(), "path": sys.path, "folder": os.getcwd(), "python": sys.executable}


def waiting(progress):
    return os.environ.get("OMP_WAIT_POLICY")


def complain(progress, kind):
    raise getattr(errors, kind)("The picture Äpfel.png holds no apples.")


def stumble(progress):
    raise ZeroDivisionError("by nought")


def crash(progress):
    print("last words", file=sys.stderr, flush=True)
    os._exit(7)


def unwritable(progress):
    return {"what": object()}


def sleep(progress, note):
    """Sleeps, as does a process of its own; `note` receives both process ids."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(note).write_text(f"{os.getpid()} {other.pid} {os.getcwd()}")
    progress(0.5, "Sleeping")
    time.sleep(60)


def sum_up(progress, numbers):
    return {"sum": np.sum(numbers)}
