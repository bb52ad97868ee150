"""DDIM and ancestral sampling on an affine bridge: one update with the noise renewed by a share eta (SCIENCE §0.4)."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.grids import Times, checked_times
from pdm_core.diffusion.samplers.hooks import Estimate, FreshNoise, OnStep, Refine, nothing, start_latent, unchanged

Eta = float | Literal["full", "all"]


def sample_ddim(
    estimate: Estimate,
    bridge: AffineBridge,
    x_lr: Tensor,
    times: Times,
    noise: Tensor,
    *,
    eta: Eta = 0.0,
    fresh_noise: FreshNoise | None = None,
    refine: Refine = unchanged,
    on_step: OnStep = nothing,
) -> Tensor:
    """Walk from the noised low-resolution image to x_HR.

    x_s = a_s x_HR + b_s x_LR + sqrt(sigma_s² - v) eps + sqrt(v) z, with v = eta² btilde(t -> s): eta 0 is DDIM, eta 1 with
    stride 1 the ancestral step mu* of SCIENCE §0.2 (c). `eta="full"` renews the noise as the residual's own SDE does;
    `eta="all"` renews it wholly, v = sigma_s²: the multistep sampling of consistency models (SCIENCE §0.4, §1.6).

    Args:
        estimate: x_HR from a latent and its time.
        bridge: the process; every eta in [0, 1] keeps its marginals.
        x_lr: low-resolution image on the target grid, (N, 1, H, W).
        times: strictly decreasing from at most 1 to 0.
        noise: eps of the start, like `x_lr`.
        eta: share of renewed noise in [0, 1], "full" or "all".
        fresh_noise: draws z; needed unless eta is 0.
        refine: applied to each estimate, e.g. the k-space projection.
        on_step: called after each step with the number done; may raise to cancel.

    Returns:
        The last estimate of x_HR, (N, 1, H, W).
    """
    grid = checked_times(times)
    x = start_latent(bridge, x_lr, noise, float(grid[0]))
    for step, (u, s) in enumerate(zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True), start=1):
        x_hr = refine(estimate(x, u))
        if s > 0.0:
            x = moved(bridge, x, x_hr, x_lr, u, s, eta, fresh_noise)
        on_step(step)
    return x_hr


def moved(
    bridge: AffineBridge,
    x: Tensor,
    x_hr: Tensor,
    x_lr: Tensor,
    u: float,
    s: float,
    eta: Eta,
    fresh_noise: FreshNoise | None,
) -> Tensor:
    """x_s from x_t and the estimate of x_HR, see `sample_ddim`."""
    now, then = bridge.at(u), bridge.at(s)
    variance = _renewed_variance(bridge, u, s, eta)
    kept = math.sqrt(max(0.0, then.sigma**2 - variance)) / now.sigma
    x_s = then.a * x_hr + then.b * x_lr + kept * (x - now.a * x_hr - now.b * x_lr)
    if variance <= 0.0:
        return x_s
    if fresh_noise is None:
        raise ValueError("eta > 0 renews noise: pass fresh_noise")
    return x_s + math.sqrt(variance) * fresh_noise()


def _renewed_variance(bridge: AffineBridge, u: float, s: float, eta: Eta) -> float:
    if eta == "all":
        return bridge.at(s).sigma ** 2
    return bridge.residual_variance(u, s) if eta == "full" else eta**2 * bridge.posterior_variance(u, s)
