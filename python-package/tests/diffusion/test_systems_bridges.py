"""The processes of the compared systems: their published coefficients, and what every sampler owes to every bridge."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from pdm_core.degradation.kspace import project
from pdm_core.diffusion import Bridge, build_bridge, time_grid
from pdm_core.diffusion.bridges import (
    BRIDGES,
    InterpolantBridge,
    MeasurementBridge,
    ResShiftBridge,
    VarianceExplodingBridge,
)
from pdm_core.diffusion.samplers import sample_ddim, sample_predictor_corrector
from pdm_core.diffusion.samplers.ddim import moved
from pdm_core.diffusion.sampling import SamplingPlan, sample
from pdm_core.errors import InputError

SHAPE, LOW = (3, 1, 12, 10), (6, 5)
PARTIAL = {
    kind for kind, bridge in BRIDGES.items() if issubclass(bridge, (Bridge, VarianceExplodingBridge, MeasurementBridge))
}


def noise_of(seed):
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unmeasured(image):
    return image - project(image, LOW)


class Estimating:
    """Estimates by a function of latent and time, and keeps what it was shown."""

    def __init__(self, bridge, of):
        self.bridge, self.of, self.seen = bridge, of, []

    def estimate(self, x, x_lr, u, factor):
        self.seen.append((u, x))
        return self.of(x, u)


@pytest.mark.parametrize(("share", "sigma"), [(0.25, 0.1394), (0.5, 1.944), (0.75, 27.1)])
def test_scoremris_levels_are_those_of_the_paper_for_images_twice_as_wide(share, sigma):
    bridge = VarianceExplodingBridge(2000, round(2000 * share), "none")
    assert bridge.at(1.0) == (1.0, 0.0, pytest.approx(2 * sigma, rel=2e-3))


@pytest.mark.parametrize("alignment", ["linear", "cosine"])
@pytest.mark.parametrize("kind", sorted(PARTIAL))
def test_aligned_processes_leave_the_high_resolution_image_behind(kind, alignment):
    bridge = build_bridge({"kind": kind, "steps": 100, "start": 25, "alignment": alignment})
    parent = bridge.unaligned
    assert bridge.starts_at_lr and not parent.starts_at_lr and parent.unaligned == parent
    for u in (0.2, 0.7, 1.0):
        now, plain, weight = bridge.at(u), parent.at(u), float(bridge.alignment_weight(u))
        assert now.sigma == plain.sigma and now.a == pytest.approx(weight * plain.a)
        assert now.a + now.b == pytest.approx(plain.a + plain.b)


@pytest.mark.parametrize("alignment", ["none", "cosine"])
def test_mc_ddpm_keeps_the_measured_band_exact_at_every_step(alignment):
    x_lr = project(noise_of(0), LOW)
    guessing = Estimating(MeasurementBridge(100, 50, alignment), lambda x, u: torch.tanh(x) + noise_of(1))
    plan = SamplingPlan("ancestral", 6)
    result = sample(guessing, x_lr, 2.0, plan, noise_of(2), fresh_noise=lambda: noise_of(3), unmeasured=unmeasured)
    assert len(guessing.seen) == 6
    for latent in (*(x for _, x in guessing.seen), result):
        torch.testing.assert_close(project(latent, LOW), x_lr, rtol=0, atol=1e-12)
    sigma = guessing.bridge.at(1.0).sigma
    torch.testing.assert_close(guessing.seen[0][1], x_lr + sigma * unmeasured(noise_of(2)), rtol=0, atol=1e-12)
    with pytest.raises(InputError, match="outside of the measured band"):
        sample(guessing, x_lr, 2.0, plan, noise_of(2), fresh_noise=lambda: noise_of(3))


@pytest.mark.parametrize(
    "bridge", [MeasurementBridge(100, 60, "none"), VarianceExplodingBridge(100, 60, "none"), Bridge(100, 60, "none")]
)
def test_the_ancestral_step_is_the_gaussian_posterior_of_the_forward_chain(bridge):
    """Bayes: N(a_s x_HR + b_s x_LR, sigma_s²) before, and x_t = kappa x_s + drift + noise seen."""
    x_hr, x_lr, x = noise_of(0), noise_of(1), noise_of(2)
    for u, s in ((1.0, 0.9), (0.5, 0.3), (0.2, 0.01)):
        now, then, kappa = bridge.at(u), bridge.at(s), bridge.forward_scale(u, s)
        assert now.a == pytest.approx(kappa * then.a)
        added = now.sigma**2 - (kappa * then.sigma) ** 2
        drift = (now.b - kappa * then.b) * x_lr
        variance = 1 / (1 / then.sigma**2 + kappa**2 / added)
        mean = variance * ((then.a * x_hr + then.b * x_lr) / then.sigma**2 + kappa * (x - drift) / added)
        step = moved(bridge, x, x_hr, x_lr, u, s, 1.0, lambda: torch.zeros(SHAPE, dtype=torch.float64))
        torch.testing.assert_close(step, mean, rtol=1e-9, atol=1e-9)
        assert bridge.posterior_variance(u, s) == pytest.approx(variance, rel=1e-9)


@pytest.mark.parametrize("steps", [4, 15])
def test_resshifts_posterior_is_that_of_the_article(steps):
    """Yue et al., Eq. (7): mean eta_s/eta_t x_t + alpha_t/eta_t x_HR, variance kappa² eta_s/eta_t alpha_t."""
    bridge, x_hr, x_lr, x = ResShiftBridge(steps), noise_of(0), noise_of(1), noise_of(2)
    assert bridge.at(1.0).b == pytest.approx(0.99)
    for t in range(steps, 1, -1):
        u, s = t / steps, (t - 1) / steps
        eta, before = bridge.at(u).b, bridge.at(s).b
        step = moved(bridge, x, x_hr, x_lr, u, s, 1.0, lambda: torch.zeros(SHAPE, dtype=torch.float64))
        torch.testing.assert_close(step, before / eta * x + (eta - before) / eta * x_hr, rtol=0, atol=1e-12)
        assert bridge.posterior_variance(u, s) == pytest.approx(4.0 * before / eta * (eta - before), rel=1e-12)


def test_resshifts_noise_grows_geometrically_between_its_published_ends():
    """kappa 2, p 0.3, T 15: sqrt(eta_1) = min(0.2 / kappa, sqrt(0.001)), sqrt(eta_T) = sqrt(0.99)."""
    roots = ResShiftBridge(15).root_eta(np.arange(1, 16) / 15)
    first, last = np.sqrt(0.001), np.sqrt(0.99)
    np.testing.assert_allclose(roots, first * np.exp((np.arange(15) / 14) ** 0.3 * np.log(last / first)), rtol=1e-12)


def test_ddim_on_an_interpolant_is_indi():
    """Delbracio and Milanfar: x_s = (1 - s/u) x_HR + (s/u) x_u, here from a start without noise."""
    x_lr, times = noise_of(0), [1.0, 0.6, 0.25, 0.1, 0.0]
    of = lambda x, u: torch.tanh(x) + u * noise_of(1)
    guessing = Estimating(InterpolantBridge(0.02), of)
    estimate = lambda x, u: guessing.estimate(x, x_lr, u, 2.0)
    sample_ddim(estimate, guessing.bridge, x_lr, times, torch.zeros(SHAPE, dtype=torch.float64))
    assert [u for u, _ in guessing.seen] == times[:-1]
    for (u, x), (s, later) in pairwise(guessing.seen):
        torch.testing.assert_close(later, (1 - s / u) * of(x, u) + s / u * x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("sampler", ["ddim", "ancestral", "dpm++1", "dpm++2m", "consistency", "pc"])
@pytest.mark.parametrize("kind", sorted(BRIDGES))
def test_an_oracle_returns_the_truth_on_every_bridge(kind, sampler, steps):
    x_hr = noise_of(1)
    oracle = Estimating(build_bridge({"kind": kind}), lambda x, u: x_hr)
    x_lr, plan = project(x_hr, LOW), SamplingPlan(sampler, steps)
    result = sample(oracle, x_lr, 2.0, plan, noise_of(3), fresh_noise=lambda: noise_of(4), unmeasured=unmeasured)
    torch.testing.assert_close(result, x_hr, rtol=0, atol=1e-12)
    assert len(oracle.seen) == plan.evaluations == (2 * steps if sampler == "pc" else steps)
    assert all(bool(x.isfinite().all()) for _, x in oracle.seen)


@pytest.mark.parametrize("bridge", [VarianceExplodingBridge(2000, 1000, "none"), Bridge(100, 100, "none")])
def test_predictor_and_corrector_keep_the_marginals_of_a_gaussian(bridge):
    """x_HR ~ N(0, 0.4²) of independent pixels and its exact posterior mean: x_t keeps the variance a² 0.4² + sigma²."""
    spread, generator = 0.4, torch.Generator().manual_seed(0)
    draw = lambda: torch.randn((1, 1, 200, 200), generator=generator, dtype=torch.float64)
    seen = []

    def posterior_mean(x, u):
        a, _, sigma = bridge.at(u)
        seen.append((u, float(x.std()), np.hypot(a * spread, sigma)))
        return a * spread**2 / ((a * spread) ** 2 + sigma**2) * x

    x_lr = torch.zeros((1, 1, 200, 200), dtype=torch.float64)
    sample_predictor_corrector(posterior_mean, bridge, x_lr, time_grid(bridge, 300), draw(), fresh_noise=draw)
    assert len(seen) == 600
    for u, found, expected in seen:
        assert found == pytest.approx(expected, rel=0.05), u


@pytest.mark.parametrize(("rule", "noisy"), [("consistent", False), ("paper", True)])
def test_what_was_measured_is_put_into_latents_without_noise_but_for_networks_that_know_noisy_ones_alone(rule, noisy):
    oracle = Estimating(VarianceExplodingBridge(100, 25, "cosine"), lambda x, u: torch.tanh(x))
    oracle.mixture = oracle.estimate
    x_lr = project(noise_of(1), LOW)
    refine = lambda x: x_lr + unmeasured(x)
    plan = SamplingPlan("pc", 3, rule=rule)
    result = sample(oracle, x_lr, 2.0, plan, noise_of(3), fresh_noise=lambda: noise_of(4), refine=refine)
    torch.testing.assert_close(project(result, LOW), x_lr, rtol=0, atol=1e-12)
    assert len(oracle.seen) == 6
    for _, x in oracle.seen:
        assert (float((project(x, LOW) - x_lr).abs().max()) > 1e-3) is noisy


def test_a_later_start_walks_the_last_steps_of_the_whole_grid():
    bridge, x_lr = Bridge(100, 100, "none"), noise_of(0)
    plan = SamplingPlan("ancestral", 25, start=0.25)
    np.testing.assert_allclose(plan.times(bridge), time_grid(bridge, 100)[-26:], atol=1e-15)
    of = lambda x, u: torch.tanh(x) + u
    begun = Estimating(bridge, of)
    late = sample(begun, x_lr, 2.0, plan, noise_of(1), fresh_noise=lambda: noise_of(2))
    whole = sample_ddim(of, bridge, x_lr, time_grid(bridge, 100)[-26:], noise_of(1), eta=1.0, fresh_noise=lambda: noise_of(2))
    torch.testing.assert_close(late, whole, rtol=0, atol=1e-12)
    a, _, sigma = Bridge(100, 25, "none").at(1.0)
    torch.testing.assert_close(begun.seen[0][1], a * x_lr + sigma * noise_of(1), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("bridge", "start"),
    [
        (Bridge(100, 50, "cosine"), 0.25), (Bridge(100, 25, "none"), 0.5), (InterpolantBridge(), 0.5),
        (VarianceExplodingBridge(2000, 500, "linear"), 0.1),
    ],
)  # fmt: skip
def test_a_start_that_the_bridge_does_not_have_is_refused(bridge, start):
    with pytest.raises(InputError, match=f"starts at K/T = {bridge.share:g}; it cannot start at {start:g}"):
        SamplingPlan(start=start).times(bridge)
