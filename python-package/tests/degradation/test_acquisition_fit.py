"""What was measured of slices, found by comparing them with an estimate of what they depict."""

import numpy as np
import pytest
import torch

from pdm_core.degradation.acquisition import Acquisition, Filter, Shutter
from pdm_core.degradation.acquisition_fit import fitted_acquisition
from pdm_core.degradation.kspace import downsample
from pdm_core.degradation.random_acquisition import RandomAcquisitions

MATRIX = (80, 72)


def slices(seed=0):
    """Noise whose amplitude falls as 1/|k|, (3, 1, 160, 144)."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(160), np.fft.fftfreq(144), indexing="ij"))
    spectrum = np.fft.fft2(random.standard_normal((3, 1, 160, 144))) / np.maximum(frequency, 1 / 160)
    return torch.from_numpy(np.fft.ifft2(spectrum).real)


def error_of(found, true):
    return float((found.transfer() - true.transfer()).abs().mean())


def test_slices_that_an_estimate_leaves_alone_were_measured_as_a_plain_box():
    low = downsample(slices(), MATRIX)
    assert fitted_acquisition(low, low) == Acquisition(MATRIX)
    # Noise of the estimate is not mistaken for a filter.
    assert fitted_acquisition(low, low + 0.02 * low.std() * torch.randn(low.shape, dtype=low.dtype)).box


@pytest.mark.parametrize("shutter", [None, Shutter(0.92, 1.0)])
@pytest.mark.parametrize("weight", [0.54, 0.7, 0.8, 0.9])
def test_a_filter_and_a_shutter_are_recovered_from_the_truth(shutter, weight):
    true = Acquisition(MATRIX, shutter, Filter("hamming", weight=weight))
    found = fitted_acquisition(true.reduce(slices()), downsample(slices(), MATRIX))
    assert found.filter.kind == "hamming" and found.filter.weight == pytest.approx(weight, abs=0.03)
    # Under a strong filter next to nothing is left of the corners that a shutter could take.
    assert weight < 0.7 or (found.shutter is None) == (shutter is None)
    assert error_of(found, true) < 0.03


def test_random_acquisitions_are_found_from_the_truth():
    random, x = np.random.default_rng(0), slices()
    errors = []
    for _ in range(200):
        true = RandomAcquisitions().draw(MATRIX, "wrap", random)
        errors.append(error_of(fitted_acquisition(true.reduce(x), downsample(x, MATRIX)), true))
    assert np.median(errors) < 0.015 and np.quantile(errors, 0.95) < 0.05


def test_a_cautious_estimate_is_taken_at_its_word():
    """Of an estimate that undoes half of a filter less is given up than was filtered, never more."""
    x, true = slices(), Acquisition(MATRIX, None, Filter("hamming"))
    low = true.reduce(x)
    found = fitted_acquisition(low, 0.5 * (low + downsample(x, MATRIX)))
    assert (found.transfer() >= true.transfer() - 0.02).all()
    assert 0.55 < found.filter.weight < 0.95


def test_borders_are_passed_on():
    low = downsample(slices(), MATRIX)
    assert fitted_acquisition(low, low, "cut").borders == "cut"
