"""Long work from an operator: in the window a worker process with progress and cancel, in the background at once."""

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..core import jobs
from ..core.errors import Cancelled, InputError
from .report import reporting
from .unchanged import unchanged_on_error

logger = logging.getLogger(__name__)

_EVERY = 0.1  # seconds


class Work:
    """The work under way, for the panel to show and to cancel: what it needs is read from the file, then a worker has it."""

    def __init__(self, title: str, reading: Generator[float, None, None], begin: Callable[[], jobs.Worker]) -> None:
        """reading: yields the share that is read, its first step is taken at once; begin: starts the worker after the last."""
        self.title = title
        self.worker: jobs.Worker | None = None
        self.state = jobs.State(False, 0.0, "Reading frames")
        self._reading, self._begin = reading, begin
        self.advance()

    @property
    def text(self) -> str:
        return f"{self.state.text}, {self.state.fraction:.0%}"

    @property
    def is_reading(self) -> bool:
        """Whether the user may change nothing in the file yet."""
        return self.worker is None and not self.state.done

    def advance(self) -> bool:
        """Reads on, or looks how far the worker is; whether that has changed."""
        before = self.state
        if self.is_reading:
            share = next(self._reading, None)
            if share is None:
                self.worker = self._begin()
            else:
                self.state = self.state._replace(fraction=share)
        if self.worker is not None:
            self.state = self.worker.poll()
        return self.state != before

    def cancel(self) -> None:
        """Stops it at once; the file is as it was. Safe at any time but within a step of reading."""
        self._reading.close()
        if self.worker is not None:
            self.worker.cancel()
        self.state = self.state._replace(done=True)

    def result(self) -> Any:
        """What the worker found, when it is done; raises what the work failed with, `Cancelled` among it."""
        if self.worker is None:
            raise Cancelled
        return self.worker.result()


_current: Work | None = None


def current() -> Work | None:
    """The work that is under way in a worker process."""
    return _current


def cancel_current() -> None:
    """Stops the work under way, if there is any."""
    global _current
    if _current is not None:
        _current.cancel()
        _current = None


class LongWork:
    """What operators share whose work takes long: they say what job it is and what becomes of its result.

    `invoke` returns `start(context)` once all properties are set, else what `ask` gives it; `execute` does everything
    before it returns.
    """

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if _current is not None:
            cls.poll_message_set(f"{_current.title} is still at work")
            return False
        return True

    def read(self, context: bpy.types.Context) -> Generator[float, None, None]:
        """Reads from the file what the job needs and takes long; yields the share that is done a few times a second.

        When it ends or is closed all in the file is as it was; may raise `OsteonError`.
        """
        yield from ()

    def job(self, context: bpy.types.Context) -> tuple[str, dict[str, Any]]:
        """The name of the job and its arguments, after `read`. Changes nothing in the file; may raise `OsteonError`."""
        raise NotImplementedError

    def apply(self, context: bpy.types.Context, result: Any) -> str:
        """Puts the result into the scene; returns what to tell the user. What it changes is taken back if it raises.

        The scene is the one in which the operator was started.
        """
        raise NotImplementedError

    def ask(self, dialog: Callable[..., set[str] | None]) -> set[str]:
        """Opens a dialog of the window manager's, such as `fileselect_add`; `invoke` gets all properties after it."""
        self._from_dialog = True
        return dialog(self) or {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        if getattr(self, "_from_dialog", False):
            # The dialog calls this and wants it done: let another run of the operator work in the background.
            again = getattr(bpy.ops.osteon, type(self).bl_idname.partition(".")[2])
            again("INVOKE_DEFAULT", **self.as_keywords())
            return {"CANCELLED"}
        return reporting(self, self._execute, context)

    def _execute(self, context: bpy.types.Context) -> set[str]:
        self._scene = context.scene.name
        with _shown_at_the_cursor(context) as progress:
            for share in self.read(context):
                progress(share)
            result = jobs.run(*self.job(context), lambda fraction, text: progress(fraction))
        return self._finish(context, result)

    def start(self, context: bpy.types.Context) -> set[str]:
        """Starts the job in a worker process and returns at once."""
        return reporting(self, self._start, context)

    def _start(self, context: bpy.types.Context) -> set[str]:
        global _current
        if _current is not None:
            self.report({"ERROR"}, f"{_current.title} is still at work: wait for it or cancel it first.")
            return {"CANCELLED"}
        self._scene = context.scene.name
        self._work = _current = Work(self.bl_label, self.read(context), lambda: jobs.start(*self.job(context)))
        self._timer = context.window_manager.event_timer_add(_EVERY, window=context.window)
        context.window_manager.modal_handler_add(self)
        _show(context, self._work)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return reporting(self, self._modal, context, event)

    def _modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        work = self._work
        if event.type == "ESC" and event.value == "PRESS":
            work.cancel()
        elif event.type != "TIMER":
            return {"RUNNING_MODAL"} if work.is_reading else {"PASS_THROUGH"}
        ended = True
        try:
            if work.advance():
                _show(context, work)
            if not work.state.done or _is_dragging(context):
                ended = False
                return {"PASS_THROUGH"}
            return self._finish(context, work.result())
        except Cancelled:
            self.report({"INFO"}, f"{self.bl_label} cancelled")
            return {"CANCELLED"}
        finally:
            if ended:
                self._clear(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Called by Blender when it ends the operator itself: another file is opened, the window closes."""
        if getattr(self, "_work", None) is not None:
            self._clear(context)

    def _finish(self, context: bpy.types.Context, result: Any) -> set[str]:
        with _in_scene(context, self._scene), unchanged_on_error(context):
            message = self.apply(context, result)
        self.report({"INFO"}, message)
        return {"FINISHED"}

    def _clear(self, context: bpy.types.Context) -> None:
        global _current
        self._work.cancel()
        if _current is self._work:
            _current = None
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        _show(context, None)


@contextmanager
def _shown_at_the_cursor(context: bpy.types.Context) -> Iterator[Callable[[float], None]]:
    """Gives what shows the share of work that is done, at the mouse cursor."""
    manager = context.window_manager
    manager.progress_begin(0.0, 1.0)
    try:
        yield manager.progress_update
    finally:
        manager.progress_end()


@contextmanager
def _in_scene(context: bpy.types.Context, name: str) -> Iterator[None]:
    """Shows a scene, and then again the one that the user has gone to meanwhile."""
    scene, now = bpy.data.scenes.get(name), context.scene
    if scene is None:
        raise InputError(f"The scene {name}, from which the work came, is gone or has another name: start it again.")
    if scene == now:
        yield
        return
    context.window.scene = scene
    try:
        yield
    finally:
        context.window.scene = now


def _show(context: bpy.types.Context, work: Work | None) -> None:
    """Says in the status bar what the work is at, and has the panels drawn anew."""
    text = f"{work.title}: {work.text} (Esc to cancel)" if work else None
    spaces = [context.workspace] if work else bpy.data.workspaces  # the user may have changed it meanwhile
    for space in spaces:
        if space is not None:
            with context.temp_override(workspace=space):
                space.status_text_set(text)
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def _is_dragging(context: bpy.types.Context) -> bool:
    """Whether the user is in the middle of moving something, which a new scene under it would spoil."""
    operators = [operator for window in context.window_manager.windows for operator in window.modal_operators]
    return any(operator.bl_idname.startswith("TRANSFORM_OT_") for operator in operators)


class OSTEON_OT_cancel_job(bpy.types.Operator):
    """Stop the work under way and leave the scene as it is"""

    bl_idname = "osteon.cancel_job"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _current is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        cancel_current()
        return {"FINISHED"}


@persistent
def _before_another_file(*_: Any) -> None:
    cancel_current()


CLASSES = (OSTEON_OT_cancel_job,)


def watch_files() -> None:
    """From now on work ends when another file is opened."""
    bpy.app.handlers.load_pre.append(_before_another_file)


def stop() -> None:
    """Ends the work under way, and what `watch_files` began."""
    cancel_current()
    bpy.app.handlers.load_pre.remove(_before_another_file)
