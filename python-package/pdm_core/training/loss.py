"""Denoising losses on random times of the bridge (SCIENCE §0.4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pdm_core.degradation.kspace import lowres_size, project
from pdm_core.diffusion.denoisers import Example, NetworkDenoiser, columns
from pdm_core.training.pairs import Pairs

_HUBER = 0.00054


def draw_times(count: int, start_share: float, random: np.random.Generator) -> np.ndarray:
    """Times u in (0, 1]: uniform, but for a share at u = 1, where every sampling starts and one-step sampling ends."""
    times = 1.0 - random.random(count)
    times[random.random(count) < start_share] = 1.0
    return times


def denoising_loss(denoiser: NetworkDenoiser, pairs: Pairs, times: np.ndarray, noise: Tensor, kind: str) -> Tensor:
    """Mean loss of the network's raw output against its unit-variance target.

    Args:
        denoiser: network and bridge.
        pairs: x_HR and x_LR (N, 1, H, W) and their factors.
        times: u of each pair, (N,).
        noise: eps, shared by both latents (SCIENCE §0.2 a), (N, 1, H, W).
        kind: of the distance, see `distance`.
    """
    return distance(*output_and_target(denoiser, pairs, times, noise), kind)


def output_and_target(denoiser: NetworkDenoiser, pairs: Pairs, times: np.ndarray, noise: Tensor) -> tuple[Tensor, Tensor]:
    """The network's raw output and what it should be, float32; the arguments are those of `denoising_loss`."""
    if denoiser.bridge.unmeasured_noise:
        noise = unmeasured(noise, pairs.factor)
    a, b, sigma = columns(denoiser.bridge, times, noise)
    x = a * pairs.x_hr + b * pairs.x_lr + sigma * noise
    example = Example(x, pairs.x_hr, pairs.x_lr, noise, times, pairs.factor, pairs.further)
    output, target = denoiser.output_and_target(example)
    return output.float(), target


def unmeasured(noise: Tensor, factors: Sequence[float]) -> Tensor:
    """Noise (N, 1, H, W) without the band that a reduction by each image's factor leaves.

    Of a crop the band is that of its own size: a stationary noise has the same spectrum there as in the whole slice.
    """
    size = (noise.shape[-2], noise.shape[-1])
    measured = [project(one, lowres_size(size, factor)) for one, factor in zip(noise, factors, strict=True)]
    return noise - torch.stack(measured)


def distance(output: Tensor, target: Tensor, kind: str) -> Tensor:
    """Mean distance of images (N, 1, H, W).

    Args:
        output: what the network gives.
        target: what it should give, of unit variance.
        kind: "l1", "mse", or "huber": the pseudo-Huber distance of whole images with c = 0.00054 sqrt(pixels) (Song and
            Dhariwal, Improved Techniques for Training Consistency Models), a pixel's share of it.
    """
    if kind != "huber":
        return (functional.l1_loss if kind == "l1" else functional.mse_loss)(output, target)
    pixels = output[0].numel()
    c = _HUBER * math.sqrt(pixels)
    norms = ((output - target).square().flatten(1).sum(dim=1) + c**2).sqrt() - c
    return norms.mean() / math.sqrt(pixels)


def learning_rate_scale(step: int, warmup: int, iterations: int) -> float:
    """Linear warm-up, then a half cosine to 1 % of the peak."""
    if step < warmup:
        return (step + 1) / warmup
    share = min(1.0, (step - warmup) / max(1, iterations - warmup))
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * share))
