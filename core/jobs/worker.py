"""A job in a process of its own: it can be watched and stopped, and the caller's process stays responsive.

The two share a private folder, which holds the arguments, the result and the worker's log, and three pipes' ends: the
worker writes its progress to standard output, a line of JSON each, and ends itself when its standard input closes,
which happens when the caller dies.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .. import errors
from .values import read_values, write_values

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[2]

# Others, such as Blender's window, want the processor too. Threads that wait for each other by turning in circles then
# hold up the very ones that they wait for: a fit took three times as long.
_PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}

# What the worker's Python runs: the package, whatever its name here, becomes `osteon` there, with our search path.
_BOOTSTRAP = """
import importlib.util, json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    request = json.load(file)
sys.path[:] = request["path"]
spec = importlib.util.spec_from_file_location(
    "osteon", request["root"] + "/__init__.py", submodule_search_locations=[request["root"]])
sys.modules["osteon"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["osteon"])
importlib.import_module("osteon.core.jobs.child").main(request["name"], request["folder"])
"""


class WorkerError(errors.OsteonError):
    """A worker process could not start, or ended without a result."""


class State(NamedTuple):
    """How far the work is; `done` says that `result()` will not wait."""

    done: bool
    fraction: float
    text: str


class Worker:
    """A job under way in a worker process. Leaving its `with` block, or `cancel()`, stops it and clears up.

    `folder` is what the two processes share; it is gone when the work is.
    """

    def __init__(self, name: str, arguments: Mapping[str, Any], python: str | None) -> None:
        self._fraction, self._text = 0.0, "Starting"
        self._last: dict[str, Any] = {}
        self._cancelled = False
        self.folder = Path(tempfile.mkdtemp(prefix="osteon-"))
        try:
            write_values(self.folder / "arguments.npz", dict(arguments))
            request = {
                "name": name,
                "folder": str(self.folder),
                "root": str(_ROOT),
                "path": [os.path.abspath(entry) for entry in sys.path],
            }
            (self.folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
            with (self.folder / "log.txt").open("wb") as log:
                self._process = subprocess.Popen(
                    [python or find_python(), "-I", "-c", _BOOTSTRAP, str(self.folder / "request.json")],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=self.folder,
                    env={**_PATIENT, **os.environ},
                    start_new_session=True,  # a group of its own, so that all of it can be stopped (POSIX)
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # Windows
                )
        except OSError as error:
            self._clear()
            raise WorkerError(f"The worker process cannot start: {error.strerror or error}.") from error
        except BaseException:
            self._clear()
            raise
        self._reader = threading.Thread(target=self._read, name="osteon worker", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                message = json.loads(line)
            except ValueError:  # the last line of a worker that was killed
                continue
            if "fraction" in message:
                self._fraction, self._text = max(self._fraction, message["fraction"]), message["text"]
            else:
                self._last = message

    def poll(self) -> State:
        """How far the work is, without waiting."""
        done = self._cancelled or not self._reader.is_alive()
        return State(done, self._fraction, self._text)

    def cancel(self) -> None:
        """Stops the work at once, with all processes that it started, and removes its files. Safe at any time."""
        if not self._cancelled:
            self._cancelled = True
            self._end()

    def result(self) -> Any:
        """What the job returned; waits for it. The worker's files are removed, so this can be asked once.

        Raises
        ------
        OsteonError
            The job's own error; `Cancelled` after `cancel()`; `WorkerError` when the process failed unexpectedly.
        """
        if self._cancelled:
            raise errors.Cancelled("The work was cancelled.")
        try:
            self._reader.join()
            code = self._process.wait()
            if "error" in self._last:
                raise _error(self._last["error"], self._last["text"])
            if "done" in self._last:
                return read_values(self.folder / "result.npz")
            logger.error("The worker process ended with code %s. Its log:\n%s", code, self._log())
            if "crash" in self._last:
                raise WorkerError(f"The work failed unexpectedly ({self._last['crash']}): details are in the log.")
            raise WorkerError(
                f"The worker process ended unexpectedly with code {code}; the memory may not suffice: "
                "details are in the log."
            )
        finally:
            self._cancelled = True
            self._end()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def _log(self) -> str:
        return (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")[-4000:]

    def _end(self) -> None:
        kill_tree(self._process.pid) if self._process.poll() is None else None
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is self._process.stdout:
                self._reader.join()
            if pipe is not None:
                pipe.close()
        self._clear()

    def _clear(self) -> None:
        for _ in range(10):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
            time.sleep(0.05)  # Windows lets go of a dead process's files a little later


def start(name: str, arguments: Mapping[str, Any], *, python: str | None = None) -> Worker:
    """Starts a job in a worker process.

    Parameters
    ----------
    name, arguments: as for `run`
    python: the Python program to run it; `find_python()` when None

    Raises
    ------
    WorkerError
        When the process cannot start.
    """
    return Worker(name, arguments, python)


def find_python() -> str:
    """The Python program that fits this process, which may itself be embedded in another program, such as Blender.

    Raises
    ------
    WorkerError
        When there is none.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    names = [f"python{version}", "python3", "python"]
    if os.name == "nt":
        names = ["python.exe", "pythonw.exe"]
    if sys.executable and Path(sys.executable).name.lower().startswith("python"):
        return sys.executable
    for prefix in (sys.prefix, sys.base_prefix):
        for folder in (Path(prefix, "bin"), Path(prefix)):
            for name in names:
                if (folder / name).is_file():
                    return str(folder / name)
    found = shutil.which(names[0])
    if found:
        return found
    raise WorkerError(f"No Python {version} program was found beside {sys.executable or sys.prefix} to do the work.")


def kill_tree(pid: int) -> None:
    """Ends the process group that `pid` leads (on Windows, the process and its descendants) at once."""
    if os.name == "nt":
        command = ["taskkill", "/PID", str(pid), "/T", "/F"]
        subprocess.run(command, capture_output=True, creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0))
        return
    import signal

    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _error(name: str, text: str) -> errors.OsteonError:
    """The error of a worker as the class of the same name."""
    found = getattr(errors, name, None)
    return found(text) if isinstance(found, type) and issubclass(found, errors.OsteonError) else WorkerError(text)
