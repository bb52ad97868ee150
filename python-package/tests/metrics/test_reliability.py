"""An uncertainty that is right is found right, one that is not is not."""

import numpy as np
import pytest

from pdm_core.metrics.bootstrap import interval_of_mean
from pdm_core.metrics.reliability import mean_reliability, reliability

SAMPLES = 8


@pytest.fixture(scope="module")
def drawn():
    """A truth and samples that are drawn alike, with a spread that differs from pixel to pixel: mean, truth, spread."""
    random = np.random.default_rng(0)
    width = np.linspace(0.01, 0.2, 100_000)
    truth, *samples = random.standard_normal((SAMPLES + 1, len(width))) * width
    return np.mean(samples, axis=0), truth, np.std(samples, axis=0, ddof=1)


def test_a_truth_drawn_like_the_samples_is_as_far_as_they_say(drawn):
    found = reliability(*drawn, SAMPLES)
    # A bin of small spreads holds those that are small by chance: with few samples the curve is flatter than the diagonal.
    assert np.all(np.diff(found.predicted) > 0) and np.all(np.diff(found.observed) > 0)
    assert found.calibration_error < 0.15 * found.error and found.correlation > 0.4
    total = np.sqrt(np.mean(np.square(found.predicted)))
    assert total == pytest.approx(found.error, rel=0.01)


def test_confidence_that_is_not_earned_and_uncertainty_without_meaning_are_seen(drawn):
    mean, truth, spread = drawn
    honest = reliability(mean, truth, spread, SAMPLES)
    boastful = reliability(mean, truth, spread / 3, SAMPLES)
    assert boastful.calibration_error == pytest.approx(honest.error * 2 / 3, rel=0.15)
    assert boastful.correlation == pytest.approx(honest.correlation)
    shuffled = reliability(mean, truth, np.random.default_rng(1).permutation(spread), SAMPLES)
    assert abs(shuffled.correlation) < 0.02 and np.ptp(shuffled.observed) < 0.1 * shuffled.error
    assert reliability(mean, truth, np.full_like(spread, 0.1), SAMPLES).correlation == 0.0


def test_cases_are_averaged_bin_by_bin(drawn):
    mean, truth, spread = drawn
    one, two = (reliability(scale * mean, scale * truth, scale * spread, SAMPLES) for scale in (1.0, 3.0))
    both = mean_reliability([one, two])
    np.testing.assert_allclose(both.observed, 2 * np.array(one.observed))
    assert both.correlation == pytest.approx(one.correlation) and both.error == pytest.approx(2 * one.error)


def test_the_interval_of_a_known_mean_covers_it_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        # Two cases far apart, whose slices differ little: the strata keep the distance of the cases out of the interval.
        low, high = interval_of_mean([random.normal(centre, 1.0, 40) for centre in (-10.0, 10.4)])
        assert high - low < 1.0
        covered += low < 0.2 < high
    assert covered >= 52
