"""DPM-Solver++ of order 1 and 2 (multistep, midpoint) on the residual of an affine bridge (SCIENCE §0.4, §1.5)."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from pdm_core.diffusion.bridges import AffineBridge, Coefficients
from pdm_core.diffusion.grids import Times, checked_times
from pdm_core.diffusion.samplers.hooks import Estimate, OnStep, Refine, nothing, start_latent, unchanged


def sample_dpm_solver(
    estimate: Estimate,
    bridge: AffineBridge,
    x_lr: Tensor,
    times: Times,
    noise: Tensor,
    *,
    order: Literal[1, 2] = 2,
    refine: Refine = unchanged,
    on_step: OnStep = nothing,
) -> Tensor:
    """Walk from the noised low-resolution image to x_HR with data prediction in y = x_t - (a + b) x_LR.

    The first step from a_K = 0, the one after it and the last have order 1: their log-SNR steps are infinite.

    Args:
        estimate: x_HR from a latent and its time.
        bridge: the process.
        x_lr: low-resolution image on the target grid, (N, 1, H, W).
        times: strictly decreasing from at most 1 to 0.
        noise: eps of the start, like `x_lr`.
        order: 1 (equal to DDIM with eta 0) or 2.
        refine: applied to each estimate, e.g. the k-space projection.
        on_step: called after each step with the number done; may raise to cancel.

    Returns:
        The last estimate of x_HR, (N, 1, H, W).
    """
    grid = checked_times(times)
    x = start_latent(bridge, x_lr, noise, float(grid[0]))
    previous: Tensor | None = None
    h_previous = math.inf
    for step, (u, s) in enumerate(zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True), start=1):
        x_hr = refine(estimate(x, u))
        if s > 0.0:
            now, then = bridge.at(u), bridge.at(s)
            h = _log_snr_step(now, then)
            residual = x_hr - x_lr
            direction = residual
            if order == 2 and previous is not None and math.isfinite(h_previous):
                direction = residual + (h / (2.0 * h_previous)) * (residual - previous)
            x = _move(x, x_lr, direction, now, then)
            previous, h_previous = residual, h
        on_step(step)
    return x_hr


def _log_snr_step(now: Coefficients, then: Coefficients) -> float:
    """h = l_s - l_t of the half-log-SNR l = log(a / sigma); infinite from a_K = 0."""
    if now.a == 0.0:
        return math.inf
    return math.log(then.a / then.sigma) - math.log(now.a / now.sigma)


def _move(x: Tensor, x_lr: Tensor, direction: Tensor, now: Coefficients, then: Coefficients) -> Tensor:
    """One exponential step; a_s e^{-h} is written as a ratio, so that nothing is evaluated at log 0."""
    y = x - (now.a + now.b) * x_lr
    decayed = now.a * then.sigma / now.sigma
    return (then.a + then.b) * x_lr + (then.sigma / now.sigma) * y + (then.a - decayed) * direction
