"""Borders of whole slices, widened so that no network sees an edge: what lies beyond depends on how the slices were made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.denoisers import Denoiser

# Pixels beyond each border; a multiple of what the networks shrink by, so that they add no padding of their own.
MARGIN = 8


class WidenedDenoiser(ABC):
    """A denoiser that sees `MARGIN` more pixels beyond each border.

    Args:
        denoiser: estimates the widened slices.
    """

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser = denoiser

    @property
    def bridge(self) -> AffineBridge:
        """The bridge of the wrapped denoiser."""
        return self.denoiser.bridge

    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of x_HR, (N, C, H, W)."""
        return self._widened(x, x_lr, lambda x, x_lr: self.denoiser.estimate(x, x_lr, u, factor))

    def mixture(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of m_t, (N, C, H, W)."""
        return self._widened(x, x_lr, lambda x, x_lr: self.denoiser.mixture(x, x_lr, u, factor))

    def _widened(self, x: Tensor, x_lr: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        height, width = x.shape[-2:]
        wide = self._wide(torch.cat((x, x_lr), dim=1))
        return of(*wide.chunk(2, dim=1))[..., MARGIN : MARGIN + height, MARGIN : MARGIN + width]

    @abstractmethod
    def _wide(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) with `MARGIN` pixels more on each side."""


class PeriodicDenoiser(WidenedDenoiser):
    """For slices made by an inverse Fourier transform, which go on at their opposite border.

    Anatomy that is cut off at a border rings into the opposite one; with both in sight a network can take that back.
    """

    def _wide(self, images: Tensor) -> Tensor:
        return functional.pad(images, (MARGIN,) * 4, mode="circular")


class MirroredDenoiser(WidenedDenoiser):
    """For planes across a stack of slices, which end where the stack ends."""

    def _wide(self, images: Tensor) -> Tensor:
        rows, columns = (mirrored(-MARGIN, edge + 2 * MARGIN, edge).to(images.device) for edge in images.shape[-2:])
        return images.index_select(-2, rows).index_select(-1, columns)


def mirrored(start: int, count: int, edge: int) -> Tensor:
    """Indices of `count` pixels from `start` on, mirrored about the first and the last of `edge` pixels as often as needed."""
    period = max(1, 2 * (edge - 1))
    places = (start + torch.arange(count)) % period
    return torch.minimum(places, period - places)
