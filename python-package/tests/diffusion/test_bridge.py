"""The bridge: SR3's schedule, the ends of the alignment, and ResShift's posterior as a special case."""

import numpy as np
import pytest

from pdm_core.diffusion import Bridge, build_bridge
from pdm_core.diffusion.schedule import alpha_bar
from pdm_core.errors import InputError


def test_the_schedule_is_the_cumulative_product_of_sr3s_betas():
    expected = np.cumprod(1 - np.linspace(1e-6, 1e-2, 2000))
    np.testing.assert_allclose(alpha_bar(np.arange(1, 2001) / 2000), expected, rtol=1e-12)


@pytest.mark.parametrize(("start", "signal", "sigma"), [(25, 0.7316, 0.6817), (50, 0.2860, 0.9582), (100, 0.0066, 1.0)])
def test_respacing_to_a_hundred_steps_gives_the_papers_levels(start, signal, sigma):
    a, b, noise = Bridge(100, start, "none").at(1.0)
    assert (a, b, noise) == (pytest.approx(signal, abs=5e-5), 0.0, pytest.approx(sigma, abs=5e-5))


@pytest.mark.parametrize("alignment", ["linear", "cosine"])
def test_alignment_leads_from_the_high_resolution_image_to_the_low_one(alignment):
    bridge = Bridge(100, 25, alignment)
    assert bridge.at(0.0) == (1.0, 0.0, 0.0)
    a, b, sigma = bridge.at(1.0)
    assert a == 0.0
    assert b**2 + sigma**2 == pytest.approx(1.0, abs=1e-14)


def test_the_cosine_is_that_of_equation_17():
    steps = np.arange(26)
    expected = 0.5 * (np.cos(steps / 25 * np.pi) + 1)
    np.testing.assert_allclose(Bridge(100, 25, "cosine").alignment_weight(steps / 25), expected, atol=1e-15)


def test_curves_and_single_times_agree():
    bridge = Bridge(100, 30, "linear")
    times = np.linspace(0.05, 1, 7)
    np.testing.assert_array_equal(np.stack(bridge.curves(times), axis=1), [bridge.at(u) for u in times])


@pytest.mark.parametrize(("fields"), [{"start": 0}, {"start": 101}, {"alignment": "sine"}])
def test_impossible_bridges_are_refused(fields):
    with pytest.raises(InputError):
        Bridge(**{"steps": 100, "start": 25, "alignment": "cosine", **fields})


def test_unknown_fields_of_a_card_are_refused():
    with pytest.raises(InputError, match="not understood"):
        build_bridge({"stride": 3})
