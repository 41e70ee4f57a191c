"""Holds a body's dimensions against published ones, and says which deviations have a known cause."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from . import published
from .published import Expected

PERCENT = 10.0  # beyond it, or beyond `DEVIATIONS`, a row is marked
DEVIATIONS = 2.0


class Reason(NamedTuple):
    """Why a measure may deviate although the body is right, and from how many percent to how many."""

    text: str
    low: float
    high: float


_ARM = "MakeHuman's arms are short for its statures, women's forearms most; their skin leaves no room for longer bones"
_FLESH = "of the skin as MakeHuman shapes it: wider than soldiers of the same stature and mass"
_GIRDLE = "the T pose raises the shoulder girdle; ANSUR II measures hanging arms"
RANGE_SLACK = 1.0  # percent beyond a range that are not worth a mark
REASONS: dict[str, Reason] = {
    "mass": Reason("soldiers are muscular and heavy: BMI 27.7 and 25.5", -20, 0),
    "acromial height": Reason(_GIRDLE, 0, 4),
    "biacromial breadth": Reason(f"{_GIRDLE}, which moves the acromia inwards", -12, 2),
    "acromion-radiale length": Reason(f"put together as for a hanging arm; {_ARM}", -12, 8),
    "radiale-stylion length": Reason(_ARM, -14, 0),
    "forearm": Reason(_ARM, -14, 0),
    "upper arm": Reason(_ARM, -12, 0),
    "hand": Reason(
        "hand length (ANSUR II) and metacarpals (Buryanov and Kotiuk) agree; of de Leva's hands, wrist to knuckle, women's are "
        "0.045 of stature and men's 0.050",
        0,
        26,
    ),
    "humerus": Reason(_ARM, -12, 0),
    "radius": Reason(_ARM, -12, 0),
    "ulna": Reason(_ARM, -12, 0),
    "forearm / stature": Reason(_ARM, -6, 0),
    "upper arm / stature": Reason(_ARM, -8, 0),
    "clavicle": Reason(
        "between a sternum and a shoulder that MakeHuman's skin holds together more than bones would", -15, 0
    ),
    "lateral malleolus height": Reason(
        "MakeHuman's women have high ankles: there their skin shows the malleoli", 0, 14
    ),
    "ball of foot length": Reason(
        "the template's great toe is long for its metatarsal, whose head lies the farther back", -13, 0
    ),
    "hip breadth": Reason(_FLESH, 0, 18),
    "head breadth": Reason("MakeHuman's heads are narrow; the skull has the scalp's usual depth", -9, 0),
    "tibia": Reason("with malleolus and eminence; the shank, joint to joint, and tibiale agree", 0, 12),
    "fibula": Reason("as the tibia: the shank, joint to joint, agrees", 0, 12),
    "span": Reason("ANSUR II's subjects stretch; the hand's natural curl costs one to two centimetres", -4, 2),
    "sitting height": Reason("vertex to the bone of the ischium; a seat presses 1 to 2 cm of flesh below it", -4, 1),
    "mid-patella height": Reason("of the bone; the skin point is the middle of what can be palpated", -3, 3),
    "bicristal breadth": Reason("between the bones; callipers keep some flesh between them", -8, 6),
    "chest breadth": Reason(
        "MakeHuman's chests are broad, most of all men's; the raised arms' muscles beside it add 1 to 4 %", 0, 25
    ),
    "chest depth": Reason("raised arms lift the chest", -4, 10),
    "thigh": Reason(
        "women: de Leva's thigh is short since its hip centre lies low; see trochanterion to epicondyle", -5, 20
    ),
    "sternum": Reason("with the xiphoid process, 20 to 50 mm; the published length is without", -5, 45),
    "scapula height": Reason("superior to inferior angle in a straight line", -10, 10),
    "pelvic width (ASIS to ASIS)": Reason(
        "the template's anterior spines stand far apart; bi-iliac breadth agrees", 0, 13
    ),
    "between hip centres / stature": Reason(
        "within the 160 to 185 mm of adults; Harrington's, from the same pelvis, are farther apart still", 0, 3
    ),
    "between shoulder centres / stature": Reason("biacromial breadth agrees with ANSUR II", 0, 3),
    "pelvic depth (mid-ASIS to mid-PSIS)": Reason("of the bones; most published values are over the skin", -12, 6),
}
_ONLY_WOMEN = ("thigh", "lateral malleolus height")


class Row(NamedTuple):
    """One measure of a body: what it has and what is published for a body like it.

    Marks and reasons are those of the mean body and of the mean of the random ones, each.
    """

    measure: str
    unit: str
    ours: float
    published: float | None
    low: float | None  # published range, where there is no mean
    high: float | None
    sd: float | None
    percent: float | None  # ours over published
    deviations: float | None  # in sd
    source: str
    population: tuple[float, float] | None  # mean and sd of the population whatever its stature
    random_mean: float | None  # of random bodies: mean deviation, in sd where there is one, else in percent
    random_worst: float | None
    reason: str
    marked: bool


def compare(gender: str, mean: dict[str, float], others: Sequence[dict[str, float]]) -> list[Row]:
    """Rows for the mean body and random ones, each given as `anthropometry.measure` returns them."""
    adult = mean["stature"] >= published.ADULT_STATURE
    rows = []
    for measure in published.ANSUR_II:
        rows.append(_row(measure, gender, mean, others, _by_ansur, adult))
    for measure in published.SEGMENTS:
        rows.append(_row(measure, gender, mean, others, _by_de_leva, adult))
    for measure in published.BONE_LENGTHS:
        rows.append(_row(measure, gender, mean, others, _by_bones, adult))
    for measure in published.RAYS:
        rows.append(_row(measure, gender, mean, others, _by_rays, adult))
    for measure, (low, high) in published.SHARES.items():
        rows.append(_range_row(measure, gender, mean, others, low, high, adult))
    return rows


def _by_ansur(measure: str, gender: str, body: dict[str, float]) -> Expected:
    return published.ansur_expected(measure, gender, body["stature"], body["mass"])


def _by_de_leva(measure: str, gender: str, body: dict[str, float]) -> Expected:
    return published.segment_expected(measure, gender, body["stature"])


def _by_growth(measure: str, gender: str, body: dict[str, float]) -> Expected:
    expected = published.child_expected(measure, body["stature"])
    assert expected is not None
    return expected


def _by_bones(measure: str, gender: str, body: dict[str, float]) -> Expected:
    return published.bone_expected(measure, gender, body["stature"])


def _by_rays(measure: str, gender: str, body: dict[str, float]) -> Expected:
    return published.ray_expected(measure)


def _row(
    measure: str,
    gender: str,
    mean: dict[str, float],
    others: Sequence[dict[str, float]],
    expect: Callable[[str, str, dict[str, float]], Expected],
    adult: bool,
) -> Row:
    ours, unit = mean[measure], {"mass": "kg"}.get(measure, "" if measure in published.RAYS else "mm")
    if not adult:
        if published.child_expected(measure, mean["stature"]) is None:
            return _without_table(measure, unit, ours)
        expect = _by_growth
    expected = expect(measure, gender, mean)
    percent, deviations = deviation(ours, expected)
    spread = [deviation(other[measure], expect(measure, gender, other)) for other in others]
    off = np.array([p if d is None else d for p, d in spread])
    judged = [(percent, deviations)]
    if spread:
        percents, in_sd = zip(*spread, strict=True)
        judged.append((float(np.mean(percents)), None if in_sd[0] is None else float(np.mean(in_sd))))
    population = published.ansur_mean(measure, gender) if adult and measure in published.ANSUR_II else None
    text = reason(measure, gender, [percent for percent, _ in judged]) if adult else ""
    return Row(
        measure,
        unit,
        ours,
        expected.value,
        None,
        None,
        expected.sd,
        percent,
        deviations,
        expected.source,
        population and (population.value, population.sd or 0.0),
        float(off.mean()) if len(off) else None,
        float(off[np.argmax(np.abs(off))]) if len(off) else None,
        text,
        not text and any(beyond(*one) for one in judged),
    )


def _range_row(
    measure: str,
    gender: str,
    mean: dict[str, float],
    others: Sequence[dict[str, float]],
    low: float,
    high: float,
    adult: bool,
) -> Row:
    """A share of stature against the range that adults keep within; deviation in percent from the range's near end."""
    ours = mean[measure]
    if not adult:
        return _without_table(measure, "", ours)

    def off(value: float) -> float:
        return 100 * (min(value - low, 0) / low + max(value - high, 0) / high)

    spread = np.array([off(other[measure]) for other in others])
    judged = [off(ours), *([float(spread.mean())] if len(spread) else [])]
    out = max(map(abs, judged)) > RANGE_SLACK
    text = reason(measure, gender, judged) if out else ""
    return Row(
        measure,
        "",
        ours,
        None,
        low,
        high,
        None,
        off(ours),
        None,
        "range of de Leva 1996 and OpenSim models",
        None,
        float(spread.mean()) if len(spread) else None,
        float(spread[np.argmax(np.abs(spread))]) if len(spread) else None,
        text,
        out and not text,
    )


def _without_table(measure: str, unit: str, ours: float) -> Row:
    """The row of a measure of children that no table here has."""
    return Row(
        measure,
        unit,
        ours,
        published=None,
        low=None,
        high=None,
        sd=None,
        percent=None,
        deviations=None,
        source="no table for children",
        population=None,
        random_mean=None,
        random_worst=None,
        reason="",
        marked=False,
    )


def deviation(ours: float, expected: Expected) -> tuple[float, float | None]:
    """In percent of what is expected, and in its standard deviations."""
    sd = None if expected.sd is None else (ours - expected.value) / expected.sd
    return 100 * (ours / expected.value - 1), sd


def beyond(percent: float, deviations: float | None) -> bool:
    """Whether a dimension is farther off than is wanted."""
    return abs(percent) > PERCENT or abs(deviations or 0) > DEVIATIONS


def reason(measure: str, gender: str, percents: Sequence[float]) -> str:
    """Why deviations of so many percent are no fault, or "" when no known cause explains so much."""
    known = REASONS.get(measure)
    if known is None or (measure in _ONLY_WOMEN and gender == "male"):
        return ""
    return known.text if all(known.low <= percent <= known.high for percent in percents) else ""
