"""What the panels and the preferences say, drawn into a layout that takes notes."""

from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import osteon
import pytest
from osteon import preferences
from osteon.core.bodies.licensed import Examined
from osteon.core.bodies.load import load_skel
from osteon.operators import long_work
from osteon.panels import main
from osteon.scene.fit import add_fit

ICONS = set(bpy.types.UILayout.bl_rna.functions["prop"].parameters["icon"].enum_items.keys())


class Layout:
    """A layout that notes what is drawn in it and in its parts."""

    def __init__(self, notes=None):
        self.notes = [] if notes is None else notes

    def _part(self, **_):
        return Layout(self.notes)

    row = column = _part

    def _note(self, *arguments, icon="NONE", **options):
        assert icon in ICONS, icon
        self.notes.append(options.get("text") or arguments)
        return SimpleNamespace()

    label = operator = operator_menu_enum = progress = _note

    def prop(self, owner, name, **options):
        assert owner.bl_rna.properties[name]
        self._note(name, **options)


@pytest.fixture(autouse=True)
def context():
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    osteon.register()
    yield bpy.context
    osteon.unregister()


def drawn(panel, **self):
    layout = Layout()
    panel.draw(SimpleNamespace(layout=layout, **self), bpy.context)
    return layout.notes


def fit():
    body = load_skel("open-neutral")
    result = {
        "poses": np.zeros((2, 46)),
        "betas": np.zeros(10),
        "trans": np.zeros((2, 3)),
        "failed": np.array([1]),
        "vertex_error": np.full(body.n_skin, 0.01),
        "mean_error": 0.0042,
        "worst_error": 0.021,
    }
    return add_fit(bpy.context, body, result, "A", np.arange(1, 3))


def test_the_fit_of_the_active_body(context):
    made = fit()
    context.view_layer.objects.active = made.skin
    assert main.OSTEON_PT_fit.poll(context)
    notes = drawn(main.OSTEON_PT_fit)
    assert notes[:5] == [
        "open-neutral",
        "2 frames",
        "mean 4.2 mm",
        "worst 21 mm",
        "1 frame failed (vertex beyond 6 cm): 2",
    ]
    assert [note for note in notes if note in ("0", "5", "10", "15", "20")] == ["0", "5", "10", "15", "20"]
    assert ("osteon.show_errors",) in notes


def test_other_bodies_have_no_fit(context):
    bpy.ops.osteon.add_body()
    assert not main.OSTEON_PT_fit.poll(context)


def test_work_is_shown_where_it_was_started(monkeypatch):
    worker = SimpleNamespace(poll=lambda: SimpleNamespace(done=False, fraction=0.25, text="pose"))
    assert drawn(main.OSTEON_PT_convert) == [("osteon.convert_to_skel",), ("osteon.import_motion",)]
    monkeypatch.setattr(long_work, "_current", long_work.Work("Convert to SKEL", iter(()), lambda: worker))
    assert drawn(main.OSTEON_PT_convert) == ["pose, 25%", ("osteon.cancel_job",), ("osteon.import_motion",)]
    assert drawn(main.OSTEON_PT_photo) == [("osteon.image_to_skeleton",)]
    monkeypatch.undo()


def test_preferences_list_what_the_check_found(context, monkeypatch):
    addon = context.preferences.addons.new()
    addon.module = "osteon"
    try:
        before = drawn_preferences(addon.preferences)
        assert not any("missing" in str(note) for note in before)
        found = [Examined(Path("a/skel_male.pkl"), "SKEL", "male", "SKEL, male")]
        monkeypatch.setattr(preferences, "_examined", found)
        notes = drawn_preferences(addon.preferences)
        assert ["skel_male.pkl", "SKEL, male"] == notes[len(before) : len(before) + 2]
        assert "STAR is missing" in notes
        assert "star.is.tue.mpg.de" in notes
        assert "SKEL is missing" not in notes
    finally:
        context.preferences.addons.remove(addon)


def drawn_preferences(settings):
    layout = Layout()

    class Drawn:
        """The preferences with another layout."""

        def __getattr__(self, name):
            return layout if name == "layout" else getattr(settings, name)

    Drawn.bl_rna = settings.bl_rna
    preferences.OSTEON_AP_preferences.draw(Drawn(), bpy.context)
    return layout.notes
