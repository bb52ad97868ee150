"""Metrics against scikit-image and MONAI, and by their own identities."""

import numpy as np
import pytest
import torch
from skimage.metrics import normalized_root_mse, peak_signal_noise_ratio, structural_similarity

from pdm_core.baselines.bicubic import bicubic
from pdm_core.degradation.kspace import downsample, project
from pdm_core.metrics.image_quality import MetricConvention, consistency, high_frequency_error, nrmse, psnr, psnr_ssim, ssim


@pytest.fixture
def a_pair():
    generator = torch.Generator().manual_seed(0)
    reference = project(torch.rand((2, 1, 64, 60), generator=generator, dtype=torch.float64), (31, 30))
    return reference + 0.03 * torch.randn(reference.shape, generator=generator, dtype=torch.float64), reference


def test_psnr_and_nrmse_are_scikit_images_and_monais(a_pair):
    monai = pytest.importorskip("monai.metrics")
    ours, relative = psnr(*a_pair), nrmse(*a_pair)
    torch.testing.assert_close(ours, monai.PSNRMetric(max_val=1.0)(*a_pair)[:, 0], rtol=0, atol=1e-6)
    for index in range(2):
        image, reference = (values[index, 0].numpy() for values in a_pair)
        assert ours[index].item() == pytest.approx(peak_signal_noise_ratio(reference, image, data_range=1.0), abs=1e-9)
        assert relative[index].item() == pytest.approx(normalized_root_mse(reference, image), abs=1e-9)


def test_gaussian_ssim_is_scikit_images_and_monais(a_pair):
    monai = pytest.importorskip("monai.metrics")
    ours = ssim(*a_pair)
    for index in range(2):
        image, reference = (values[index, 0].numpy() for values in a_pair)
        _, field = structural_similarity(
            reference, image, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
        )
        assert ours[index].item() == pytest.approx(field[5:-5, 5:-5].mean(), abs=1e-6)
    theirs = monai.SSIMMetric(spatial_dims=2, data_range=1.0)(*a_pair)
    torch.testing.assert_close(ours, theirs[:, 0].double(), rtol=0, atol=1e-6)


def test_uniform_ssim_is_scikit_images_default(a_pair):
    ours = ssim(*a_pair, window="uniform")
    image, reference = (values[0, 0].numpy() for values in a_pair)
    assert ours[0].item() == pytest.approx(structural_similarity(reference, image, data_range=1.0), abs=1e-9)


def test_the_conventions_differ_as_they_should(a_pair):
    image, reference = a_pair
    by = {convention: psnr_ssim(image, reference, convention)[0][0].item() for convention in MetricConvention}
    assert by[MetricConvention.MONAI] == by[MetricConvention.UNIT_FLOAT]
    expected = by[MetricConvention.UNIT_FLOAT] + 20 * np.log10(float(reference.max()))
    assert by[MetricConvention.FASTMRI] == pytest.approx(expected, abs=1e-9)
    assert by[MetricConvention.SR3_8BIT] != by[MetricConvention.UNIT_FLOAT]


def test_zero_filling_is_consistent_and_misses_all_of_the_upper_band(a_pair):
    truth = a_pair[0]
    size = (20, 21)
    low = downsample(truth, size)
    filled = project(truth, size)
    assert consistency(filled, low).min() > 150
    assert consistency(truth + 0.01, low)[0].item() == pytest.approx(40.0, abs=1e-6)
    torch.testing.assert_close(high_frequency_error(filled, truth, size), torch.ones(2, dtype=torch.float64))


def test_bicubic_is_aligned_at_index_zero():
    ramp = torch.arange(16, dtype=torch.float64).expand(1, 1, 16, 16)
    raised = bicubic(ramp, (32, 32))
    # Inside the borders a cubic kernel reproduces samples exactly where the grids meet.
    torch.testing.assert_close(raised[0, 0, ::2, ::2], ramp[0, 0])
