"""Flipped and transposed views: a slice has no orientation of its own, a network's estimate of it nearly none."""

from __future__ import annotations

import torch
from torch import Tensor

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.denoisers import Denoiser

SYMMETRIES = 8


class SymmetricDenoiser:
    """A denoiser that sees its images by one of the eight symmetries of the square.

    What it gives for different symmetries differs by the network's error alone; their mean is nearer to the truth (the
    self-ensemble of Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution).

    Args:
        denoiser: trained on flipped and transposed images.
        number: of the symmetry; 0 leaves the images as they are, and beyond 7 they come again.
    """

    def __init__(self, denoiser: Denoiser, number: int) -> None:
        self.denoiser = denoiser
        self._flips = [dim for bit, dim in ((1, -2), (2, -1)) if number & bit]
        self._transposed = bool(number & 4)

    @property
    def bridge(self) -> AffineBridge:
        """The bridge of the wrapped denoiser."""
        return self.denoiser.bridge

    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of x_HR, (N, C, H, W)."""
        return self._back(self.denoiser.estimate(self._view(x), self._view(x_lr), u, factor))

    def mixture(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of m_t, (N, C, H, W)."""
        return self._back(self.denoiser.mixture(self._view(x), self._view(x_lr), u, factor))

    def _view(self, x: Tensor) -> Tensor:
        flipped = torch.flip(x, self._flips) if self._flips else x
        return flipped.transpose(-2, -1) if self._transposed else flipped

    def _back(self, x: Tensor) -> Tensor:
        upright = x.transpose(-2, -1) if self._transposed else x
        return torch.flip(upright, self._flips) if self._flips else upright
