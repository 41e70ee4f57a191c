import numpy as np
import pytest
from osteon.core.anatomy.joints import JOINT_INDEX
from osteon.core.learning.report import anthropometry, comparison, published

MEANS = {"male": (1756.2, 85.5), "female": (1628.5, 67.8)}


@pytest.mark.parametrize("sex", MEANS)
@pytest.mark.parametrize("measure", published.REGRESSIONS)
def test_regressions_pass_through_the_means(measure, sex):
    """A least-squares regression does; a wrong coefficient would not."""
    expected = published.ansur_expected(measure, sex, *MEANS[sex])
    mean = published.ANSUR_II[measure][0 if sex == "male" else 1]
    assert expected.value == pytest.approx(mean[0], abs=1.0)
    assert expected.sd < mean[1]


def test_regression_values():
    # Bi-acromial breadth of a man of 1.80 m and 80 kg, by hand.
    expected = published.ansur_expected("biacromial breadth", "male", 1800, 80)
    assert expected.value == pytest.approx(204.6 + 91.7 * 1.8 + 0.586 * 80)
    assert expected.sd == 14.5
    woman = published.ansur_expected("biacromial breadth", "female", 1800, 80)
    neutral = published.ansur_expected("biacromial breadth", "neutral", 1800, 80)
    assert neutral.value == pytest.approx((expected.value + woman.value) / 2)


def test_without_regression_the_mean_grows_with_stature_but_not_the_head():
    assert published.ansur_expected("crotch height", "male", 2 * 1756.2, 80).value == pytest.approx(2 * 845.9)
    assert published.ansur_expected("head breadth", "male", 2 * 1756.2, 80).value == pytest.approx(154.3)


def test_pooled_spread_of_a_neutral_body():
    """Two equal groups one standard deviation to each side of their middle."""
    assert published.pooled((11.0, 1.0), (9.0, 1.0), "neutral") == pytest.approx((10.0, 2**0.5))
    assert published.pooled((11.0, 1.0), (9.0, 3.0), "female") == pytest.approx((9.0, 3.0))


def test_harrington_on_the_pelvis_of_a_published_model():
    """The bony ASIS and PSIS of Pose2Sim's model; Harrington's centre worked out by hand in the model's axes."""
    sites = {"asis_r": 0, "asis_l": 1, "psis_r": 2, "psis_l": 3}
    # OpenSim's forward, up, right to left, up, forward.
    turned = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]])
    bones = np.array([[0, 0, 118.7], [0, 0, -118.7], [-143, 38, 56], [-143, 38, -56]]) / 1000 @ turned.T
    joints = np.zeros((24, 3))
    joints[JOINT_INDEX["femur_r"]] = turned @ [-0.0650, -0.0675, 0.0855]
    joints[JOINT_INDEX["femur_l"]] = turned @ [-0.0650, -0.0675, -0.0855]
    off = anthropometry.hip_from_harrington(sites, bones, joints)
    assert list(off.values()) == pytest.approx([0, 0, 0], abs=0.3)
    joints[:, 1] += 0.01
    assert anthropometry.hip_from_harrington(sites, bones, joints)["up"] > 9


@pytest.fixture
def average():
    """A man as published, in everything."""
    found = {measure: men[0] for measure, (men, _) in published.ANSUR_II.items()}
    stature = found["stature"]
    found |= {measure: published.segment_expected(measure, "male", stature).value for measure in published.SEGMENTS}
    found |= {measure: men[0] for measure, (men, _) in published.BONE_LENGTHS.items()}
    found |= {measure: bones[0] / sum(bones) for measure, bones in published.RAYS.items()}
    return found | {measure: (low + high) / 2 for measure, (low, high) in published.SHARES.items()}


def row(rows, measure):
    return next(one for one in rows if one.measure == measure)


def test_an_average_man_deviates_nowhere(average):
    rows = comparison.compare("male", average, [average])
    assert not [one.measure for one in rows if one.marked]
    assert max(abs(one.percent) for one in rows) < 1


def test_what_has_no_reason_is_marked(average):
    rows = comparison.compare("male", average | {"foot length": 320.0}, [average])
    assert row(rows, "foot length").marked
    assert row(rows, "foot length").percent > 10


def test_a_reason_explains_only_so_much(average):
    little, much = (average | {"chest breadth": 289.4 * factor} for factor in (1.105, 1.3))
    assert row(comparison.compare("male", little, []), "chest breadth").reason
    assert not row(comparison.compare("male", little, []), "chest breadth").marked
    assert row(comparison.compare("male", much, []), "chest breadth").marked


def test_de_levas_thigh_is_no_measure_of_women(average):
    thigh = published.segment_expected("thigh", "female", average["stature"]).value
    women = comparison.compare("female", average | {"thigh": 1.12 * thigh}, [])
    assert not row(women, "thigh").marked
    men = comparison.compare("male", average | {"thigh": 1.12 * average["thigh"]}, [])
    assert row(men, "thigh").marked


def test_shares_of_stature_have_a_range(average):
    rows = comparison.compare("male", average | {"forearm / stature": 0.125}, [average])
    assert row(rows, "forearm / stature").marked
    assert row(rows, "forearm / stature").percent == pytest.approx(100 * (0.125 - 0.140) / 0.140)


def test_children_are_not_held_against_adults(average):
    child = average | {"stature": 1200.0, "mass": 26.0, "sitting height": 630.0}
    rows = {one.measure: one for one in comparison.compare("male", child, [])}
    growth = {name: rows.pop(name) for name in ("stature", "mass", "sitting height")}
    assert all(one.published is None and not one.marked for one in rows.values())
    assert growth["stature"].marked  # a body of ten years is not that small
    assert growth["mass"].published == pytest.approx(17.3 * 1.2**2)
    assert growth["sitting height"].percent == pytest.approx(100 * (630 / (0.522 * 1200) - 1))
