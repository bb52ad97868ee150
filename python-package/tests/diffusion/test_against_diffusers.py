"""Our updates against diffusers' schedulers for a full process without alignment (SCIENCE §4.2), in float64."""

import numpy as np
import pytest
import torch

from pdm_core.diffusion import Bridge, time_grid
from pdm_core.diffusion.samplers import sample_ddim, sample_dpm_solver

diffusers = pytest.importorskip("diffusers", reason="diffusers is a test-only oracle")

STEPS = 2000
BRIDGE = Bridge(STEPS, STEPS, "none")
START = torch.randn((4, 16), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
WEIGHT = torch.randn((16, 16), generator=torch.Generator().manual_seed(1), dtype=torch.float64) / 4


def predicted_noise(x, t):
    return torch.tanh(x @ WEIGHT) * np.sqrt(float(BRIDGE.alpha_bar(t / STEPS))) + 0.1 * x


def estimate(x, u):
    a, _, sigma = BRIDGE.at(u)
    return (x - sigma * predicted_noise(x, round(u * STEPS))) / a


def in_float64(scheduler):
    """Overwrite the scheduler's float32 tables: over 2000 steps they alone cost 2.5e-4."""
    scheduler.betas = torch.linspace(1e-6, 1e-2, STEPS, dtype=torch.float64)
    scheduler.alphas = 1 - scheduler.betas
    scheduler.alphas_cumprod = torch.cumprod(scheduler.alphas, 0)
    scheduler.one = scheduler.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float64)
    return scheduler


def draws(seed):
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(START.shape, generator=generator, dtype=torch.float64)


def our_start(noise):
    """Noise for which x_K = (a + b) 0 + sigma noise is diffusers' start."""
    return noise / BRIDGE.at(1.0).sigma


def options():
    return {"num_train_timesteps": STEPS, "trained_betas": np.linspace(1e-6, 1e-2, STEPS)}


def test_ancestral_sampling_is_ddpm():
    scheduler = in_float64(diffusers.DDPMScheduler(**options(), clip_sample=False, variance_type="fixed_small"))
    scheduler.set_timesteps(STEPS)
    generator, x = torch.Generator().manual_seed(2), START
    for t in range(STEPS, 0, -1):
        x = scheduler.step(predicted_noise(x, t), t - 1, x, generator=generator).prev_sample
    ours = sample_ddim(
        estimate,
        BRIDGE,
        torch.zeros_like(START),
        time_grid(BRIDGE, STEPS),
        our_start(START),
        eta=1.0,
        fresh_noise=draws(2),
    )
    assert ((ours - x).abs().max() / x.abs().max()).item() < 1e-9


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_ddim_is_ddim(eta):
    scheduler = in_float64(
        diffusers.DDIMScheduler(**options(), clip_sample=False, set_alpha_to_one=True, timestep_spacing="trailing")
    )
    scheduler.set_timesteps(20)
    generator, x = torch.Generator().manual_seed(2), START
    for t in scheduler.timesteps:
        x = scheduler.step(predicted_noise(x, int(t) + 1), int(t), x, eta=eta, generator=generator).prev_sample
    ours = sample_ddim(
        estimate,
        BRIDGE,
        torch.zeros_like(START),
        time_grid(BRIDGE, 20),
        our_start(START),
        eta=eta,
        fresh_noise=draws(2),
    )
    torch.testing.assert_close(ours, x, rtol=0, atol=1e-10)


@pytest.mark.parametrize("steps", [10, 20])
def test_dpm_solver_is_dpm_solver_plus_plus_2m(steps):
    scheduler = diffusers.DPMSolverMultistepScheduler(
        **options(), algorithm_type="dpmsolver++", solver_order=2, solver_type="midpoint", final_sigmas_type="zero",
        timestep_spacing="trailing", lower_order_final=True,
    )  # fmt: skip
    scheduler.set_timesteps(steps)
    x = START
    for t in scheduler.timesteps:
        x = scheduler.step(predicted_noise(x, int(t) + 1), t, x).prev_sample
    times = np.array([*((scheduler.timesteps.numpy() + 1) / STEPS), 0.0])
    ours = sample_dpm_solver(estimate, BRIDGE, torch.zeros_like(START), times, our_start(START), order=2)
    assert ((ours - x).abs().max() / x.abs().max()).item() < 1e-5
