"""What the systems' networks see and predict, with networks that know the answer."""

import pytest
import torch
from torch import nn

from pdm_core.degradation.kspace import downsample, project
from pdm_core.diffusion.bridges import Bridge, InterpolantBridge, MeasurementBridge, VarianceExplodingBridge
from pdm_core.diffusion.denoisers import EpsilonDenoiser, RegressionDenoiser, ResidualDenoiser, VelocityDenoiser
from pdm_core.errors import InputError

SHAPE = (2, 1, 24, 20)


def noise_of(seed, shape=SHAPE):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Saying(nn.Module):
    """Gives one answer to everything, and keeps what it was asked."""

    scale = 1

    def __init__(self, answer):
        super().__init__()
        self.answer, self.inputs, self.scalars = answer, None, None

    def forward(self, inputs, scalars=None):
        self.inputs, self.scalars = inputs, scalars
        return self.answer


def latent(bridge, u, x_hr, x_lr, noise):
    a, b, sigma = bridge.at(u)
    return a * x_hr + b * x_lr + sigma * noise


@pytest.mark.parametrize("scale", [2, 4])
def test_a_regression_sees_the_coarse_samples_and_nothing_else(scale):
    x_hr, size = noise_of(0), (SHAPE[2] // scale, SHAPE[3] // scale)
    network = Saying(noise_of(1))
    network.scale = scale
    denoiser = RegressionDenoiser(network)
    x_lr = project(x_hr, size)
    restored = denoiser.estimate(noise_of(2), x_lr, 1.0, scale)
    torch.testing.assert_close(network.inputs, downsample(x_hr, size), rtol=0, atol=1e-12)
    torch.testing.assert_close(restored, network.answer, rtol=0, atol=0)
    torch.testing.assert_close(denoiser.estimate(noise_of(3), x_lr, 0.3, scale), restored, rtol=0, atol=0)
    for factor in (scale * 1.5, 8.0 / scale if scale != 4 else 2.0):
        with pytest.raises(InputError, match=f"restores x{scale}, not x{factor:g}"):
            denoiser.estimate(noise_of(2), x_lr, 1.0, factor)


@pytest.mark.parametrize("u", [0.1, 0.5, 1.0])
def test_a_network_that_knows_the_velocity_gives_the_truth(u):
    bridge, x_hr, x_lr, noise = InterpolantBridge(0.2), noise_of(0), noise_of(1), noise_of(2)
    network = Saying(x_lr + 0.2 * noise - x_hr)
    found = VelocityDenoiser(network, bridge).estimate(latent(bridge, u, x_hr, x_lr, noise), x_lr, u, 2.0)
    torch.testing.assert_close(found, x_hr, rtol=0, atol=1e-12)
    torch.testing.assert_close(network.scalars, torch.tensor([[0.2 * u, 1.0]] * 2, dtype=torch.float64))


def test_a_velocity_needs_a_straight_line():
    with pytest.raises(InputError, match="interpolants only"):
        VelocityDenoiser(nn.Identity(), Bridge())


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("kind", [Bridge, VarianceExplodingBridge, MeasurementBridge])
def test_a_network_that_knows_the_noise_gives_the_truth_from_an_input_of_unit_size(kind, conditional):
    bridge, x_hr, x_lr, noise = kind(100, 75, "none"), noise_of(0), noise_of(1), noise_of(2)
    network = Saying(noise)
    denoiser = EpsilonDenoiser(network, bridge, conditional)
    for u in (0.05, 0.5, 1.0):
        x = latent(bridge, u, x_hr, x_lr, noise)
        torch.testing.assert_close(denoiser.estimate(x, x_lr, u, 2.0), x_hr, rtol=0, atol=1e-11)
        assert network.inputs.shape[1] == (2 if conditional else 1)
        assert float(network.inputs[:, 0].std()) == pytest.approx(1.0, abs=0.35)
    assert not conditional or torch.equal(network.inputs[:, 1:], x_lr)


@pytest.mark.parametrize("alignment", ["linear", "cosine"])
@pytest.mark.parametrize("kind", [Bridge, VarianceExplodingBridge, MeasurementBridge])
def test_the_mixture_is_weighed_by_the_alignment(kind, alignment):
    bridge, x_hr, x_lr, noise = kind(100, 50, alignment), noise_of(0), noise_of(1), noise_of(2)
    of_noise = EpsilonDenoiser(Saying(noise), bridge)
    of_residual = ResidualDenoiser(nn.Identity(), bridge, [(2.0, 0.1)])
    of_residual.estimate = lambda x, x_lr, u, factor: x_hr
    for u in (0.1, 0.5, 0.9, 1.0):
        weight = float(bridge.alignment_weight(u))
        expected = weight * x_hr + (1 - weight) * x_lr
        x = latent(bridge, u, x_hr, x_lr, noise)
        for denoiser in (of_noise, of_residual):
            torch.testing.assert_close(denoiser.mixture(x, x_lr, u, 2.0), expected, rtol=0, atol=1e-11)
