"""Published body dimensions, and what they predict for a body of given stature and mass. Millimetres and kilograms.

Sources
-------
ANSUR II: Gordon et al. 2014, NATICK/TR-15/007, public data of 4082 men and 1986 women; means, standard deviations and
    the regressions on stature and mass were computed from the data.
Buryanov and Kotiuk 2010, Int. J. Morphol. 28(3), table I: bones of the hand, joint to joint in radiographs of 66 adults.
de Leva 1996, J. Biomech. 29(9), table 4: segment lengths of men (1741 mm) and women (1735 mm).
Harrington et al. 2007, J. Biomech. 40(3): hip centre from pelvic width and depth.
Textbook: values commonly given in osteology, recalled and not checked against one paper.
"""

from typing import NamedTuple

ANSUR = "ANSUR II"
REGRESSION = "ANSUR II, regression on stature and mass"
SCALED = "ANSUR II, scaled by stature"
UNSCALED = "ANSUR II, mean"  # of heads, which hardly grow with stature
DE_LEVA = "de Leva 1996, table 4, by stature"
TEXTBOOK = "textbook"
HARRINGTON = "Harrington 2007"
BURYANOV = "Buryanov and Kotiuk 2010"

# Mean and standard deviation: men, women.
ANSUR_II: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "stature": ((1756.2, 68.6), (1628.5, 64.2)),
    "mass": ((85.5, 14.2), (67.8, 11.0)),
    "sitting height": ((918.3, 35.7), (856.6, 33.1)),
    "span": ((1814.2, 84.6), (1660.3, 83.0)),
    "C7 height": ((1517.3, 63.3), (1395.7, 59.5)),
    "acromial height": ((1440.7, 63.3), (1335.1, 58.1)),
    "suprasternale height": ((1438.6, 61.2), (1329.7, 57.2)),
    "tenth rib height": ((1120.7, 53.6), (1056.3, 50.0)),
    "iliocristale height": ((1061.6, 52.0), (995.7, 49.7)),
    "trochanterion height": ((900.9, 49.2), (845.4, 44.7)),
    "crotch height": ((845.9, 46.5), (782.3, 44.6)),
    "mid-patella height": ((488.4, 28.1), (449.0, 26.0)),
    "lateral femoral epicondyle height": ((491.7, 26.6), (465.9, 27.1)),
    "tibiale height": ((468.2, 26.6), (437.8, 25.0)),
    "lateral malleolus height": ((72.9, 5.7), (62.7, 5.1)),
    "vertex to C7": ((238.9, 12.9), (232.8, 11.9)),
    "C7 to trochanterion": ((616.4, 31.8), (550.3, 29.4)),
    "trochanterion to epicondyle": ((409.3, 28.4), (379.4, 24.0)),
    "epicondyle to malleolus": ((418.8, 24.6), (403.2, 25.9)),
    "acromion-radiale length": ((335.2, 17.5), (311.2, 17.2)),
    "radiale-stylion length": ((267.9, 15.4), (241.3, 15.2)),
    "hand length": ((193.3, 9.9), (181.1, 10.1)),
    "hand breadth": ((88.3, 4.4), (78.2, 3.8)),
    "foot length": ((271.2, 13.1), (246.3, 12.4)),
    "foot breadth": ((101.9, 5.2), (92.7, 4.8)),
    "ball of foot length": ((200.9, 10.5), (182.1, 9.6)),
    "bimalleolar breadth": ((74.8, 4.1), (67.0, 3.5)),
    "biacromial breadth": ((415.7, 19.2), (365.3, 18.3)),
    "bicristal breadth": ((275.4, 17.5), (273.3, 22.3)),
    "hip breadth": ((345.7, 24.2), (353.8, 26.7)),
    "chest breadth": ((289.4, 18.3), (269.3, 18.6)),
    "chest depth": ((253.8, 26.2), (247.4, 27.3)),
    "waist breadth": ((326.4, 34.7), (299.9, 33.0)),
    "waist depth": ((237.8, 34.7), (213.0, 31.4)),
    "buttock depth": ((245.8, 26.5), (232.9, 24.3)),
    "head breadth": ((154.3, 5.5), (147.8, 5.2)),
    "head length": ((199.5, 7.0), (189.8, 7.4)),
}

# Intercept (mm), mm per metre of stature, mm per kilogram, residual standard deviation (mm): men, women.
REGRESSIONS: dict[str, tuple[tuple[float, float, float, float], tuple[float, float, float, float]]] = {
    "biacromial breadth": ((204.6, 91.7, 0.586, 14.5), (132.0, 128.3, 0.361, 14.7)),
    "bicristal breadth": ((105.9, 63.5, 0.679, 12.5), (165.8, 9.3, 1.362, 16.2)),
    "hip breadth": ((232.6, -6.5, 1.456, 12.8), (262.4, -31.6, 2.108, 14.9)),
    "chest breadth": ((206.2, 3.6, 0.900, 12.9), (206.4, -12.9, 1.238, 13.1)),
    "chest depth": ((258.1, -89.4, 1.785, 12.4), (277.8, -116.3, 2.347, 15.2)),
    "waist breadth": ((306.0, -103.3, 2.359, 15.9), (295.9, -113.8, 2.793, 18.2)),
    "waist depth": ((302.4, -153.3, 2.392, 16.6), (317.1, -181.0, 2.815, 16.6)),
    "buttock depth": ((259.0, -98.1, 1.860, 11.1), (263.6, -111.3, 2.222, 11.5)),
    "hand length": ((30.0, 88.3, 0.097, 7.3), (30.8, 84.7, 0.181, 7.5)),
    "foot length": ((44.9, 120.4, 0.173, 8.9), (37.9, 118.0, 0.239, 8.3)),
    "acromion-radiale length": ((-14.6, 195.5, 0.075, 10.6), (-18.5, 194.5, 0.191, 10.3)),
    "radiale-stylion length": ((-13.0, 159.1, 0.016, 10.8), (-14.9, 152.5, 0.118, 11.0)),
    "trochanterion height": ((-189.0, 631.5, -0.224, 25.7), (-121.3, 590.7, 0.069, 22.9)),
    "lateral femoral epicondyle height": ((-96.6, 336.9, -0.040, 13.6), (-72.8, 324.9, 0.143, 16.3)),
    "C7 height": ((-56.1, 883.3, 0.258, 10.7), (-84.6, 906.0, 0.072, 10.5)),
    "sitting height": ((216.7, 393.3, 0.128, 22.3), (215.3, 394.0, -0.006, 21.3)),
}

# Lengths and breadths of the bones themselves, mean and standard deviation (None: not known), for the statures of
# ANSUR II: men, women.
BONE_LENGTHS: dict[str, tuple[tuple[float, float | None], tuple[float, float | None]]] = {
    "femur": ((455, 24), (420, 22)),
    "tibia": ((370, 22), (340, 20)),
    "fibula": ((365, None), (335, None)),
    "humerus": ((330, 16), (305, 15)),
    "radius": ((245, 13), (220, 12)),
    "ulna": ((263, 13), (238, 12)),
    "clavicle": ((158, 9), (140, 8)),
    "scapula height": ((160, None), (142, None)),
    "sternum": ((155, None), (135, None)),
    "femoral bicondylar breadth": ((84, 4), (75, 4)),
    "humeral bicondylar breadth": ((64, 4), (56, 3)),
    "bitrochanteric breadth": ((320, None), (315, None)),
    "bi-iliac breadth": ((285, 17), (280, 18)),
    "pelvic width (ASIS to ASIS)": ((235, 18), (240, 20)),
    "pelvic depth (mid-ASIS to mid-PSIS)": ((157.5, None), (157.5, None)),
    "femoral head radius": ((24.5, None), (21.5, None)),
}

# Joint centre to joint centre, of the hand to the top of the third knuckle, mm: men, women; and the statures they belong to.
SEGMENTS: dict[str, tuple[float, float]] = {
    "upper arm": (281.7, 275.1),
    "forearm": (268.9, 264.3),
    "hand": (86.2, 78.0),
    "thigh": (422.2, 368.5),
    "shank": (434.0, 432.3),
}
SEGMENT_STATURE = (1741.0, 1735.0)

# Shares of stature that adults keep within; from several musculoskeletal models and de Leva, with margins.
SHARES: dict[str, tuple[float, float]] = {
    "thigh / stature": (0.230, 0.255),
    "shank / stature": (0.235, 0.255),
    "upper arm / stature": (0.155, 0.175),
    "forearm / stature": (0.140, 0.158),
    "between hip centres / stature": (0.090, 0.105),
    "between shoulder centres / stature": (0.180, 0.210),
}

# Metacarpal and phalanges from thumb to little finger.
RAYS: dict[str, tuple[float, ...]] = {
    "metacarpal / ray, thumb": (46.22, 31.57, 21.67),
    "metacarpal / ray, index": (68.12, 39.78, 22.38, 15.82),
    "metacarpal / ray, middle": (64.60, 44.63, 26.33, 17.40),
    "metacarpal / ray, ring": (58.00, 41.37, 25.65, 17.30),
    "metacarpal / ray, little": (53.69, 32.74, 18.11, 15.96),
}

HIP_TOLERANCE = 15.0  # mm per axis; Mantovani 2016 found 12.3 +- 5.9 mm in all
ADULT_STATURE = 1450.0  # mm; below it the tables for adults say nothing


# WHO growth reference 2007 (de Onis et al.): medians averaged over the ages of 4 to 17 years and both sexes, which differ by
# a percent or two; sitting height as a share of stature at ten years (Fredriks et al. 2005).
CHILD_STATURE, CHILD_BMI, CHILD_SITTING = 1401.0, 17.3, 0.522
WHO = "WHO 2007, mean of 4 to 17 years"


class Expected(NamedTuple):
    """What a publication lets one expect of a body; `sd` is None where it tells no spread."""

    value: float
    sd: float | None
    source: str


def sex_weights(gender: str) -> tuple[float, float]:
    """Shares of the men's and the women's numbers: a neutral body is held against the mean of both."""
    return {"male": (1.0, 0.0), "female": (0.0, 1.0)}.get(gender, (0.5, 0.5))


def pooled(men: tuple[float, float], women: tuple[float, float], gender: str) -> tuple[float, float]:
    """Mean and standard deviation of a population of that sex, of both in equal parts when neutral."""
    m, w = sex_weights(gender)
    mean = m * men[0] + w * women[0]
    variance = m * (men[1] ** 2 + men[0] ** 2) + w * (women[1] ** 2 + women[0] ** 2) - mean**2
    return mean, variance**0.5


def ansur_mean(measure: str, gender: str) -> Expected:
    """The population of ANSUR II as a whole."""
    return Expected(*pooled(*ANSUR_II[measure], gender), ANSUR)


def ansur_expected(measure: str, gender: str, stature: float, mass: float) -> Expected:
    """What ANSUR II lets one expect at this stature (mm) and mass (kg).

    By regression, with its residual standard deviation; where there is none, the mean scaled by stature. What stature
    explains of a height's spread, were proportions constant, is then taken off; other measures keep their whole spread,
    which is too much rather than too little.
    """
    m, w = sex_weights(gender)
    if measure in ("stature", "mass"):
        return ansur_mean(measure, gender)
    if measure.startswith("head "):
        means, spreads = zip(*ANSUR_II[measure], strict=True)
        return Expected(m * means[0] + w * means[1], m * spreads[0] + w * spreads[1], UNSCALED)
    if measure not in REGRESSIONS:
        mean, sd = _at_stature(ANSUR_II[measure], gender, stature)
        if sd is not None and (measure == "span" or (measure.endswith("height") and "malleolus" not in measure)):
            spread = m * ANSUR_II["stature"][0][1] + w * ANSUR_II["stature"][1][1]
            sd = (sd**2 - (mean / stature * spread) ** 2) ** 0.5
        return Expected(mean, sd, SCALED)
    values, residuals = [], []
    for a, per_metre, per_kilogram, residual in REGRESSIONS[measure]:
        values.append(a + per_metre * stature / 1000 + per_kilogram * mass)
        residuals.append(residual)
    return Expected(m * values[0] + w * values[1], m * residuals[0] + w * residuals[1], REGRESSION)


def child_expected(measure: str, stature: float) -> Expected | None:
    """What is published of a child of this stature (mm), None where no table was found."""
    found = {
        "stature": Expected(CHILD_STATURE, None, WHO),
        "mass": Expected(CHILD_BMI * (stature / 1000) ** 2, None, f"{WHO}, at the stature"),
        "sitting height": Expected(CHILD_SITTING * stature, None, "Fredriks 2005, ten years"),
    }
    return found.get(measure)


def bone_expected(measure: str, gender: str, stature: float) -> Expected:
    """What textbooks let one expect of a bone at this stature (mm)."""
    mean, sd = _at_stature(BONE_LENGTHS[measure], gender, stature)
    return Expected(mean, sd, f"{TEXTBOOK}, scaled by stature")


def segment_expected(segment: str, gender: str, stature: float) -> Expected:
    """De Leva's joint-to-joint length as a share of stature."""
    m, w = sex_weights(gender)
    share = m * SEGMENTS[segment][0] / SEGMENT_STATURE[0] + w * SEGMENTS[segment][1] / SEGMENT_STATURE[1]
    return Expected(share * stature, None, DE_LEVA)


def ray_expected(measure: str) -> Expected:
    """The metacarpal as a share of all bones of its finger, itself included."""
    bones = RAYS[measure]
    return Expected(bones[0] / sum(bones), None, BURYANOV)


def _at_stature(
    pair: tuple[tuple[float, float | None], tuple[float, float | None]], gender: str, stature: float
) -> tuple[float, float | None]:
    """Mean scaled to a stature, and the standard deviation within a sex, also for a neutral body."""
    m, w = sex_weights(gender)
    (men, men_sd), (women, women_sd) = pair
    (man, _), (woman, _) = ANSUR_II["stature"]
    sd = None if men_sd is None or women_sd is None else m * men_sd + w * women_sd
    return stature * (m * men / man + w * women / woman), sd


def harrington(pelvic_width: float, pelvic_depth: float) -> tuple[float, float, float]:
    """The right hip centre from the middle of the ASISs, mm: forward, up, to the right.

    Harrington et al. 2007, the regressions with one predictor each, from the bones' own ASIS and PSIS.
    """
    return -0.24 * pelvic_depth - 9.9, -0.30 * pelvic_width - 10.9, 0.33 * pelvic_width + 7.3
