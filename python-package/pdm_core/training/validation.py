"""Validation during training: whole slices restored and projected, against zero filling."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pdm_core.degradation.kspace import lowres_size, project
from pdm_core.diffusion.denoiser import EpsilonDenoiser, ResidualDenoiser
from pdm_core.diffusion.periodic import PeriodicDenoiser
from pdm_core.diffusion.sampling import SamplingPlan, sample
from pdm_core.evaluation.metrics import psnr, ssim
from pdm_core.training.slices import SliceStack

_SLICES = 3
_FACTORS = (2.0, 4.0)
# The faithful setting of a residual model; a noise-predicting one needs several steps of its own rule.
_PLANS = {
    ResidualDenoiser: SamplingPlan(steps=1),
    EpsilonDenoiser: SamplingPlan(steps=8, rule="paper"),
}


@torch.no_grad()
def validate(
    denoiser: ResidualDenoiser | EpsilonDenoiser, stacks: Sequence[SliceStack], device: torch.device
) -> dict[str, float]:
    """Mean gain over zero filling at each factor, on the central slices of the validation volumes.

    Returns:
        `psnr_gain_x2` in dB and `ssim_gain_x2`, and the same for x4; data range 1 between the percentiles of scaling.
    """
    gains: dict[str, float] = {}
    for factor in _FACTORS:
        rows = [_gain(denoiser, _central(stack).to(device), factor) for stack in stacks]
        gains[f"psnr_gain_x{factor:g}"] = sum(row[0] for row in rows) / len(rows)
        gains[f"ssim_gain_x{factor:g}"] = sum(row[1] for row in rows) / len(rows)
    return gains


def _central(stack: SliceStack) -> Tensor:
    first = max(0, (len(stack) - _SLICES) // 2)
    return stack.take(range(first, min(first + _SLICES, len(stack))))[:, None]


def _gain(denoiser: ResidualDenoiser | EpsilonDenoiser, x_hr: Tensor, factor: float) -> tuple[float, float]:
    """PSNR and SSIM of the restored image less those of the zero-filled one."""
    size = lowres_size((x_hr.shape[-2], x_hr.shape[-1]), factor)
    true_factor = math.sqrt(x_hr.shape[-2] * x_hr.shape[-1] / (size[0] * size[1]))
    x_lr = project(x_hr, size)
    noise = torch.randn(x_hr.shape, generator=torch.Generator().manual_seed(0)).to(x_hr)
    estimate = torch.cat(
        [
            sample(PeriodicDenoiser(denoiser), lr, true_factor, _PLANS[type(denoiser)], eps)
            for lr, eps in zip(torch.split(x_lr, 1), torch.split(noise, 1), strict=True)
        ]
    )
    restored = estimate - project(estimate, size) + x_lr
    unit_hr, unit_lr, unit_restored = ((image + 1.0) / 2.0 for image in (x_hr, x_lr, restored))
    return (
        float((psnr(unit_restored, unit_hr) - psnr(unit_lr, unit_hr)).mean()),
        float((ssim(unit_restored, unit_hr) - ssim(unit_lr, unit_hr)).mean()),
    )
