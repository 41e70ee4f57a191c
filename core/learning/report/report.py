"""The report on a body as a whole: what is looked at, what is said about it, and how it is written."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...anatomy.joints import PARENTS, pose_slice
from ...bodies.load import load_body
from ...bodies.skel import Skel
from . import centres, comparison, published, sampling
from .anthropometry import DENSITY
from .observations import Case, Observation, observe_all
from .tables import Table, as_markdown, as_text, number, signed

SHAPES, POSES, MEASURED = 500, 200, 10
QUICK_SHAPES, QUICK_POSES, QUICK_MEASURED = 20, 10, 3
SHAPE_SEED, POSE_SEED = 11, 12

Progress = Callable[[float, str], None]


def body_report(
    name: str, quick: bool = False, processes: int = 2, progress: Progress = lambda fraction, text: None
) -> dict[str, Any]:
    """Everything the report says about a body, as what JSON can hold. Lengths in mm, angles in degrees.

    Parameters
    ----------
    name: as for `load_body`
    quick: few bodies and poses, for trying out
    processes: how many bodies are looked at at the same time
    progress: is told the share done and what is going on
    """
    started = time.monotonic()
    n_shapes, n_poses, n_measured = (QUICK_SHAPES, QUICK_POSES, QUICK_MEASURED) if quick else (SHAPES, POSES, MEASURED)
    body = load_body(name)
    shapes = sampling.random_shapes(n_shapes, SHAPE_SEED)
    poses, posed_shapes, rejected = sampling.random_poses(body, n_poses, POSE_SEED)
    cases = [Case(name, np.zeros(body.n_betas), None, True)]
    cases += [Case(name, betas, None, k < n_measured) for k, betas in enumerate(shapes)]
    cases += [Case(name, betas, pose) for betas, pose in zip(posed_shapes, poses, strict=True)]
    seen = observe_all(
        cases, processes, lambda done: progress(done / len(cases), f"{name}: body {done} of {len(cases)}")
    )
    mean, at_rest, posed = seen[0], seen[1 : 1 + n_shapes], seen[1 + n_shapes :]
    return {
        "body": name,
        "sex": body.gender,
        "shapes": n_shapes,
        "poses": n_poses,
        "poses_rejected": rejected,
        "density": DENSITY,
        "inside": {"rest": _inside(body, at_rest, None), "posed": _inside(body, posed, poses)},
        "joint_centres": _centres([mean, *at_rest]),
        "anthropometry": [row._asdict() for row in _dimensions(body.gender, [mean, *at_rest])],
        "hip_centre": _hips([mean, *at_rest]),
        "seconds": round(time.monotonic() - started, 1),
    }


def _inside(body: Skel, seen: Sequence[Observation], poses: np.ndarray | None) -> dict[str, Any]:
    """Section 1: the bones inside the skin."""
    shares = np.array([one.breach.inside for one in seen])
    furthest = np.array([one.breach.furthest for one in seen])
    worst = int(np.argmax(furthest))
    bones: dict[str, dict[str, float]] = {}
    for one in seen:
        if one.breach.bone:
            entry = bones.setdefault(one.breach.bone, {"bodies": 0, "furthest": 0.0})
            entry["bodies"] += 1
            entry["furthest"] = max(entry["furthest"], one.breach.furthest)
    return {
        "bodies": len(seen),
        "share_inside_mean": float(shares.mean()),
        "share_inside_worst": float(shares.min()),
        "bodies_wholly_inside": float((shares == 1).mean()),
        "furthest_outside": float(furthest.max()),
        "furthest_outside_mean": float(furthest.mean()),
        "worst_bone": seen[worst].breach.bone,
        "worst_body": worst,
        "worst_pose": None if poses is None else _angles(body, poses[worst], seen[worst].breach.bone),
        "worst_bones": dict(sorted(bones.items(), key=lambda item: -item[1]["furthest"])),
    }


def _angles(body: Skel, pose: np.ndarray, bone: str) -> dict[str, float]:
    """Degrees of the joint that carries a bone, and of the one before it."""
    if not bone:
        return {}
    part = body.bone_part_names.index(bone)
    joint = int(np.bincount(body.bone_labels[body.bone_parts == part]).argmax())
    slots = [k for j in (PARENTS[joint], joint) if j >= 0 for k in range(len(pose))[pose_slice(j)]]
    return {body.pose_names[k]: round(float(np.degrees(pose[k])), 1) for k in slots}


def _centres(seen: Sequence[Observation]) -> list[dict[str, Any]]:
    """Section 4: joint centres against the bones."""
    rows = []
    for joint in (*centres.HEADS, *centres.MIDDLES):
        off = np.array([one.misses[f"{joint}_{side}"] for one in seen for side in centres.SIDES])
        rows.append(
            {
                "joint": centres.JOINT_WORDS[joint],
                "criterion": centres.CRITERION[joint],
                "mean": float(off.mean()),
                "worst": float(off.max()),
                "tolerance": centres.TOLERANCE,
                "marked": bool(off.max() > centres.TOLERANCE),
            }
        )
    return rows


def _dimensions(gender: str, seen: Sequence[Observation]) -> list[comparison.Row]:
    """Section 5: the mean body's dimensions, and how those of random bodies deviate."""
    return comparison.compare(gender, seen[0].dimensions, [one.dimensions for one in seen[1:] if one.dimensions])


def _hips(seen: Sequence[Observation]) -> list[dict[str, Any]]:
    """Hip centres against Harrington's, for each axis."""
    found = [one.harrington for one in seen if one.harrington]
    rows = []
    for axis, off in found[0].items():
        worst = max((one[axis] for one in found), key=abs)
        rows.append(
            {
                "axis": axis,
                "mean_body": off,
                "worst": worst,
                "tolerance": published.HIP_TOLERANCE,
                "source": published.HARRINGTON,
                "marked": bool(abs(worst) > published.HIP_TOLERANCE),
            }
        )
    return rows


def tables(report: dict[str, Any]) -> list[Table]:
    """The report as tables for people."""
    return [_inside_table(report), _centres_table(report), _hip_table(report), *_dimension_tables(report)]


def _inside_table(report: dict[str, Any]) -> Table:
    rows, notes = [], []
    for key, words in (("rest", "random shapes at rest"), ("posed", "random shapes and poses")):
        part = report["inside"][key]
        rows.append(
            [
                words,
                str(part["bodies"]),
                f"{part['share_inside_mean']:.3%}",
                f"{part['share_inside_worst']:.3%}",
                f"{part['bodies_wholly_inside']:.0%}",
                number(part["furthest_outside"]),
                part["worst_bone"],
            ]
        )
        worst = list(part["worst_bones"].items())[:8]
        if worst:
            listed = ", ".join(f"{bone} {of['furthest']:.1f} mm ({of['bodies']})" for bone, of in worst)
            notes.append(f"Furthest outside, {words} (in how many bodies it was the worst): {listed}.")
        if part["worst_pose"]:
            notes.append(f"The worst pose: {', '.join(f'{k} {v:g}°' for k, v in part['worst_pose'].items())}.")
    notes.append(
        f"{report['poses_rejected']:.0%} of the drawn poses were rejected: limbs passed through trunk, head or each other."
    )
    columns = ("bodies", "number", "bone inside, mean", "least", "wholly inside", "furthest outside, mm", "which bone")
    return Table(f"{report['body']}: bones inside the skin", columns, rows, tuple(notes))


def _centres_table(report: dict[str, Any]) -> Table:
    rows = [
        [
            one["joint"],
            one["criterion"],
            number(one["mean"]),
            number(one["worst"]),
            number(one["tolerance"], 0),
            "!" if one["marked"] else "",
        ]
        for one in report["joint_centres"]
    ]
    columns = ("joint", "against", "mean, mm", "worst, mm", "wanted, mm", "mark")
    return Table(f"{report['body']}: joint centres against the bones", columns, rows)


def _hip_table(report: dict[str, Any]) -> Table:
    rows = [
        [
            one["axis"],
            signed(one["mean_body"]),
            signed(one["worst"]),
            number(one["tolerance"], 0),
            "!" if one["marked"] else "",
        ]
        for one in report["hip_centre"]
    ]
    columns = ("axis", "mean body, mm", "worst random body, mm", "wanted within, mm", "mark")
    note = "Hip centre minus that of Harrington et al. 2007, table 2, from the body's own bony ASIS and PSIS."
    return Table(f"{report['body']}: hip centre from the pelvis", columns, rows, (note,))


def _dimension_tables(report: dict[str, Any]) -> list[Table]:
    rows = []
    for one in report["anthropometry"]:
        digits = 3 if not one["unit"] else 0 if one["ours"] >= 100 else 1
        if one["published"] is not None:
            expected = number(one["published"], digits)
            if one["sd"] is not None:
                expected += f" ± {one['sd']:.{0 if one['sd'] >= 10 else 1}f}"
        else:
            expected = "" if one["low"] is None else f"{one['low']:.3f} to {one['high']:.3f}"
        population = one["population"]
        unit = "SD" if one["sd"] is not None else "%"
        spread = ""
        if one["random_mean"] is not None:
            spread = f"{one['random_mean']:+.1f} / {one['random_worst']:+.1f} {unit}"
        rows.append(
            [
                f"{one['measure']}, {one['unit']}".rstrip(", "),
                number(one["ours"], digits),
                "" if population is None else f"{population[0]:.0f} ± {population[1]:.0f}",
                expected,
                signed(one["percent"]),
                signed(one["deviations"]),
                spread,
                "!" if one["marked"] else "",
                one["source"],
                one["reason"],
            ]
        )
    columns = (
        "measure",
        "ours",
        "ANSUR II",
        "expected",
        "%",
        "SD",
        "random bodies, mean / worst",
        "mark",
        "source",
        "known reason",
    )
    marked = sum(one["marked"] for one in report["anthropometry"])
    notes = (
        f"Mass is the skin's volume times {report['density']} kg/l. Expected: for the body's own stature and mass.",
        f"Marked are {marked} rows: beyond {comparison.PERCENT:.0f} % or {comparison.DEVIATIONS:.0f} SD, "
        "without a known reason.",
    )
    return [Table(f"{report['body']}: dimensions", columns, rows, notes)]


def text(report: dict[str, Any]) -> str:
    """The report in plain text."""
    return "\n\n".join(as_text(table) for table in tables(report))


def markdown(reports: Sequence[dict[str, Any]]) -> str:
    """Reports on several bodies as one Markdown page."""
    parts = ["# Report on bodies\n"]
    parts += [as_markdown(table) for report in reports for table in tables(report)]
    return "\n".join(parts)


def write(reports: Sequence[dict[str, Any]], folder: Path) -> list[str]:
    """Writes report.md and report.json into `folder`; their names come back."""
    (folder / "report.md").write_text(markdown(reports), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(reports, indent=1), encoding="utf-8")
    return ["report.md", "report.json"]
