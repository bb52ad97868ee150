"""Validation during training: whole slices restored and projected, against the interpolated ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pdm_core.diffusion.denoisers import NetworkDenoiser
from pdm_core.diffusion.images import COMPLEX
from pdm_core.diffusion.samplers import Refine
from pdm_core.diffusion.samplers.hooks import unchanged
from pdm_core.diffusion.sampling import SamplingPlan, sample
from pdm_core.metrics.image_quality import psnr, ssim
from pdm_core.training.degradations import Degradation
from pdm_core.training.slices import SliceStack
from pdm_core.training.team import Team

# Central slices of each volume, fewer where a restoration takes several evaluations.
_SLICES, _SLICES_OF_MANY_STEPS = 3, 1
_FEW = 8


def validation_plan(denoiser: NetworkDenoiser) -> SamplingPlan:
    """One step where that is a sensible restoration; a noise-predicting model needs several, aligned ones the paper's rule."""
    if denoiser.one_step:
        return SamplingPlan(steps=1)
    return SamplingPlan(steps=_FEW, rule="paper" if denoiser.bridge.starts_at_lr else "consistent")


def validation_factors(factors: tuple[float, float], degradation: Degradation) -> tuple[float, ...]:
    """The factors to validate at, rising: the usual ones (in-plane x2 and x4) where a model serves them, else its largest."""
    return tuple(factor for factor in degradation.validated if factors[0] <= factor <= factors[1]) or (factors[1],)


@torch.no_grad()
def validate(
    denoiser: NetworkDenoiser,
    stacks: Sequence[SliceStack],
    factors: Sequence[float],
    team: Team,
    degradation: Degradation,
) -> dict[str, float]:
    """Mean gain over x_LR at each factor, on the central slices of the validation volumes; the team shares them.

    Returns:
        `psnr_gain_x2` in dB and `ssim_gain_x2`, and the same for the other factors; data range 1 between the percentiles of
        scaling.
    """
    gains: dict[str, float] = {}
    count = _SLICES if denoiser.one_step else _SLICES_OF_MANY_STEPS
    for factor in factors:
        own = stacks[team.rank :: team.size]
        rows = [_gain(denoiser, _central(stack, count).to(team.device), factor, degradation) for stack in own]
        psnr_sum, ssim_sum = team.total([sum(row[0] for row in rows), sum(row[1] for row in rows)])
        gains[f"psnr_gain_x{factor:g}"] = psnr_sum / len(stacks)
        gains[f"ssim_gain_x{factor:g}"] = ssim_sum / len(stacks)
    return gains


@torch.no_grad()
def examples(
    denoiser: NetworkDenoiser,
    stack: SliceStack,
    factor: float,
    device: torch.device,
    degradation: Degradation,
) -> dict[str, Tensor]:
    """Interpolated, restored and true middle slice of a volume, (H, W) each, to be looked at."""
    x_hr = _central(stack, 1).to(device)
    x_lr, restored = _restored(denoiser, x_hr, factor, degradation)
    images = {degradation.baseline: x_lr, "restored": restored, "truth": x_hr}
    return {name: image[0, 0].cpu() for name, image in images.items()}


def _central(stack: SliceStack, count: int) -> Tensor:
    first = max(0, (len(stack) - count) // 2)
    return stack.take(range(first, min(first + count, len(stack))))[:, None]


def _gain(denoiser: NetworkDenoiser, x_hr: Tensor, factor: float, degradation: Degradation) -> tuple[float, float]:
    """PSNR and SSIM of the restored image less those of the interpolated one."""
    images = (x_hr, *_restored(denoiser, x_hr, factor, degradation))
    unit_hr, unit_lr, unit_restored = ((image + 1.0) / 2.0 for image in images)
    return (
        float((psnr(unit_restored, unit_hr) - psnr(unit_lr, unit_hr)).mean()),
        float((ssim(unit_restored, unit_hr) - ssim(unit_lr, unit_hr)).mean()),
    )


def _restored(denoiser: NetworkDenoiser, x_hr: Tensor, factor: float, degradation: Degradation) -> tuple[Tensor, Tensor]:
    """x_LR and its projected restoration, one slice at a time; complex images as in use, from magnitudes."""
    reduction = degradation.reduction((x_hr.shape[-2], x_hr.shape[-1]), factor)
    x_lr = reduction.low_resolution(x_hr)
    known = denoiser.images.of(x_lr)
    noise = torch.randn(known.shape, generator=torch.Generator().manual_seed(0)).to(x_hr)
    whole, plan = reduction.on_whole_slices(denoiser), validation_plan(denoiser)

    def keeping(lr: Tensor) -> Refine:
        # Nothing but what was measured tells a score of complex images the phase, without which its magnitudes mean nothing.
        return (lambda x: reduction.refined(x, lr)) if denoiser.images is COMPLEX else unchanged

    estimate = torch.cat(
        [
            sample(whole, lr, reduction.factor, plan, eps, refine=keeping(lr), unmeasured=reduction.unmeasured)
            for lr, eps in zip(torch.split(known, 1), torch.split(noise, 1), strict=True)
        ]
    )
    return x_lr, reduction.refined(denoiser.images.like(x_lr, estimate), x_lr)
