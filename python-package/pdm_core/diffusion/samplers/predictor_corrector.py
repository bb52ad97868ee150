"""ScoreMRI's sampler: Langevin corrector and ancestral predictor, what was measured put back after each (SCIENCE §1.2)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.grids import Times, checked_times
from pdm_core.diffusion.samplers.ddim import moved
from pdm_core.diffusion.samplers.hooks import Estimate, FreshNoise, OnStep, Refine, nothing, start_latent, unchanged

# Chung and Ye's signal-to-noise ratio of the Langevin step.
SNR = 0.16


def sample_predictor_corrector(
    estimate: Estimate,
    bridge: AffineBridge,
    x_lr: Tensor,
    times: Times,
    noise: Tensor,
    *,
    fresh_noise: FreshNoise,
    snr: float = SNR,
    refine: Refine = unchanged,
    refine_latents: Refine | None = None,
    on_step: OnStep = nothing,
) -> Tensor:
    """Walk from the noised low-resolution image to x_HR with two evaluations a step.

    Each step moves x_t along the score s = (a x_HR + b x_LR - x_t) / sigma² of the (aligned) marginal by Langevin's
    e s + sqrt(2 e) z with e = 2 (snr |z| / |s|)², then to the next time by the ancestral update. Chung and Ye's reverse
    diffusion has the same mean and, in the limit of many steps, the same noise; theirs is too loud for few.

    Args:
        estimate: x_HR from a latent and its time.
        bridge: the process.
        x_lr: low-resolution image on the target grid, (N, 1, H, W).
        times: strictly decreasing from at most 1 to 0.
        noise: eps of the start, like `x_lr`.
        fresh_noise: draws z, twice a step but for the last.
        snr: of the Langevin step.
        refine: puts back what was measured into the estimates.
        refine_latents: likewise, noiseless, into the latents; None for `refine`, as Chung and Ye do.
        on_step: called after each step with the number done; may raise to cancel.

    Returns:
        The last estimate of x_HR, (N, 1, H, W).
    """
    grid, put_back = checked_times(times), refine if refine_latents is None else refine_latents
    x = put_back(start_latent(bridge, x_lr, noise, float(grid[0])))
    for step, (u, s) in enumerate(zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True), start=1):
        x = put_back(_corrected(bridge, x, estimate(x, u), x_lr, u, fresh_noise(), snr))
        x_hr = refine(estimate(x, u))
        if s > 0.0:
            x = put_back(moved(bridge, x, x_hr, x_lr, u, s, 1.0, fresh_noise))
        on_step(step)
    return x_hr


def _corrected(bridge: AffineBridge, x: Tensor, x_hr: Tensor, x_lr: Tensor, u: float, z: Tensor, snr: float) -> Tensor:
    """One Langevin step; its length is each image's own."""
    a, b, sigma = bridge.at(u)
    score = (a * x_hr + b * x_lr - x) / sigma**2
    each = (-1, *(1 for _ in x.shape[1:]))
    of_noise, of_score = (torch.linalg.vector_norm(image.flatten(1), dim=1).reshape(each) for image in (z, score))
    step = 2.0 * (snr * of_noise / of_score.clamp(min=torch.finfo(x.dtype).tiny)) ** 2
    corrected: Tensor = x + step * score + math.sqrt(2.0) * step.sqrt() * z
    return corrected
