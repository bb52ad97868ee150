"""Validation during training: whole slices restored and projected, against zero filling."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pdm_core.degradation.kspace import lowres_size, project
from pdm_core.diffusion.denoiser import EpsilonDenoiser, ResidualDenoiser
from pdm_core.diffusion.periodic import PeriodicDenoiser
from pdm_core.diffusion.sampling import SamplingPlan, sample
from pdm_core.evaluation.metrics import psnr, ssim
from pdm_core.training.slices import SliceStack
from pdm_core.training.team import Team

_SLICES = 3
_COMMON_FACTORS = (2.0, 4.0)
# The faithful setting of a residual model; a noise-predicting one needs several steps of its own rule.
_PLANS = {
    ResidualDenoiser: SamplingPlan(steps=1),
    EpsilonDenoiser: SamplingPlan(steps=8, rule="paper"),
}


def validation_factors(factors: tuple[float, float]) -> tuple[float, ...]:
    """The factors to validate at, rising: x2 and x4 where a model serves them, else its largest."""
    return tuple(factor for factor in _COMMON_FACTORS if factors[0] <= factor <= factors[1]) or (factors[1],)


def score(record: Mapping[str, Any]) -> float:
    """What the best validation is chosen by: the mean of its gains in PSNR, dB."""
    gains = [value for name, value in record.items() if name.startswith("psnr_gain")]
    return float(sum(gains) / len(gains))


@torch.no_grad()
def validate(
    denoiser: ResidualDenoiser | EpsilonDenoiser, stacks: Sequence[SliceStack], factors: Sequence[float], team: Team
) -> dict[str, float]:
    """Mean gain over zero filling at each factor, on the central slices of the validation volumes; the team shares them.

    Returns:
        `psnr_gain_x2` in dB and `ssim_gain_x2`, and the same for the other factors; data range 1 between the percentiles of
        scaling.
    """
    gains: dict[str, float] = {}
    for factor in factors:
        own = stacks[team.rank :: team.size]
        rows = [_gain(denoiser, _central(stack).to(team.device), factor) for stack in own]
        psnr_sum, ssim_sum = team.total([sum(row[0] for row in rows), sum(row[1] for row in rows)])
        gains[f"psnr_gain_x{factor:g}"] = psnr_sum / len(stacks)
        gains[f"ssim_gain_x{factor:g}"] = ssim_sum / len(stacks)
    return gains


@torch.no_grad()
def examples(
    denoiser: ResidualDenoiser | EpsilonDenoiser, stack: SliceStack, factor: float, device: torch.device
) -> dict[str, Tensor]:
    """Zero-filled, restored and true middle slice of a volume, (H, W) each, to be looked at."""
    x_hr = _central(stack).to(device)[:1]
    x_lr, restored = _restored(denoiser, x_hr, factor)
    return {name: image[0, 0].cpu() for name, image in (("zero filling", x_lr), ("restored", restored), ("truth", x_hr))}


def _central(stack: SliceStack) -> Tensor:
    first = max(0, (len(stack) - _SLICES) // 2)
    return stack.take(range(first, min(first + _SLICES, len(stack))))[:, None]


def _gain(denoiser: ResidualDenoiser | EpsilonDenoiser, x_hr: Tensor, factor: float) -> tuple[float, float]:
    """PSNR and SSIM of the restored image less those of the zero-filled one."""
    unit_hr, unit_lr, unit_restored = ((image + 1.0) / 2.0 for image in (x_hr, *_restored(denoiser, x_hr, factor)))
    return (
        float((psnr(unit_restored, unit_hr) - psnr(unit_lr, unit_hr)).mean()),
        float((ssim(unit_restored, unit_hr) - ssim(unit_lr, unit_hr)).mean()),
    )


def _restored(denoiser: ResidualDenoiser | EpsilonDenoiser, x_hr: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    """x_LR and its projected restoration, one slice at a time."""
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
    return x_lr, estimate - project(estimate, size) + x_lr
