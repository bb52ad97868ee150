"""Flipped and transposed views: a slice has no orientation of its own, a network's estimate of it nearly none."""

from __future__ import annotations

import torch
from torch import Tensor

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.denoisers import Denoiser

# Of the square, and those of them that only flip: for planes whose rows are slices, which must not be transposed.
SYMMETRIES, FLIPS = 8, 4


class Symmetry:
    """One of the eight symmetries of the square.

    Args:
        number: 0 leaves images as they are, 1 to 3 flip them, 4 to 7 transpose them too; beyond 7 they come again.
    """

    def __init__(self, number: int) -> None:
        self._flips = [dim for bit, dim in ((1, -2), (2, -1)) if number & bit]
        self._transposed = bool(number & 4)

    def view(self, x: Tensor) -> Tensor:
        """Images (..., H, W) as seen by this symmetry, (..., W, H) where it transposes."""
        flipped = torch.flip(x, self._flips) if self._flips else x
        return flipped.transpose(-2, -1) if self._transposed else flipped

    def back(self, x: Tensor) -> Tensor:
        """The images (..., H, W) that `view` has made `x` of."""
        upright = x.transpose(-2, -1) if self._transposed else x
        return torch.flip(upright, self._flips) if self._flips else upright


class SymmetricDenoiser:
    """A denoiser that sees its images by one of the eight symmetries of the square.

    What it gives for different symmetries differs by the network's error alone; their mean is nearer to the truth (the
    self-ensemble of Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution).

    Args:
        denoiser: trained on flipped and transposed images.
        number: see `Symmetry`.
    """

    def __init__(self, denoiser: Denoiser, number: int) -> None:
        self.denoiser = denoiser
        self._symmetry = Symmetry(number)

    @property
    def bridge(self) -> AffineBridge:
        """The bridge of the wrapped denoiser."""
        return self.denoiser.bridge

    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of x_HR, (N, C, H, W)."""
        view, back = self._symmetry.view, self._symmetry.back
        return back(self.denoiser.estimate(view(x), view(x_lr), u, factor))

    def mixture(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of m_t, (N, C, H, W)."""
        view, back = self._symmetry.view, self._symmetry.back
        return back(self.denoiser.mixture(view(x), view(x_lr), u, factor))
