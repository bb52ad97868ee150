"""The residual parameterisation: a preconditioned estimate of x_HR - x_LR, bounded at both ends (SCIENCE §0.4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.denoisers.base import (
    Example,
    FloatOrTensor,
    NetworkDenoiser,
    column,
    columns,
    conditioning,
    conditioning_each,
)
from pdm_core.errors import InputError

ResidualSpread = Sequence[tuple[float, float]]

# Half width in pixels of the mean that is taken off x_LR to show its detail.
_BLUR = 3


def precondition(
    a: FloatOrTensor, sigma: FloatOrTensor, residual_std: FloatOrTensor
) -> tuple[FloatOrTensor, FloatOrTensor, FloatOrTensor]:
    """Karras et al.'s preconditioner for the residual of an affine bridge, with a quieter input.

    Karras' input y / n has unit variance, but at the start (a = 0) it is nothing but noise that the network must first
    learn to ignore. Ours is scaled once more by the signal's share a s_d / n: the best linear estimate of the residual in
    units of s_d, which is exactly zero there.

    Returns:
        c_in, c_skip and c_out of x_HR = x_LR + c_skip y + c_out F(c_in y, x_LR) with y = x_t - (a + b) x_LR.
    """
    n = ((a * residual_std) ** 2 + sigma**2) ** 0.5
    return residual_std * a / n**2, residual_std**2 * a / n**2, residual_std * sigma / n


def network_input(scaled_latent: Tensor, x_lr: Tensor, residual_std: float | Tensor) -> Tensor:
    """What a residual network sees, (N, 3, H, W): the scaled latent, x_LR, and the detail of x_LR in units of s_d.

    The third follows from the second, but is a twentieth of its size: given apart, a network need not find it first.
    """
    padded = functional.pad(x_lr, (_BLUR, _BLUR, _BLUR, _BLUR), mode="replicate")
    detail = (x_lr - functional.avg_pool2d(padded, 2 * _BLUR + 1, stride=1)) / residual_std
    return torch.cat((scaled_latent, x_lr, detail), dim=1)


class ResidualDenoiser(NetworkDenoiser):
    """Predicts x_HR through the preconditioned residual; bounded at both ends, also where a_K = 0.

    Args:
        network: maps `network_input` (N, 3, H, W) and `conditioning` (N, 2) to (N, 1, H, W).
        bridge: the process that the network was trained on.
        residual_std: pairs (factor, standard deviation of x_HR - x_LR), linear in log factor between them.
    """

    def __init__(self, network: nn.Module, bridge: AffineBridge, residual_std: ResidualSpread) -> None:
        super().__init__(network, bridge)
        if not residual_std or min(std for _, std in residual_std) <= 0:
            raise InputError(f"The residual's standard deviations {list(residual_std)} must be positive.")
        self.residual_std = tuple(sorted((float(factor), float(std)) for factor, std in residual_std))

    def around(self, network: nn.Module) -> ResidualDenoiser:
        """The same denoiser about another network."""
        return ResidualDenoiser(network, self.bridge, self.residual_std)

    def spread(self, factor: float) -> float:
        """s_d: standard deviation of x_HR - x_LR over the training set at `factor`."""
        factors, spreads = zip(*self.residual_std, strict=True)
        return float(np.interp(math.log(factor), np.log(factors), spreads))

    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of x_HR from the latent `x` (N, 1, H, W) at time `u`."""
        a, b, sigma = self.bridge.at(u)
        return self._estimate(x, x_lr, a, b, sigma, self.spread(factor), conditioning(sigma, factor, x))

    def estimate_each(
        self, x: Tensor, x_lr: Tensor, times: NDArray[np.float64], factors: Sequence[float], *further: Sequence[float]
    ) -> Tensor:
        """Estimates of x_HR from latents (N, 1, H, W) with a time in [0, 1], a factor and further scalars of their own."""
        a, b, sigma = columns(self.bridge, times, x)
        return self._estimate(x, x_lr, a, b, sigma, self._spreads(factors, x), conditioning_each(sigma, factors, *further))

    def output_and_target(self, example: Example) -> tuple[Tensor, Tensor]:
        """F and (x_HR - x_LR - c_skip y) / c_out."""
        x, x_hr, x_lr, noise, times, factors, further = example
        a, b, sigma = columns(self.bridge, times, noise)
        spread = self._spreads(factors, noise)
        c_in, c_skip, c_out = precondition(a, sigma, spread)
        y = x - (a + b) * x_lr
        target = (x_hr - x_lr - c_skip * y) / c_out
        scalars = conditioning_each(sigma, factors, *further)
        return self.run(network_input(c_in * y, x_lr, spread), scalars), target

    def _spreads(self, factors: Sequence[float], like: Tensor) -> Tensor:
        return column([self.spread(factor) for factor in factors], like)

    def _estimate(
        self,
        x: Tensor,
        x_lr: Tensor,
        a: FloatOrTensor,
        b: FloatOrTensor,
        sigma: FloatOrTensor,
        spread: FloatOrTensor,
        scalars: Tensor,
    ) -> Tensor:
        c_in, c_skip, c_out = precondition(a, sigma, spread)
        y = x - (a + b) * x_lr
        return x_lr + c_skip * y + c_out * self.run(network_input(c_in * y, x_lr, spread), scalars)
