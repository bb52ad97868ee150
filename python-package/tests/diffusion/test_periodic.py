"""Whole slices are tori to the networks, as they are to the Fourier transform; planes across slices are mirrored."""

import pytest
import torch

from pdm_core.diffusion.bridges import Bridge
from pdm_core.diffusion.periodic import MARGIN, MirroredDenoiser, PeriodicDenoiser, mirrored


class Blur:
    """A denoiser with a finite reach: a moving average of x plus x_LR, cut off at the borders."""

    bridge = Bridge()

    def estimate(self, x, x_lr, u, factor):
        return torch.nn.functional.avg_pool2d(x, 2 * MARGIN + 1, stride=1, padding=MARGIN) + x_lr

    def mixture(self, x, x_lr, u, factor):
        return 2 * self.estimate(x, x_lr, u, factor)


@pytest.mark.parametrize("size", [(40, 37), (33, 50)])
@pytest.mark.parametrize("method", ["estimate", "mixture"])
def test_a_rolled_slice_gives_the_rolled_estimate(size, method):
    generator = torch.Generator().manual_seed(0)
    x, x_lr = torch.randn(2, 2, 1, *size, dtype=torch.float64, generator=generator)
    of = getattr(PeriodicDenoiser(Blur()), method)
    rolled = of(x.roll((3, 20), (-2, -1)), x_lr.roll((3, 20), (-2, -1)), 0.5, 2.0)
    torch.testing.assert_close(rolled, of(x, x_lr, 0.5, 2.0).roll((3, 20), (-2, -1)), rtol=0, atol=1e-12)
    inner = getattr(Blur(), method)(x, x_lr, 0.5, 2.0)[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    whole = of(x, x_lr, 0.5, 2.0)[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    torch.testing.assert_close(whole, inner, rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [(40, 37), (3, 50)])
def test_a_mirrored_plane_gives_the_estimate_of_the_plane_with_its_mirror_image(size):
    generator = torch.Generator().manual_seed(0)
    x, x_lr = torch.randn(2, 2, 1, *size, dtype=torch.float64, generator=generator)
    of = MirroredDenoiser(Blur()).estimate
    torch.testing.assert_close(of(x.flip(-2), x_lr.flip(-2), 0.5, 2.0), of(x, x_lr, 0.5, 2.0).flip(-2), rtol=0, atol=1e-12)
    if min(size) > MARGIN:
        wide = [torch.nn.functional.pad(image, (MARGIN,) * 4, mode="reflect") for image in (x, x_lr)]
        expected = Blur().estimate(*wide, 0.5, 2.0)[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
        torch.testing.assert_close(of(x, x_lr, 0.5, 2.0), expected, rtol=0, atol=1e-12)


def test_mirrored_indices_turn_at_both_ends_as_often_as_needed():
    assert mirrored(-3, 10, 3).tolist() == [1, 2, 1, 0, 1, 2, 1, 0, 1, 2]
    assert mirrored(-2, 4, 1).tolist() == [0, 0, 0, 0]
