"""The figures of a report (`body_report`) as tables for people."""

from typing import Any

from . import comparison, contact, soft_tissue
from .bone_growth import times
from .tables import Table, number, signed

LISTED_PAIRS, LISTED_JOINTS = 15, 15


def tables(report: dict[str, Any]) -> list[Table]:
    """The report as tables for people."""
    return [
        _inside_table(report),
        _depth_table(report),
        _contact_table(report),
        _joint_space_table(report),
        _scapula_table(report),
        _centres_table(report),
        *_growth_tables(report),
        _hip_table(report),
        _dimension_table(report),
    ]


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


def _depth_table(report: dict[str, Any]) -> Table:
    rows = [
        [
            one["site"],
            " to ".join(f"{end:g}" for end in dict.fromkeys(one["typical"])),
            f"{one['low']:g} to {one['high']:g}",
            *_cells(one["rest"]),
            signed(one["off_typical"]) if one["off_typical"] else "",
            *_cells(one["posed"]),
            one["mark"],
            one["reason"],
            one["source"],
        ]
        for one in report["soft_tissue"]
    ]
    columns = (
        "site",
        "typical",
        "range",
        "rest mean",
        "least",
        "most",
        "off typical",
        "posed mean",
        "least",
        "most",
        "mark",
        "known reason",
        "source",
    )
    marked = [one for one in report["soft_tissue"] if one["mark"]]
    notes = (
        "Millimetres from the bone to the nearest skin, negative outside; both sides, all random shapes and poses.",
        f"Marked are {len(marked)} rows: a mean out of the range, or bone nearer than {soft_tissue.THROUGH:g} mm to the skin; "
        f"{sum(not one['reason'] for one in marked)} of them without a known reason.",
    )
    return Table(f"{report['body']}: soft tissue over the bones", columns, rows, notes)


def _cells(spread: dict[str, float] | None) -> list[str]:
    return [number(None if spread is None else spread[key]) for key in ("mean", "least", "most")]


def _contact_table(report: dict[str, Any]) -> Table:
    part = report["bone_contact"]
    rows = [
        [
            f"{pair['one']} and {pair['other']}",
            number(pair["rest"]),
            number(pair["worst"]),
            f"{pair['poses']} of {report['poses']}",
            "!" if max(pair["rest"], pair["worst"]) > part["tolerance"] else "",
        ]
        for pair in part["pairs"][:LISTED_PAIRS]
    ]
    notes = (
        f"Bones that share no joint, and how deep a vertex of one lies within the other: {part['deepest_at_rest']:.1f} mm "
        f"in the mean body at rest, {part['deepest']:.1f} mm at most and {part['deepest_mean']:.1f} mm on average over "
        f"the poses; more than {part['tolerance']:g} mm in {part['poses_beyond_tolerance']:.0%} of them. "
        f"Listed are the worst of {len(part['pairs'])} pairs.",
    )
    columns = ("bones", "mean body at rest, mm", "worst pose, mm", "in poses", "mark")
    return Table(f"{report['body']}: bones against bones", columns, rows, notes)


def _joint_space_table(report: dict[str, Any]) -> Table:
    part = report["joint_spaces"]
    rows = [
        [
            f"{row['one']} and {row['other']}",
            number(row["mean_body"]),
            number(row["widest"]),
            "!" if row["marked"] else "",
        ]
        for row in part[:LISTED_JOINTS]
    ]
    space = contact.JOINT_SPACE
    notes = (
        f"How far from each other bones are that share a joint, in the mean body and the random ones that are measured. Of "
        f"{len(part)} joints of the right side and the midline {sum(row['marked'] for row in part)} are wider than "
        f"{space:g} mm in one of them; cartilage has 2 to 6, discs of the spine have up to 12. Listed are the widest.",
    )
    columns = ("bones", "mean body at rest, mm", "widest random body, mm", "mark")
    return Table(f"{report['body']}: bones in their joints", columns, rows, notes)


def _scapula_table(report: dict[str, Any]) -> Table:
    rows = [
        [
            one["bodies"],
            *_cells(one["gap"]),
            f"{one['low']:g} to {one['high']:g}",
            f"{one['within_range']:.0%}",
            number(one["in_cage"]["mean"]),
            number(one["in_cage"]["most"]),
            "!" if one["marked"] else "",
        ]
        for one in report["scapula"]
    ]
    columns = ("bodies", "gap, mean", "least", "most", "wanted", "within", "in the cage, mean", "most", "mark")
    notes = (
        "Millimetres from the costal surface of the scapula to the nearest rib, negative within it; "
        "and how deep the scapula enters the hull of ribs 2 to 8.",
    )
    return Table(f"{report['body']}: scapulae and ribs", columns, rows, notes)


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


def _growth_tables(report: dict[str, Any]) -> list[Table]:
    part = report["bone_growth"]
    if part is None:
        return []
    rows = [
        [bone["bone"], times(bone["worst"]), times(bone["percentile_95"]), "!" if bone["marked"] else ""]
        for bone in part["bones"]
    ]
    note = (
        "How many times as much a random shape makes a bone grow along one of its axes as along another. Listed are the "
        f"worst bones; marked is more than {part['tolerance']:g}, where a bone is flattened."
    )
    columns = ("bone", "worst shape", "95 % of the shapes", "mark")
    return [Table(f"{report['body']}: bones keep their shape", columns, rows, (note,))]


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
    note = "Hip centre minus that of Harrington et al. 2007, from the body's own bony ASIS and PSIS."
    return Table(f"{report['body']}: hip centre from the pelvis", columns, rows, (note,))


def _dimension_table(report: dict[str, Any]) -> Table:
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
        f"Mass is the skin's volume times {report['density'] / 1000:.2f} kg/l. Expected: for the body's own stature and mass.",
        f"Marked are {marked} rows: beyond {comparison.PERCENT:.0f} % or {comparison.DEVIATIONS:.0f} SD, "
        f"or {comparison.RANGE_SLACK:g} % beyond a range, without a known reason.",
    )
    return Table(f"{report['body']}: dimensions", columns, rows, notes)
