"""What runs inside a worker process."""

import json
import logging
import os
import shutil
import threading
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

from ..errors import OsteonError
from .named import run
from .values import read_values, write_values
from .worker import kill_tree

_PROGRESS_EVERY = 0.05  # seconds


def main(name: str, folder: str) -> NoReturn:
    """Runs the job `name` on the arguments in `folder`, leaves the result there, and ends the process."""
    # What libraries print goes to the log; only messages go to the pipe.
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # Nothing may wait for the pipe that the watcher reads, hence another standard input.
    caller = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_end_with_caller, args=(caller, folder), daemon=True).start()
    logging.basicConfig(level=logging.INFO)

    def send(**message: Any) -> None:
        print(json.dumps(message), file=messages, flush=True)

    sent: tuple[float, str] = (-1.0, "")

    def progress(fraction: float, text: str) -> None:
        nonlocal sent
        now = time.monotonic()
        if text != sent[1] or now - sent[0] > _PROGRESS_EVERY:
            sent = (now, text)
            send(fraction=float(fraction), text=str(text))

    code = 0
    try:
        result = run(name, read_values(Path(folder, "arguments.npz")), progress)
        write_values(Path(folder, "result.npz"), result)
        send(done=True)
    except OsteonError as error:
        logging.debug("The job stopped.", exc_info=True)
        send(error=type(error).__name__, text=str(error))
    except BaseException as error:
        traceback.print_exc()
        send(crash=f"{type(error).__name__}: {error}"[:200])
        code = 1
    logging.shutdown()
    os._exit(code)  # at once: no library's clean-up can hang or crash after the work is done


def _end_with_caller(pipe: int, folder: str) -> None:
    """Waits until the caller's end of the pipe closes; then the caller is gone and nobody wants the result."""
    while os.read(pipe, 1):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    kill_tree(os.getpid())
    os._exit(1)
