"""Complex images in two channels: what was measured of their k-space, the way of magnitudes, and a Gaussian in closed form."""

import numpy as np
import pytest
import torch

from pdm_core.degradation.kspace import project
from pdm_core.diffusion import build_bridge, time_grid
from pdm_core.diffusion.bridges import VarianceExplodingBridge
from pdm_core.diffusion.images import COMPLEX, MAGNITUDES, with_phase
from pdm_core.diffusion.periodic import PeriodicDenoiser
from pdm_core.diffusion.samplers import sample_predictor_corrector
from pdm_core.diffusion.sampling import SamplingPlan, sample
from pdm_core.diffusion.symmetric import SymmetricDenoiser
from pdm_core.pipeline.tiles import TiledDenoiser

SHAPE, LOW = (3, 2, 12, 10), (7, 5)


def noise_of(seed, shape=SHAPE):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def kspace(images):
    return torch.fft.fft2(torch.complex(images[:, 0], images[:, 1]))


class Estimating:
    """Estimates by a function of latent and x_LR."""

    bridge = VarianceExplodingBridge(100, 50, "none")

    def __init__(self, of):
        self.of = of

    def estimate(self, x, x_lr, u, factor):
        return self.of(x, x_lr)


@pytest.mark.parametrize("low", [(7, 5), (6, 4), (12, 10)])
def test_what_is_put_back_is_the_measured_block_of_the_complex_k_space_and_nothing_else(low):
    x, measured = noise_of(0), project(noise_of(1), low)
    put_back = x - project(x, low) + measured
    again = put_back - project(put_back, low) + measured
    torch.testing.assert_close(again, put_back, rtol=0, atol=1e-12)
    inside = [np.abs(np.fft.fftfreq(n, 1 / n)) < known / 2 for n, known in zip(SHAPE[2:], low, strict=True)]
    outside = [np.abs(np.fft.fftfreq(n, 1 / n)) > known / 2 for n, known in zip(SHAPE[2:], low, strict=True)]
    block = torch.from_numpy(np.logical_and.outer(*inside))
    beyond = torch.from_numpy(np.logical_or.outer(*outside))
    torch.testing.assert_close(kspace(put_back)[:, block], kspace(measured)[:, block], rtol=0, atol=1e-11)
    torch.testing.assert_close(kspace(put_back)[:, beyond], kspace(x)[:, beyond], rtol=0, atol=1e-11)


def test_complex_values_are_two_channels_and_come_back():
    magnitudes, phase = noise_of(0, (2, 1, 6, 5)).abs() - 1.0, noise_of(1, (2, 1, 6, 5))
    values = with_phase(magnitudes, phase)
    images = COMPLEX.of(values)
    assert images.shape == (2, 2, 6, 5)
    torch.testing.assert_close(COMPLEX.like(values, images), torch.polar(magnitudes + 1.0, phase))
    torch.testing.assert_close(COMPLEX.like(magnitudes, images), magnitudes)
    assert not COMPLEX.of(magnitudes)[:, 1].any()
    assert MAGNITUDES.of(magnitudes) is magnitudes and MAGNITUDES.like(magnitudes, magnitudes) is magnitudes


@pytest.mark.parametrize(
    "around", [PeriodicDenoiser, lambda of: TiledDenoiser(of, 8), *(lambda of, n=n: SymmetricDenoiser(of, n) for n in (3, 4))]
)
def test_what_surrounds_a_denoiser_keeps_latent_and_low_resolution_apart(around):
    x, x_lr = noise_of(0), noise_of(1)
    estimate = around(Estimating(lambda x, x_lr: x + 2.0 * x_lr)).estimate(x, x_lr, 0.5, 2.0)
    torch.testing.assert_close(estimate, x + 2.0 * x_lr)


@pytest.mark.parametrize("sampler", ["ddim", "ancestral", "dpm++2m", "pc"])
def test_with_zero_phase_and_a_real_oracle_the_way_is_that_of_magnitudes(sampler):
    one = (*SHAPE[:1], 1, *SHAPE[2:])
    x_lr = project(noise_of(0, one), LOW)
    fields = [noise_of(seed) for seed in range(1, 20)]
    if sampler == "pc":
        # The corrector's step depends on the length of the noise, in both channels.
        fields = [torch.cat((field[:, :1], torch.zeros_like(field[:, :1])), dim=1) for field in fields]

    def of_magnitudes(x, _x_lr):
        return torch.tanh(x) + 0.1 * x

    def of_both(x, _x_lr):
        real = of_magnitudes(x[:, :1] - 1.0, None) + 1.0
        return torch.cat((real, torch.zeros_like(real)), dim=1)

    def walked(of, x_lr, fields):
        draw = iter(fields)
        keep = lambda x: x - project(x, LOW) + x_lr
        plan = SamplingPlan(sampler, 5)
        return sample(Estimating(of), x_lr, 2.0, plan, next(draw), fresh_noise=lambda: next(draw), refine=keep)

    plain = walked(of_magnitudes, x_lr, [field[:, :1] for field in fields])
    both = walked(of_both, COMPLEX.of(x_lr), fields)
    torch.testing.assert_close(both[:, :1] - 1.0, plain, rtol=0, atol=1e-11)
    assert both[:, 1].abs().max() < 1e-12


@pytest.mark.parametrize("sampler", ["ancestral", "pc"])
def test_a_complex_oracle_returns_the_truth_and_its_phase(sampler):
    truth = noise_of(1)
    x_lr, plan = project(truth, LOW), SamplingPlan(sampler, 3)
    keep = lambda x: x - project(x, LOW) + x_lr
    oracle = Estimating(lambda x, x_lr: truth)
    result = sample(oracle, x_lr, 2.0, plan, noise_of(3), fresh_noise=lambda: noise_of(4), refine=keep)
    torch.testing.assert_close(result, truth, rtol=0, atol=1e-12)


def test_predictor_and_corrector_sample_the_posterior_of_a_complex_gaussian():
    """Pixels are independent, their real and imaginary part are not: N(0, S).

    The unmeasured part of k-space then knows nothing of the measured one: given x_LR = P x_HR the image is x_LR and an
    unmeasured part with the covariance of the prior, and on the way there S + sigma² I.
    """
    bridge = build_bridge({"kind": "ve", "steps": 2000, "start": 1000, "alignment": "none"})
    prior = torch.tensor([[0.16, 0.09], [0.09, 0.25]], dtype=torch.float64)
    root, shape, low = torch.linalg.cholesky(prior), (1, 2, 160, 160), (41, 61)
    generator, seen = torch.Generator().manual_seed(0), []
    draw = lambda: torch.randn(shape, generator=generator, dtype=torch.float64)
    mixed = lambda matrix, x: torch.einsum("ij,njhw->nihw", matrix, x)
    x_lr = project(mixed(root, draw()), low)
    unmeasured = lambda x: x - project(x, low)
    share = 1.0 - low[0] * low[1] / (shape[2] * shape[3])

    def covariance(x):
        parts = unmeasured(x)[0].flatten(1)
        return parts @ parts.T / (share * parts.shape[1])

    def posterior_mean(x, u):
        sigma = bridge.at(u).sigma
        expected = prior + sigma**2 * torch.eye(2, dtype=torch.float64)
        seen.append((covariance(x), expected))
        return mixed(prior @ torch.linalg.inv(expected), x)

    result = sample_predictor_corrector(
        posterior_mean, bridge, x_lr, time_grid(bridge, 300), draw(), fresh_noise=draw, refine=lambda x: unmeasured(x) + x_lr
    )
    torch.testing.assert_close(project(result, low), x_lr, rtol=0, atol=1e-12)
    torch.testing.assert_close(covariance(result), prior, rtol=0.05, atol=0.01)
    assert len(seen) == 600
    for found, expected in seen:
        torch.testing.assert_close(found, expected, rtol=0.06, atol=0.04 * float(expected.trace()))
