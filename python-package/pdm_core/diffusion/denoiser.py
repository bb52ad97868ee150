"""Denoisers: a network and a bridge that together estimate the high-resolution image (SCIENCE §0.4).

Images are (N, 1, H, W) in the range of about [-1, 1]; both denoisers condition the network on sigma_t and log2 of the factor,
a through-plane network moreover on the slices' thickness as a share of their distance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional

from pdm_core.diffusion.bridge import Bridge
from pdm_core.errors import InputError

ResidualSpread = Sequence[tuple[float, float]]
FloatOrTensor = TypeVar("FloatOrTensor", float, Tensor)

# Half width in pixels of the mean that is taken off x_LR to show its detail.
_BLUR = 3


class Denoiser(Protocol):
    """What a sampler needs: the bridge and the two estimates that the rules of alignment are built on."""

    @property
    def bridge(self) -> Bridge:
        """The process that is undone."""
        ...

    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of x_HR from the latent `x` at time `u`."""
        ...

    def mixture(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of m_t = lam_t x_HR + (1 - lam_t) x_LR, which Eq. (19) as printed is built on."""
        ...


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


class ResidualDenoiser(nn.Module):
    """Predicts x_HR through the preconditioned residual; bounded at both ends, also where a_K = 0.

    Args:
        network: maps `network_input` (N, 3, H, W) and `conditioning` (N, 2) to (N, 1, H, W).
        bridge: the process that the network was trained on.
        residual_std: pairs (factor, standard deviation of x_HR - x_LR), linear in log factor between them.
    """

    def __init__(self, network: nn.Module, bridge: Bridge, residual_std: ResidualSpread) -> None:
        super().__init__()
        if not residual_std or min(std for _, std in residual_std) <= 0:
            raise InputError(f"The residual's standard deviations {list(residual_std)} must be positive.")
        self.network, self.bridge = network, bridge
        self.residual_std = tuple(sorted((float(factor), float(std)) for factor, std in residual_std))

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
        a, b, sigma = (column(curve, x) for curve in self.bridge.curves(times))
        spread = column([self.spread(factor) for factor in factors], x)
        return self._estimate(x, x_lr, a, b, sigma, spread, conditioning_each(sigma, factors, *further))

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
        output: Tensor = self.network(network_input(c_in * y, x_lr, spread), scalars)
        return x_lr + c_skip * y + c_out * output.to(x.dtype)

    def mixture(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of m_t, mixed from the estimate of x_HR."""
        weight = float(self.bridge.alignment_weight(u))
        return weight * self.estimate(x, x_lr, u, factor) + (1.0 - weight) * x_lr


class EpsilonDenoiser(nn.Module):
    """Predicts the noise, as SR3 does; for the paper's rule and for bridges without alignment.

    Args:
        network: maps latent and x_LR (N, 2, H, W) and `conditioning` (N, 2) to eps (N, 1, H, W).
        bridge: the process that the network was trained on.
    """

    def __init__(self, network: nn.Module, bridge: Bridge) -> None:
        super().__init__()
        self.network, self.bridge = network, bridge

    def mixture(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of m_t = (x_t - sigma_t eps) / sqrt(abar_t)."""
        a, b, sigma = self.bridge.at(u)
        noise: Tensor = self.network(torch.cat((x, x_lr), dim=1), conditioning(sigma, factor, x))
        return (x - sigma * noise.to(x.dtype)) / (a + b)

    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of x_HR, where m_t = x_HR; under alignment it would divide by lam_t, which is 0 at the start."""
        if self.bridge.alignment != "none":
            raise InputError(
                "A noise-predicting model with latent alignment has no estimate of the high-resolution image.",
                'Sample it with alignment_rule="paper", or train it with parameterization "residual".',
            )
        return self.mixture(x, x_lr, u, factor)


def conditioning(sigma: float, factor: float, like: Tensor) -> Tensor:
    """The network's scalars (N, 2): noise level sigma_t in [0, 1] and log2 of the factor, for the batch of `like`."""
    level, octaves = (like.new_full((like.shape[0], 1), value) for value in (sigma, math.log2(factor)))
    return torch.cat((level, octaves), dim=1)


class _FurtherScalars(nn.Module):
    """A network that is told more than noise level and factor, the same for all images."""

    def __init__(self, network: nn.Module, scalars: Sequence[float]) -> None:
        super().__init__()
        self.network, self.scalars = network, tuple(scalars)

    def forward(self, image: Tensor, scalars: Tensor) -> Tensor:
        """As the network's own forward."""
        further = scalars.new_tensor(self.scalars).expand(len(scalars), -1)
        output: Tensor = self.network(image, torch.cat((scalars, further), dim=1))
        return output


def conditioned_on(denoiser: ResidualDenoiser | EpsilonDenoiser, *scalars: float) -> ResidualDenoiser | EpsilonDenoiser:
    """The denoiser with further scalars of its network held fixed; it shares the weights."""
    network = _FurtherScalars(denoiser.network, scalars)
    if isinstance(denoiser, EpsilonDenoiser):
        return EpsilonDenoiser(network, denoiser.bridge)
    return ResidualDenoiser(network, denoiser.bridge, denoiser.residual_std)


def conditioning_each(sigma: Tensor, factors: Sequence[float], *further: Sequence[float]) -> Tensor:
    """The network's scalars (N, S) for images with a noise level (N, 1, 1, 1) and a factor of their own, and what follows."""
    scalars = (sigma, column(np.log2(factors), sigma), *(column(values, sigma) for values in further))
    return torch.cat([scalar.flatten(1) for scalar in scalars], dim=1)


def column(values: ArrayLike, like: Tensor) -> Tensor:
    """One number an image, (N, 1, 1, 1), of the type and on the device of `like`."""
    return torch.as_tensor(np.asarray(values), dtype=like.dtype, device=like.device).reshape(-1, 1, 1, 1)


def build_denoiser(
    network: nn.Module, bridge: Mapping[str, Any], parameterization: str, residual_std: ResidualSpread
) -> ResidualDenoiser | EpsilonDenoiser:
    """Join a network with the bridge and the parameterisation that a card or a recipe names.

    Raises:
        InputError: the parameterisation or a field of the bridge is unknown.
    """
    if parameterization == "residual":
        return ResidualDenoiser(network, Bridge.from_dict(bridge), residual_std)
    if parameterization == "epsilon":
        return EpsilonDenoiser(network, Bridge.from_dict(bridge))
    raise InputError(f"There is no parameterisation {parameterization!r}.", 'Use "residual" or "epsilon".')
