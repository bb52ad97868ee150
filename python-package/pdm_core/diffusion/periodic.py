"""Borders of whole slices: a slice made by an inverse Fourier transform goes on at its opposite border."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from pdm_core.diffusion.bridge import Bridge
from pdm_core.diffusion.denoiser import Denoiser

# Pixels beyond each border; a multiple of what the networks shrink by, so that they add no padding of their own.
MARGIN = 8


class PeriodicDenoiser:
    """A denoiser that sees `MARGIN` pixels of the opposite border beyond each border.

    Anatomy that is cut off at a border rings into the opposite one; with both in sight a network can take that back.

    Args:
        denoiser: estimates the widened slices.
    """

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser = denoiser

    @property
    def bridge(self) -> Bridge:
        """The bridge of the wrapped denoiser."""
        return self.denoiser.bridge

    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of x_HR, (N, 1, H, W)."""
        return _widened(x, x_lr, lambda x, x_lr: self.denoiser.estimate(x, x_lr, u, factor))

    def mixture(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of m_t, (N, 1, H, W)."""
        return _widened(x, x_lr, lambda x, x_lr: self.denoiser.mixture(x, x_lr, u, factor))


def _widened(x: Tensor, x_lr: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    height, width = x.shape[-2:]
    wide = functional.pad(torch.cat((x, x_lr), dim=1), (MARGIN,) * 4, mode="circular")
    return of(wide[:, :1], wide[:, 1:])[..., MARGIN : MARGIN + height, MARGIN : MARGIN + width]
