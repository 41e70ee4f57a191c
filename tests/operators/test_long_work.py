"""Long work as in a window, step by step: Blender's part (timers, the event loop) is played by the test."""

import time
from types import SimpleNamespace

import bpy
import pytest
from osteon.core import errors
from osteon.operators import long_work

SLEEP = "import time\ndef work(progress):\n    progress(0.25, 'Sleeping')\n    time.sleep(60)\n"
QUICK = "def work(progress, **arguments):\n    progress(0.5, 'Half')\n    return arguments\n"
FAULTY = "from osteon.core.errors import InputError\ndef work(progress):\n    raise InputError('Nobody is there.')\n"
TICK, MOVE = SimpleNamespace(type="TIMER", value="NOTHING"), SimpleNamespace(type="MOUSEMOVE", value="NOTHING")
ESC = SimpleNamespace(type="ESC", value="PRESS")


class Operator(long_work.LongWork):
    """What LongWork needs of an operator, with the reports kept."""

    bl_idname, bl_label = "osteon.test", "Test"

    def __init__(self, arguments=None):
        self.arguments, self.reports, self.applied = arguments or {}, [], []

    def report(self, kinds, text):
        self.reports.append((*kinds, text))

    def job(self, context):
        return "work_for_test:work", self.arguments

    def apply(self, context, result):
        self.applied.append(result)
        return "Done"


@pytest.fixture
def job(monkeypatch, tmp_path):
    """Gives the worker process its job."""
    monkeypatch.syspath_prepend(tmp_path)
    return lambda source: (tmp_path / "work_for_test.py").write_text(source)


@pytest.fixture
def window(monkeypatch):
    """A context with a window manager that counts timers; what is shown is kept."""
    manager = SimpleNamespace(timers=0, modal_handler_add=lambda operator: None, windows=[])
    manager.progress_begin = manager.progress_update = lambda *_: None
    manager.progress_end = lambda: None

    def add(seconds, window):
        manager.timers += 1
        return object()

    def remove(timer):
        manager.timers -= 1

    manager.event_timer_add, manager.event_timer_remove = add, remove
    shown = []
    monkeypatch.setattr(long_work, "_show", lambda context, work: shown.append(work and work.text))
    context = SimpleNamespace(window_manager=manager, window=None, shown=shown)
    for name in ("scene", "view_layer", "selected_objects"):
        setattr(context, name, getattr(bpy.context, name))
    return context


def tick_until(operator, context, condition, limit=20):
    deadline = time.monotonic() + limit
    while True:
        result = operator.modal(context, TICK)
        if condition(result):
            return result
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ended(result):
    return result != {"PASS_THROUGH"}


def test_result_is_applied_once(job, window):
    job(QUICK)
    operator = Operator({"a": 1})
    assert operator.start(window) == {"RUNNING_MODAL"}
    assert long_work.current().title == "Test"
    assert operator.modal(window, MOVE) == {"PASS_THROUGH"}
    assert tick_until(operator, window, ended) == {"FINISHED"}
    assert operator.applied == [{"a": 1}]
    assert operator.reports == [("INFO", "Done")]
    assert window.shown[-1] is None
    assert "Half, 50%" in window.shown
    assert window.window_manager.timers == 0
    assert long_work.current() is None


def test_escape(job, window):
    job(SLEEP)
    operator = Operator()
    operator.start(window)
    tick_until(operator, window, lambda _: long_work.current().state.fraction == 0.25)
    folder = long_work.current().worker.folder
    started = time.monotonic()
    assert operator.modal(window, ESC) == {"CANCELLED"}
    assert time.monotonic() - started < 1
    assert operator.reports == [("INFO", "Test cancelled")]
    assert not operator.applied
    assert not folder.exists()
    assert window.window_manager.timers == 0
    assert long_work.current() is None


def test_cancel_button(job, window):
    job(SLEEP)
    operator = Operator()
    operator.start(window)
    assert bpy.ops.osteon.cancel_job() == {"FINISHED"}
    assert operator.modal(window, TICK) == {"CANCELLED"}
    assert window.window_manager.timers == 0
    assert not bpy.ops.osteon.cancel_job.poll()


class Reader(Operator):
    """Reads ten frames, a step for each."""

    closed = read_frames = 0

    def read(self, context):
        try:
            for frame in range(10):
                if frame == self.arguments.get("bad"):
                    raise errors.InputError("Frame 3 has other vertices.")
                self.read_frames += 1
                yield frame / 10
        finally:
            self.closed += 1


def test_what_takes_long_to_read_is_shown_and_then_worked_on(job, window):
    job(QUICK)
    operator = Reader({"a": 1})
    assert operator.start(window) == {"RUNNING_MODAL"}
    assert operator.modal(window, MOVE) == {"RUNNING_MODAL"}  # nobody changes the file meanwhile
    assert (operator.read_frames, long_work.current().worker) == (1, None)
    assert tick_until(operator, window, ended) == {"FINISHED"}
    assert "Reading frames, 90%" in window.shown
    assert (operator.read_frames, operator.closed, operator.applied) == (10, 1, [{"a": 1}])
    assert (window.window_manager.timers, long_work.current()) == (0, None)


@pytest.mark.parametrize("way", ["escape", "button"])
def test_reading_is_cancelled(job, window, way):
    job(QUICK)
    operator = Reader()
    operator.start(window)
    operator.modal(window, TICK)
    if way == "button":
        bpy.ops.osteon.cancel_job()
    assert operator.modal(window, ESC if way == "escape" else TICK) == {"CANCELLED"}
    assert operator.reports == [("INFO", "Test cancelled")]
    assert (operator.read_frames, operator.closed, operator.applied) == (2, 1, [])
    assert (window.window_manager.timers, long_work.current()) == (0, None)


@pytest.mark.parametrize("bad", [0, 3])
def test_what_cannot_be_read_ends_the_work(job, window, bad):
    operator = Reader({"bad": bad})
    if operator.start(window) == {"RUNNING_MODAL"}:
        assert tick_until(operator, window, ended) == {"CANCELLED"}
    assert operator.reports == [("ERROR", "Frame 3 has other vertices.")]
    assert operator.read_frames == bad
    assert (window.window_manager.timers, long_work.current()) == (0, None)


def test_another_file_ends_the_work(job, window):
    job(SLEEP)
    operator = Operator()
    operator.start(window)
    folder = long_work.current().worker.folder
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    assert not folder.exists()
    assert long_work.current() is None
    operator.cancel(window)  # as Blender does when it drops a modal operator
    assert window.window_manager.timers == 0


def test_error_of_the_job(job, window):
    job(FAULTY)
    operator = Operator()
    operator.start(window)
    assert tick_until(operator, window, ended) == {"CANCELLED"}
    assert operator.reports == [("ERROR", "Nobody is there.")]
    assert window.window_manager.timers == 0
    assert long_work.current() is None


def test_error_when_the_result_is_applied(job, window):
    def fail(context, result):
        bpy.data.meshes.new("half built")
        context.scene.frame_end, context.scene.render.fps = 99, 7
        raise errors.InputError("No room.")

    job(QUICK)
    operator = Operator()
    operator.apply = fail
    operator.start(window)
    assert tick_until(operator, window, ended) == {"CANCELLED"}
    assert operator.reports == [("ERROR", "No room.")]
    assert "half built" not in bpy.data.meshes
    assert (window.scene.frame_end, window.scene.render.fps) == (250, 24)
    assert window.window_manager.timers == 0


def test_the_result_goes_into_the_scene_of_the_start(job, window):
    """The user goes to another scene meanwhile."""
    job(QUICK)
    first, other, seen = bpy.context.scene, bpy.data.scenes.new("Other"), []
    for gone in (False, True):
        operator = Operator()
        operator.apply = lambda context, result: seen.append(bpy.context.scene.name) or "Done"
        bpy.context.window.scene = window.scene = first
        operator.start(window)
        bpy.context.window.scene = window.scene = other
        window.window = bpy.context.window
        if gone:
            bpy.data.scenes.remove(first)
        tick_until(operator, window, ended)
        assert (seen, bpy.context.scene.name) == (["Scene"], "Other")
    assert operator.reports[0][1].startswith("The scene Scene, from which the work came, is gone")


def test_one_work_at_a_time(job, window):
    job(SLEEP)
    first, second = Operator(), Operator()
    first.start(window)
    assert second.start(window) == {"CANCELLED"}
    assert second.reports == [("ERROR", "Test is still at work: wait for it or cancel it first.")]
    assert not bpy.ops.osteon.image_to_skeleton.poll()
    first.modal(window, ESC)
    assert bpy.ops.osteon.image_to_skeleton.poll()


def test_nothing_starts_when_the_arguments_are_wrong(window):
    def fail(context):
        raise errors.FileError("No file.")

    operator = Operator()
    operator.job = fail
    assert operator.start(window) == {"CANCELLED"}
    assert operator.reports == [("ERROR", "No file.")]
    assert (window.window_manager.timers, long_work.current()) == (0, None)
