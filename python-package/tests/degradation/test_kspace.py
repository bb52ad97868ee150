"""D, U and P of SCIENCE §2.1: scipy's Fourier resampling, and an orthogonal projection."""

import numpy as np
import pytest
import torch
from scipy.signal import resample

from pdm_core.degradation.kspace import downsample, highres_size, lowres_size, project, shift, upsample
from pdm_core.errors import InputError

SIZES = [((320, 320), (160, 160)), ((320, 256), (80, 171)), ((321, 319), (160, 80)), ((320, 101), (107, 51))]


def an_image(size, dtype=torch.float64, seed=0):
    return torch.randn((2, 1, *size), generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def by_scipy(x, size):
    return resample(resample(x.double().numpy(), size[0], axis=-2), size[1], axis=-1)


@pytest.mark.parametrize(("high", "low"), SIZES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_both_directions_equal_scipys_resample(high, low, dtype, tolerance):
    x, y = an_image(high, dtype), an_image(low, dtype)
    for ours, theirs in ((downsample(x, low), by_scipy(x, low)), (upsample(y, high), by_scipy(y, high))):
        assert ours.dtype == dtype
        assert np.abs(ours.double().numpy() - theirs).max() <= tolerance * np.abs(theirs).max()


@pytest.mark.parametrize(("high", "low"), SIZES)
def test_lowering_undoes_raising(high, low):
    y = an_image(low)
    torch.testing.assert_close(downsample(upsample(y, high), low), y, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("high", "low"), SIZES)
def test_the_projection_is_idempotent_and_self_adjoint(high, low):
    x, z = an_image(high), an_image(high, seed=1)
    once = project(x, low)
    torch.testing.assert_close(project(once, low), once, rtol=0, atol=1e-12)
    torch.testing.assert_close((project(x, low) * z).sum(), (x * project(z, low)).sum(), rtol=1e-10, atol=1e-8)
    assert abs((once * (x - once)).sum()) < 1e-9 * (x * x).sum()


def test_mean_intensity_is_kept():
    x = an_image((320, 200)) + 7
    torch.testing.assert_close(downsample(x, (123, 77)).mean(), x.mean())
    torch.testing.assert_close(upsample(x, (400, 333)).mean(), x.mean())


def test_the_first_sample_stays_in_its_place():
    """A band-limited wave sampled on both grids: sample j of the low grid lies at j N/n of the high one."""
    high, low = 320, 128
    wave = lambda position: torch.cos(2 * torch.pi * 9 * position + 0.3)
    fine = wave(torch.arange(high, dtype=torch.float64) / high).expand(1, 1, high, high)
    coarse = wave(torch.arange(low, dtype=torch.float64) / low)
    torch.testing.assert_close(downsample(fine, (low, low))[0, 0, 5], coarse, rtol=0, atol=1e-12)


def test_complex_images_are_treated_as_two_real_ones():
    x = torch.complex(an_image((64, 60)), an_image((64, 60), seed=3))
    torch.testing.assert_close(project(x, (31, 30)).imag, project(x.imag, (31, 30)))


def test_the_projection_passes_gradients_of_its_own_kind():
    x = an_image((12, 10)).requires_grad_()
    assert torch.autograd.gradcheck(lambda image: project(image, (5, 6)), (x,))


def test_shifts_compose_and_move_towards_higher_indices():
    x = project(an_image((64, 63)), (31, 31))
    torch.testing.assert_close(shift(x, (3.0, 2.0)), x.roll((3, 2), dims=(-2, -1)), rtol=0, atol=1e-12)
    torch.testing.assert_close(shift(shift(x, (0.25, 0.6)), (-0.25, -0.6)), x, rtol=0, atol=1e-12)


def test_sizes_round_to_the_nearest_and_refuse_impossible_factors():
    assert lowres_size((320, 321), 3) == (107, 107)
    assert highres_size((107, 107), 3) == (321, 321)
    for factor in (0.5, float("nan"), float("inf")):
        with pytest.raises(InputError, match="not possible"):
            lowres_size((10, 10), factor)
