"""The report on a body as a whole: what is looked at, what is said about it, and how it is written."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...anatomy.joints import PARENTS, pose_slice
from ...bodies.load import load_skel
from ...bodies.skel import Skel
from . import centres, comparison, contact, published, sampling, soft_tissue
from .anthropometry import DENSITY
from .bone_growth import growth_report
from .observations import Case, Observation, observe_all
from .report_tables import tables
from .summary import summary
from .tables import as_markdown, as_text

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
    name: as for `load_skel`
    quick: few bodies and poses, for trying out
    processes: how many bodies are looked at at the same time
    progress: is told the share done and what is going on
    """
    started = time.monotonic()
    n_shapes, n_poses, n_measured = (QUICK_SHAPES, QUICK_POSES, QUICK_MEASURED) if quick else (SHAPES, POSES, MEASURED)
    body = load_skel(name)
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
        "inside": {
            "rest": _inside(body, at_rest, shapes),
            "posed": _inside(body, posed, posed_shapes, poses),
        },
        "soft_tissue": _soft_tissue(at_rest, posed),
        "bone_contact": _contacts(mean, posed),
        "joint_spaces": _joint_spaces([mean, *at_rest]),
        "scapula": _scapulae([mean, *at_rest], posed),
        "joint_centres": _centres([mean, *at_rest]),
        "bone_growth": growth_report(body, shapes),
        "anthropometry": [row._asdict() for row in _dimensions(body.gender, [mean, *at_rest])],
        "hip_centre": _hips([mean, *at_rest]),
        "seconds": round(time.monotonic() - started, 1),
    }


def _inside(
    body: Skel, seen: Sequence[Observation], shapes: np.ndarray, poses: np.ndarray | None = None
) -> dict[str, Any]:
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
        "worst_pose_degrees": None if poses is None else np.degrees(poses[worst]).round(2).tolist(),
        "worst_betas": shapes[worst].round(4).tolist(),
        "worst_bones": dict(sorted(bones.items(), key=lambda item: -item[1]["furthest"])),
    }


def _angles(body: Skel, pose: np.ndarray, bone: str) -> dict[str, float]:
    """Degrees of the joint that carries a bone, of the one before it and of those behind it."""
    if not bone:
        return {}
    part = body.bone_part_names.index(bone)
    joint = int(np.bincount(body.bone_labels[body.bone_parts == part]).argmax())
    near = [j for j in range(len(PARENTS)) if joint in (j, PARENTS[j]) or j == PARENTS[joint]]
    slots = [k for j in near for k in range(len(pose))[pose_slice(j)]]
    return {body.pose_names[k]: round(float(np.degrees(pose[k])), 1) for k in slots}


def _soft_tissue(at_rest: Sequence[Observation], posed: Sequence[Observation]) -> list[dict[str, Any]]:
    """Section 2: soft tissue over the bones, mm."""
    rows = []
    for site, wanted in soft_tissue.PUBLISHED.items():
        rest, moved = (
            np.array([depth for one in seen for depth in one.depths.get(site, [])]) for seen in (at_rest, posed)
        )
        mark = soft_tissue.mark(wanted, rest, moved)
        rows.append(
            {
                "site": site,
                "typical": wanted.typical,
                "low": wanted.low,
                "high": wanted.high,
                "source": wanted.source,
                "rest": _spread(rest),
                "off_typical": soft_tissue.off_typical(wanted, rest),
                "posed": _spread(moved) if len(moved) else None,
                "mark": mark,
                "reason": soft_tissue.reason(site, rest, moved) if mark else "",
            }
        )
    return rows


def _spread(values: np.ndarray) -> dict[str, float]:
    return {"mean": float(values.mean()), "least": float(values.min()), "most": float(values.max())}


def _contacts(mean: Observation, posed: Sequence[Observation]) -> dict[str, Any]:
    """Section 3: bones that enter each other although they share no joint, mm."""
    deepest: dict[tuple[str, str], list[float]] = {}
    for one in posed:
        for found in one.intersections:
            deepest.setdefault((found.one, found.other), []).append(found.depth)
    at_rest = {(found.one, found.other): found.depth for found in mean.intersections}
    pairs: list[dict[str, Any]] = [
        {
            "one": pair[0],
            "other": pair[1],
            "rest": at_rest.get(pair, 0.0),
            "worst": max(deepest.get(pair, [0.0])),
            "poses": len(deepest.get(pair, [])),
        }
        for pair in {**deepest, **at_rest}
    ]
    pairs.sort(key=lambda pair: max(pair["worst"], pair["rest"]), reverse=True)
    worst = [max((found.depth for found in one.intersections), default=0.0) for one in posed]
    return {
        "deepest_at_rest": max(at_rest.values(), default=0.0),
        "deepest": max(worst, default=0.0),
        "deepest_mean": float(np.mean(worst)),
        "poses_beyond_tolerance": float(np.mean(np.array(worst) > contact.TOLERANCE)),
        "tolerance": contact.TOLERANCE,
        "pairs": pairs,
    }


def _joint_spaces(seen: Sequence[Observation]) -> list[dict[str, Any]]:
    """Section 3: how far bones that share a joint are from each other, mm, widest first; of the bodies that are measured."""
    mean, *others = [one.joint_spaces for one in seen if one.joint_spaces]
    widest = {pair: max(space, *(other[pair] for other in others)) for pair, space in mean.items()}
    return [
        {
            "one": pair[0],
            "other": pair[1],
            "mean_body": mean[pair],
            "widest": most,
            "marked": most > contact.JOINT_SPACE,
        }
        for pair, most in sorted(widest.items(), key=lambda item: -item[1])
    ]


def _scapulae(at_rest: Sequence[Observation], posed: Sequence[Observation]) -> list[dict[str, Any]]:
    """Section 3: the gap between scapula and ribs, mm."""
    rows = []
    for words, seen in (("random shapes at rest", at_rest), ("random shapes and poses", posed)):
        gaps = np.array([pair for one in seen for pair in one.gaps.values()])
        low, high = contact.SCAPULAR_GAP
        rows.append(
            {
                "bodies": words,
                "gap": _spread(gaps[:, 0]),
                "within_range": float(((gaps[:, 0] >= low) & (gaps[:, 0] <= high)).mean()),
                "in_cage": _spread(gaps[:, 1]),
                "low": low,
                "high": high,
                "marked": bool(gaps[:, 0].min() < low or gaps[:, 0].max() > high),
            }
        )
    return rows


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
                "tolerance": centres.TOLERANCE[joint],
                "marked": bool(off.max() > centres.TOLERANCE[joint]),
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


def text(reports: Sequence[dict[str, Any]]) -> str:
    """Reports on several bodies in plain text, their main figures first."""
    return "\n\n".join(as_text(table) for table in [summary(reports), *(t for one in reports for t in tables(one))])


def markdown(reports: Sequence[dict[str, Any]]) -> str:
    """Reports on several bodies as one Markdown page."""
    parts = ["# Report on bodies\n", as_markdown(summary(reports))]
    parts += [as_markdown(table) for report in reports for table in tables(report)]
    return "\n".join(parts)


def write(reports: Sequence[dict[str, Any]], folder: Path) -> list[str]:
    """Writes report.md and report.json into `folder`; their names come back."""
    (folder / "report.md").write_text(markdown(reports), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(reports, indent=1), encoding="utf-8")
    return ["report.md", "report.json"]
