"""Detection of a scanner's own zero filling, on images whose true bandwidth we made ourselves."""

import numpy as np
import pytest
import torch

from pdm_core.degradation.bandwidth import Bandwidth, true_bandwidth
from pdm_core.degradation.kspace import downsample, upsample


def a_natural_spectrum(size=384, seed=0):
    """Noise whose amplitude falls as 1/|k|, on a floor of white noise, as magnitude images have it."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size), indexing="ij"))
    spectrum = np.fft.fft2(random.standard_normal((4, size, size))) / np.maximum(frequency, 1 / size)
    images = np.fft.ifft2(spectrum).real
    return (images / images.std() + 0.02 * random.standard_normal(images.shape)).astype(np.float32)


def test_a_fully_sampled_image_is_left_alone():
    assert true_bandwidth(a_natural_spectrum()) == Bandwidth(1.0, 1.0)


@pytest.mark.parametrize(("rows", "columns"), [(192, 192), (230, 384), (384, 180), (288, 211)])
def test_zero_filling_is_found_on_each_axis(rows, columns):
    images = torch.from_numpy(a_natural_spectrum())
    filled = upsample(downsample(images, (rows, columns)), (384, 384)).numpy()
    found = true_bandwidth(np.round(200 * filled) / 200)
    assert found.rows == pytest.approx(rows / 384, rel=0.02)
    assert found.columns == pytest.approx(columns / 384, rel=0.02)
    assert found.interpolated


def test_nothing_measured_is_cut_away():
    images = torch.from_numpy(a_natural_spectrum())
    filled = upsample(downsample(images, (200, 200)), (384, 384)).numpy()
    assert min(true_bandwidth(filled).true_size((384, 384))) >= 200 - 4


@pytest.mark.parametrize("share", [0.4, 0.5, 0.625, 0.75])
@pytest.mark.parametrize("case", ["prostatex/ProstateX-0000/t2_tra", "prostate158/P158-valid-020/t2_tra"])
def test_the_matrix_of_a_made_interpolation_is_recovered_within_two_percent(shared_data, case, share):
    from pdm_core.volume import read_volume

    slices = torch.from_numpy(read_volume(shared_data / "prostate" / f"{case}.nii.gz").array[8:14])
    size = slices.shape[1:]
    low = (round(share * size[0]), round(share * size[1]))
    filled = upsample(downsample(slices, low), size).abs().round().numpy()
    assert true_bandwidth(filled).true_size(size) == pytest.approx(low, rel=0.02)


def test_a_small_matrix_gives_no_verdict():
    assert not true_bandwidth(np.random.default_rng(0).standard_normal((1, 48, 48))).interpolated


@pytest.mark.parametrize(
    ("case", "interpolated"),
    [
        ("prostate/prostate_mri_nci/MIP-PROSTATE-01-0001/t2_tra.nii.gz", True),
        ("prostate/prostate_mri_nci/MIP-PROSTATE-01-0008/t2_tra.nii.gz", True),
        ("prostate/prostatex/ProstateX-0000/t2_tra.nii.gz", False),
        ("prostate/prostate3t/Prostate3T-03-0005/t2_tra.nii.gz", False),
    ],
)
def test_real_series_are_told_apart(shared_data, case, interpolated):
    from pdm_core.volume import read_volume

    assert true_bandwidth(read_volume(shared_data / case).array).interpolated is interpolated
