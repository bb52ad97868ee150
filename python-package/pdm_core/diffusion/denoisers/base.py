"""What samplers, pipeline and training know of a denoiser: a network and a bridge that together estimate x_HR.

Images are (N, C, H, W): magnitudes in the range of about [-1, 1] in one channel, or what else `NetworkDenoiser.images` says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.images import MAGNITUDES, ImageKind
from pdm_core.networks.devices import autocast, learning_format

FloatOrTensor = TypeVar("FloatOrTensor", float, Tensor)
Self = TypeVar("Self", bound="NetworkDenoiser")


class Denoiser(Protocol):
    """What a sampler needs: the bridge and the two estimates that the rules of alignment are built on."""

    @property
    def bridge(self) -> AffineBridge:
        """The process that is undone."""
        ...

    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of x_HR from the latent `x` at time `u`."""
        ...

    def mixture(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of m_t = lam_t x_HR + (1 - lam_t) x_LR, which Eq. (19) as printed is built on."""
        ...


class Example(NamedTuple):
    """Latents to learn from.

    Attributes:
        x: latents (N, C, H, W) at times of their own.
        x_hr: what they came from.
        x_lr: what is known.
        noise: eps in them.
        times: u of each, float64 (N,).
        factors: of each.
        further: what a network is told of each besides noise level and factor.
    """

    x: Tensor
    x_hr: Tensor
    x_lr: Tensor
    noise: Tensor
    times: NDArray[np.float64]
    factors: Sequence[float]
    further: Sequence[Sequence[float]] = ()


class NetworkDenoiser(nn.Module, ABC):
    """A network on a bridge.

    Args:
        network: its inputs and its output are what the parameterisation says.
        bridge: the process that the network was trained on.

    Attributes:
        one_step: whether a single evaluation at u = 1 is a sensible restoration.
        images: what its images hold.
        precision: that the network learns in: "float32", "bfloat16", or "" for what the device usually does.
    """

    one_step = True
    precision = ""
    images: ImageKind = MAGNITUDES

    def __init__(self, network: nn.Module, bridge: AffineBridge) -> None:
        super().__init__()
        self.network, self.bridge = network, bridge

    @abstractmethod
    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of x_HR from the latent `x` (N, C, H, W) at time `u`."""

    @abstractmethod
    def output_and_target(self, example: Example) -> tuple[Tensor, Tensor]:
        """What the network gives for latents and what it should give, of about unit variance, (N, C, H, W) both."""

    @abstractmethod
    def around(self: Self, network: nn.Module) -> Self:
        """The same denoiser about another network."""

    def mixture(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of m_t, mixed from the estimate of x_HR."""
        x_hr = self.estimate(x, x_lr, u, factor)
        if self.bridge.unaligned == self.bridge:
            return x_hr
        now, parent = self.bridge.at(u), self.bridge.unaligned.at(u)
        return now.a / parent.a * x_hr + (now.b - parent.b) / parent.a * x_lr

    def run(self, inputs: Tensor, scalars: Tensor) -> Tensor:
        """The network in the number format of learning, its output in the type of `inputs`."""
        with autocast(inputs.device, learning_format(inputs.device, self.precision)):
            output: Tensor = self.network(inputs, scalars)
        return output.to(inputs.dtype)


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


def conditioned_on(denoiser: NetworkDenoiser, *scalars: float) -> NetworkDenoiser:
    """The denoiser with further scalars of its network held fixed; it shares the weights."""
    told = denoiser.around(_FurtherScalars(denoiser.network, scalars))
    told.precision = denoiser.precision
    return told


def conditioning(sigma: float, factor: float, like: Tensor) -> Tensor:
    """The network's scalars (N, 2): noise level sigma_t and log2 of the factor, for the batch of `like`."""
    level, octaves = (like.new_full((like.shape[0], 1), value) for value in (sigma, float(np.log2(factor))))
    return torch.cat((level, octaves), dim=1)


def conditioning_each(sigma: Tensor, factors: Sequence[float], *further: Sequence[float]) -> Tensor:
    """The network's scalars (N, S) for images with a noise level (N, 1, 1, 1) and a factor of their own, and what follows."""
    scalars = (sigma, column(np.log2(factors), sigma), *(column(values, sigma) for values in further))
    return torch.cat([scalar.flatten(1) for scalar in scalars], dim=1)


def column(values: ArrayLike, like: Tensor) -> Tensor:
    """One number an image, (N, 1, 1, 1), of the type and on the device of `like`."""
    return torch.as_tensor(np.asarray(values), dtype=like.dtype, device=like.device).reshape(-1, 1, 1, 1)


def columns(bridge: AffineBridge, times: NDArray[np.float64], like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """a, b and sigma of images with times of their own, (N, 1, 1, 1) each."""
    a, b, sigma = (column(curve, like) for curve in bridge.curves(times))
    return a, b, sigma
