"""Identities of SCIENCE §4.2: oracles, marginals, the paper's posterior, EDM and diffusers' schedulers."""

import numpy as np
import pytest
import torch

from pdm_core.diffusion import Bridge, time_grid
from pdm_core.diffusion.denoisers import EpsilonDenoiser, ResidualDenoiser, precondition
from pdm_core.diffusion.samplers import sample_ddim, sample_dpm_solver
from pdm_core.diffusion.sampling import SamplingPlan, sample
from pdm_core.errors import CancelledError, InputError

SHAPE = (4, 1, 6, 5)


def noise_of(seed):
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class AnOracle:
    """Knows the high-resolution image."""

    def __init__(self, bridge, x_hr):
        self.bridge, self.x_hr = bridge, x_hr

    def estimate(self, x, x_lr, u, factor):
        return self.x_hr

    def mixture(self, x, x_lr, u, factor):
        weight = float(self.bridge.alignment_weight(u))
        return weight * self.x_hr + (1 - weight) * x_lr


@pytest.mark.parametrize("steps", [1, 2, 5, 20])
@pytest.mark.parametrize("sampler", ["ddim", "ancestral", "dpm++1", "dpm++2m", "consistency"])
@pytest.mark.parametrize("alignment", ["none", "linear", "cosine"])
def test_an_oracle_returns_the_truth_exactly_under_the_consistent_rule(steps, sampler, alignment):
    oracle = AnOracle(Bridge(100, 25, alignment), noise_of(1))
    result = sample(oracle, noise_of(2), 2.0, SamplingPlan(sampler, steps), noise_of(3), fresh_noise=lambda: noise_of(4))
    torch.testing.assert_close(result, oracle.x_hr, rtol=0, atol=0)


@pytest.mark.parametrize(("alignment", "missing"), [("linear", 0.2), ("cosine", 0.5 * (1 - np.cos(np.pi / 5)))])
@pytest.mark.parametrize("sampler", ["ddim", "ancestral"])
def test_the_papers_rule_ends_at_m_1(alignment, missing, sampler):
    """SCIENCE §0.3: with K = 5, 20 % (linear) and 9.5 % (cosine) of the residual stay missing."""
    oracle, x_lr = AnOracle(Bridge(20, 5, alignment), noise_of(1)), noise_of(2)
    plan = SamplingPlan(sampler, 5, rule="paper")
    result = sample(oracle, x_lr, 2.0, plan, noise_of(3), fresh_noise=lambda: noise_of(4))
    torch.testing.assert_close(result, oracle.x_hr + missing * (x_lr - oracle.x_hr), rtol=0, atol=1e-12)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0, "full", "all"])
def test_every_eta_keeps_the_marginals_of_equation_16(eta):
    bridge, x_hr, x_lr = Bridge(100, 25, "cosine"), 1.7, -0.4
    generator = torch.Generator().manual_seed(0)
    draw = lambda: torch.randn(200_000, generator=generator, dtype=torch.float64)
    seen = {}

    def oracle(x, u):
        seen[u] = (x.mean().item(), x.var().item())
        return torch.full_like(x, x_hr)

    sample_ddim(
        oracle,
        bridge,
        torch.full((200_000,), x_lr, dtype=torch.float64),
        time_grid(bridge, 8),
        draw(),
        eta=eta,
        fresh_noise=draw,
    )
    for u, (mean, variance) in seen.items():
        a, b, sigma = bridge.at(u)
        assert mean == pytest.approx(a * x_hr + b * x_lr, abs=4 * sigma / np.sqrt(200_000))
        assert variance == pytest.approx(sigma**2, rel=0.015)


def test_consistency_sampling_noises_each_estimate_anew():
    """SCIENCE §0.4: x_tau = a x_HR + b x_LR + sigma z, whatever the latent was; two steps from K equal the residual's SDE."""
    bridge, x_lr = Bridge(100, 25, "cosine"), noise_of(1)
    seen = {}

    def estimate(x, u):
        seen[u] = x
        return x_lr + 0.3 * x

    walk = lambda eta, steps: sample_ddim(
        estimate, bridge, x_lr, time_grid(bridge, steps), noise_of(2), eta=eta, fresh_noise=lambda: noise_of(3)
    )
    walk("all", 4)
    for u, s in ((1.0, 0.75), (0.75, 0.5), (0.5, 0.25)):
        a, b, sigma = bridge.at(s)
        torch.testing.assert_close(seen[s], a * (x_lr + 0.3 * seen[u]) + b * x_lr + sigma * noise_of(3), rtol=0, atol=1e-12)
    torch.testing.assert_close(walk("all", 2), walk("full", 2), rtol=0, atol=1e-12)


def test_the_ancestral_step_is_equation_19_at_the_next_weight():
    """SCIENCE §0.2 (d): both latents mixed with lam_{t-1} and one shared noise."""
    bridge, x_hr, x_lr = Bridge(100, 25, "cosine"), noise_of(1), noise_of(2)
    for t in range(25, 1, -1):
        u, s = t / 25, (t - 1) / 25
        abar, before = float(bridge.alpha_bar(u)), float(bridge.alpha_bar(s))
        alpha = abar / before
        c1 = np.sqrt(before) * (1 - alpha) / (1 - abar)
        c2 = np.sqrt(alpha) * (1 - before) / (1 - abar)
        now, later = float(bridge.alignment_weight(u)), float(bridge.alignment_weight(s))
        x = np.sqrt(abar) * (now * x_hr + (1 - now) * x_lr) + np.sqrt(1 - abar) * noise_of(3)
        high = x + np.sqrt(abar) * (1 - now) * (x_hr - x_lr)
        low = x - np.sqrt(abar) * now * (x_hr - x_lr)
        printed = c1 * (later * x_hr + (1 - later) * x_lr) + c2 * (later * high + (1 - later) * low)
        ours = one_step(bridge, x, x_hr, x_lr, u, s)
        torch.testing.assert_close(ours, printed, rtol=0, atol=1e-12)


def one_step(bridge, x, x_hr, x_lr, u, s):
    """The mean of one ancestral step from `x` at `u`, read off the latent that the sampler shows at `s`."""
    a, b, sigma = bridge.at(u)
    seen = []
    estimate = lambda latent, time: (seen.append(latent), x_hr)[1]
    noise = (x - (a + b) * x_lr) / sigma
    sample_ddim(estimate, bridge, x_lr, [u, s, 0.0], noise, eta=1.0, fresh_noise=lambda: torch.zeros_like(x))
    torch.testing.assert_close(seen[0], x)
    return seen[1]


def test_order_one_is_ddim_and_order_two_starts_and_ends_with_order_one():
    bridge, x_lr, noise = Bridge(100, 25, "cosine"), noise_of(2), noise_of(3)
    estimate = lambda x, u: torch.tanh(x) + 0.3 * u
    ddim = sample_ddim(estimate, bridge, x_lr, time_grid(bridge, 6), noise)
    first = sample_dpm_solver(estimate, bridge, x_lr, time_grid(bridge, 6), noise, order=1)
    second = sample_dpm_solver(estimate, bridge, x_lr, time_grid(bridge, 6), noise, order=2)
    torch.testing.assert_close(first, ddim, rtol=0, atol=1e-12)
    assert (second - ddim).abs().max() > 1e-3
    for steps in (1, 2):
        grid = time_grid(bridge, steps)
        torch.testing.assert_close(
            sample_dpm_solver(estimate, bridge, x_lr, grid, noise), sample_ddim(estimate, bridge, x_lr, grid, noise)
        )


def test_order_two_converges_faster_on_a_gaussian_residual():
    """SCIENCE §0.4: amplitude of the output for r ~ N(0, 0.2²), whose exact flow ends at the amplitude 0.2."""
    bridge, spread = Bridge(100, 25, "cosine"), 0.2
    x_lr, noise = torch.zeros(SHAPE, dtype=torch.float64), torch.ones(SHAPE, dtype=torch.float64)

    def bayes(x, u):
        a, _, sigma = bridge.at(u)
        return a * spread**2 / (a**2 * spread**2 + sigma**2) * x

    errors = {
        order: abs(
            float(sample_dpm_solver(bayes, bridge, x_lr, time_grid(bridge, 20), noise, order=order).mean()) / spread - 1
        )
        for order in (1, 2)
    }
    assert errors[1] == pytest.approx(0.098, abs=0.003)
    assert errors[2] == pytest.approx(0.0006, abs=0.002)


def test_the_preconditioner_is_that_of_karras_et_al_for_a_plain_process():
    sigma, spread = 0.7, 0.5
    c_in, c_skip, c_out = precondition(1.0, sigma, spread)
    assert c_in == pytest.approx(1 / np.sqrt(sigma**2 + spread**2) * spread / np.sqrt(sigma**2 + spread**2))
    assert c_skip == pytest.approx(spread**2 / (sigma**2 + spread**2))
    assert c_out == pytest.approx(sigma * spread / np.sqrt(sigma**2 + spread**2))


def test_the_networks_target_has_unit_variance_and_its_input_is_the_linear_estimate():
    bridge, spread = Bridge(100, 25, "cosine"), 0.05
    random = np.random.default_rng(0)
    residual, eps = spread * random.standard_normal(200_000), random.standard_normal(200_000)
    for u in (0.02, 0.2, 0.6, 1.0):
        a, _, sigma = bridge.at(u)
        c_in, c_skip, c_out = precondition(a, sigma, spread)
        y = a * residual + sigma * eps
        assert np.std((residual - c_skip * y) / c_out) == pytest.approx(1, abs=0.01)
        assert np.abs(spread * c_in * y - (residual @ y) / (y @ y) * y).std() < 0.01 * spread
    assert c_in == 0.0


@pytest.mark.parametrize("alignment", ["none", "linear", "cosine"])
def test_time_zero_returns_the_latent_whatever_the_network_says(alignment):
    """The boundary condition of consistency models holds by construction (SCIENCE §0.4)."""
    network = lambda images, scalars: torch.full_like(images[:, :1], 123.0)
    denoiser = ResidualDenoiser(torch.nn.Identity(), Bridge(100, 25, alignment), [(2.0, 0.05)])
    denoiser.network = torch.nn.Module()
    denoiser.network.forward = network
    x = noise_of(1)
    torch.testing.assert_close(denoiser.estimate(x, noise_of(2), 0.0, 2.0), x, rtol=0, atol=1e-12)


def test_the_residuals_spread_is_linear_in_the_log_of_the_factor():
    denoiser = ResidualDenoiser(torch.nn.Identity(), Bridge(), [(4.0, 0.08), (2.0, 0.04)])
    assert denoiser.spread(np.sqrt(8.0)) == pytest.approx(0.06)


def test_noise_prediction_refuses_the_consistent_rule_under_alignment():
    with pytest.raises(InputError, match="alignment"):
        EpsilonDenoiser(torch.nn.Identity(), Bridge()).estimate(noise_of(0), noise_of(1), 1.0, 2.0)


@pytest.mark.parametrize("kind", ["uniform", "quadratic", "logsnr"])
@pytest.mark.parametrize("steps", [1, 2, 8, 25, 100])
def test_every_grid_falls_strictly_from_one_to_zero(kind, steps):
    grid = time_grid(Bridge(100, 25, "cosine"), steps, kind)
    assert (grid[0], grid[-1], len(grid)) == (1.0, 0.0, steps + 1)
    assert (np.diff(grid) < 0).all()


@pytest.mark.parametrize("times", [[1.0, 0.5, 0.5, 0.0], [1.0, 0.2], [0.0, 1.0], [1.2, 0.0], [1.0, float("nan"), 0.0]])
def test_grids_that_would_divide_by_zero_are_refused(times):
    with pytest.raises(InputError, match="time grid"):
        sample_ddim(lambda x, u: x, Bridge(), noise_of(0), times, noise_of(1))


def test_refinement_and_cancelling_reach_every_step():
    calls = []

    def stop_at_three(step):
        calls.append(step)
        if step == 3:
            raise CancelledError()

    oracle = AnOracle(Bridge(), noise_of(1))
    with pytest.raises(CancelledError):
        sample(oracle, noise_of(2), 2.0, SamplingPlan(steps=5), noise_of(3), on_step=stop_at_three)
    assert calls == [1, 2, 3]
    doubled = sample(oracle, noise_of(2), 2.0, SamplingPlan(steps=5), noise_of(3), refine=lambda x: 2 * x)
    torch.testing.assert_close(doubled, 2 * oracle.x_hr)
