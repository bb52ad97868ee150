"""Denoising losses on random times of the bridge (SCIENCE §0.4)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pdm_core.diffusion.denoiser import EpsilonDenoiser, ResidualDenoiser, network_input, precondition
from pdm_core.training.pairs import Pairs


def draw_times(count: int, start_share: float, random: np.random.Generator) -> np.ndarray:
    """Times u in (0, 1]: uniform, but for a share at u = 1, where every sampling starts and one-step sampling ends."""
    times = 1.0 - random.random(count)
    times[random.random(count) < start_share] = 1.0
    return times


def denoising_loss(
    denoiser: ResidualDenoiser | EpsilonDenoiser, pairs: Pairs, times: np.ndarray, noise: Tensor, kind: str
) -> Tensor:
    """Mean loss of the network's raw output against its unit-variance target.

    Args:
        denoiser: network and bridge.
        pairs: x_HR and x_LR (N, 1, H, W) and their factors.
        times: u of each pair, (N,).
        noise: eps, shared by both latents (SCIENCE §0.2 a), (N, 1, H, W).
        kind: "l1" or "mse".
    """
    a, b, sigma = (_column(curve, noise) for curve in denoiser.bridge.curves(times))
    x = a * pairs.x_hr + b * pairs.x_lr + sigma * noise
    known = [np.log2(pairs.factor), *([np.array(pairs.thickness)] if pairs.thickness else [])]
    scalars = torch.cat([column.flatten(1) for column in (sigma, *(_column(values, noise) for values in known))], dim=1)
    if isinstance(denoiser, EpsilonDenoiser):
        return _distance(denoiser.network, torch.cat((x, pairs.x_lr), dim=1), scalars, noise, kind)
    spread = _column(np.array([denoiser.spread(factor) for factor in pairs.factor]), noise)
    c_in, c_skip, c_out = precondition(a, sigma, spread)
    y = x - (a + b) * pairs.x_lr
    target = (pairs.x_hr - pairs.x_lr - c_skip * y) / c_out
    return _distance(denoiser.network, network_input(c_in * y, pairs.x_lr, spread), scalars, target, kind)


def _distance(network: nn.Module, inputs: Tensor, scalars: Tensor, target: Tensor, kind: str) -> Tensor:
    cuda = inputs.device.type == "cuda"
    with torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=cuda):
        output = network(inputs, scalars)
    compare = functional.l1_loss if kind == "l1" else functional.mse_loss
    return compare(output.float(), target)


def _column(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=like.dtype, device=like.device).reshape(-1, 1, 1, 1)


def learning_rate_scale(step: int, warmup: int, iterations: int) -> float:
    """Linear warm-up, then a half cosine to 1 % of the peak."""
    if step < warmup:
        return (step + 1) / warmup
    share = min(1.0, (step - warmup) / max(1, iterations - warmup))
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * share))
