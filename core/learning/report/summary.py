"""The main figures of several reports side by side, one column for each body."""

from collections.abc import Callable, Sequence
from typing import Any

from .bone_growth import UNEQUAL, times
from .comparison import DEVIATIONS, PERCENT, beyond
from .contact import JOINT_SPACE
from .published import HIP_TOLERANCE
from .tables import Table, number, signed

ENTERING = 2.0  # mm that bones which share no joint may enter each other in any pose
OUTSIDE_POSED = 8.0  # mm that a bone may come out of the skin in any pose
Report = dict[str, Any]


def summary(reports: Sequence[Report]) -> Table:
    """One row for each figure, and what is wanted of it."""
    columns = ("figure", "wanted", *(report["body"] for report in reports))
    rows = [[words, wanted, *map(figure, reports)] for words, wanted, figure in _figures(reports[0])]
    return Table("Summary", columns, rows)


def _figures(report: Report) -> list[tuple[str, str, Callable[[Report], str]]]:
    low, high = (report["scapula"][0][end] for end in ("low", "high"))
    rest, posed = f"{report['shapes']} shapes at rest", f"{report['poses']} shapes and poses"
    return [
        (f"bones inside, {rest}: share, furthest out", "1 mm", _inside_at_rest),
        (f"bones inside, {posed}: share", "99.5 %", lambda r: f"{r['inside']['posed']['share_inside_mean']:.2%}"),
        ("their furthest out, in the mean pose and the worst", f"{OUTSIDE_POSED:g} mm", _outside_posed),
        ("bones that share no joint enter each other, in the mean pose and the worst", f"{ENTERING:g} mm", _entering),
        (f"pairs of bones that do so by more than {ENTERING:g} mm in any of the poses", "0", _pairs),
        (
            f"joints whose bones are more than {JOINT_SPACE:g} mm apart in any of the measured bodies; the widest",
            "",
            _joint_spaces,
        ),
        (f"scapula off the ribs at rest: within {low:g} to {high:g} mm; least, most", "all", lambda r: _gap(r, 0)),
        (f"scapula off the ribs posed: within {low:g} to {high:g} mm; least, most", "all", lambda r: _gap(r, 1)),
        ("joint centres against bones: hip and shoulder, worst", *_joints(report, ("hip", "shoulder"))),
        ("knee, ankle, elbow, wrist, worst", *_joints(report, ("knee", "ankle", "elbow", "wrist"))),
        ("bones grow unequally, along one axis over another, worst", f"{UNEQUAL:g}", _growth),
        ("hip centre against Harrington, mean body: forward, up, out", f"{HIP_TOLERANCE:g} mm", _hip),
        (
            f"dimensions that were compared; beyond {PERCENT:g} %, {DEVIATIONS:g} SD or a range; of these without a reason",
            "",
            _dimensions,
        ),
        ("sites of soft tissue; out of their range or nearer than 1 mm; of these without a reason", "", _soft_tissue),
    ]


def _inside_at_rest(report: Report) -> str:
    part = report["inside"]["rest"]
    return f"{part['share_inside_mean']:.2%}, {number(part['furthest_outside'])} mm"


def _outside_posed(report: Report) -> str:
    part = report["inside"]["posed"]
    worst = f"{number(part['furthest_outside_mean'])}, {number(part['furthest_outside'])} mm"
    return f"{worst} ({part['worst_bone'].replace('_', ' ')})" if part["worst_bone"] else worst


def _entering(report: Report) -> str:
    part = report["bone_contact"]
    return f"{number(part['deepest_mean'])}, {number(part['deepest'])} mm"


def _pairs(report: Report) -> str:
    return str(sum(pair["worst"] > ENTERING for pair in report["bone_contact"]["pairs"]))


def _joint_spaces(report: Report) -> str:
    rows = report["joint_spaces"]
    names = " and ".join(rows[0][end].removesuffix("_r").replace("_", " ") for end in ("one", "other"))
    return f"{sum(row['marked'] for row in rows)}; {number(rows[0]['widest'])} mm ({names})"


def _gap(report: Report, row: int) -> str:
    found = report["scapula"][row]
    return f"{found['within_range']:.1%}; {number(found['gap']['least'])}, {number(found['gap']['most'])} mm"


def _joints(report: Report, names: tuple[str, ...]) -> tuple[str, Callable[[Report], str]]:
    def worst(report: Report) -> str:
        return f"{max(row['worst'] for row in of(report)):.1f} mm"

    def of(report: Report) -> list[Report]:
        return [row for row in report["joint_centres"] if row["joint"] in names]

    return f"{of(report)[0]['tolerance']:g} mm", worst


def _growth(report: Report) -> str:
    found = report["bone_growth"]
    return "" if found is None else f"{times(found['worst'])} ({found['bones'][0]['bone'].replace('_', ' ')})"


def _hip(report: Report) -> str:
    return ", ".join(signed(row["mean_body"]) for row in report["hip_centre"])


def _dimensions(report: Report) -> str:
    rows = [row for row in report["anthropometry"] if row["percent"] is not None]
    marked = sum(row["marked"] for row in rows)
    return f"{len(rows)}; {sum(map(_beyond, rows))}; {marked}"


def _soft_tissue(report: Report) -> str:
    rows = report["soft_tissue"]
    marked = [row for row in rows if row["mark"]]
    return f"{len(rows)}; {len(marked)}; {sum(not row['reason'] for row in marked)}"


def _beyond(row: Report) -> bool:
    """Whether a dimension is marked, or would be if there were no reason."""
    if row["low"] is not None:  # against a range, which alone needs a reason only where it is left
        return bool(row["marked"] or row["reason"])
    return bool(row["marked"]) or beyond(row["percent"], row["deviations"])
