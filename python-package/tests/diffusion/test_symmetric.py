"""The eight symmetries of the square as views of a denoiser."""

import pytest
import torch

from pdm_core.diffusion.bridges import Bridge
from pdm_core.diffusion.symmetric import SYMMETRIES, SymmetricDenoiser


class Lopsided:
    """A denoiser that looks up and to the left: no symmetry leaves it as it is."""

    bridge = Bridge()

    def estimate(self, x, x_lr, u, factor):
        return x + 2 * x.roll(1, -1) + 3 * x.roll(1, -2) + x_lr.roll(2, -1)

    def mixture(self, x, x_lr, u, factor):
        return 2 * self.estimate(x, x_lr, u, factor)


def images(size):
    return torch.randn(2, 2, 1, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def views_of(x, x_lr, method="estimate"):
    return [getattr(SymmetricDenoiser(Lopsided(), number), method)(x, x_lr, 0.5, 2.0) for number in range(SYMMETRIES)]


@pytest.mark.parametrize("method", ["estimate", "mixture"])
def test_the_views_differ_and_the_first_is_the_denoiser_itself(method):
    x, x_lr = images((9, 12))
    views = views_of(x, x_lr, method)
    assert torch.equal(views[0], getattr(Lopsided(), method)(x, x_lr, 0.5, 2.0))
    assert all(not torch.allclose(one, other) for k, one in enumerate(views) for other in views[:k])
    again = SymmetricDenoiser(Lopsided(), SYMMETRIES + 3)
    assert torch.equal(getattr(again, method)(x, x_lr, 0.5, 2.0), views[3])


@pytest.mark.parametrize("change", [lambda x: x.flip(-1), lambda x: x.flip(-2), lambda x: x.transpose(-2, -1)])
def test_the_mean_of_all_views_has_no_orientation(change):
    x, x_lr = images((9, 12))
    mean, changed = (torch.stack(views_of(*pair)).mean(dim=0) for pair in ((x, x_lr), (change(x), change(x_lr))))
    torch.testing.assert_close(changed, change(mean), rtol=0, atol=1e-12)
