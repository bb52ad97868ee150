"""Tiling for slices that exceed the memory: the estimates of overlapping tiles are fused at every step (SCIENCE §6)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.denoisers import Denoiser
from pdm_core.networks.windows import gaussian_weight, windows

TILE = 256
OVERLAP = 0.25


class TiledDenoiser:
    """A denoiser that sees one tile at a time and blends them with Gaussian weights: latent and noise stay whole.

    Args:
        denoiser: estimates each tile.
        tile: edge of the square tiles in pixels.
    """

    def __init__(self, denoiser: Denoiser, tile: int = TILE) -> None:
        self.denoiser, self.tile = denoiser, tile

    @property
    def bridge(self) -> AffineBridge:
        """The bridge of the wrapped denoiser."""
        return self.denoiser.bridge

    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Fused estimate of x_HR, (N, C, H, W)."""
        return self._fused(x, x_lr, lambda x, x_lr: self.denoiser.estimate(x, x_lr, u, factor))

    def mixture(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Fused estimate of m_t, (N, C, H, W)."""
        return self._fused(x, x_lr, lambda x, x_lr: self.denoiser.mixture(x, x_lr, u, factor))

    def _fused(self, x: Tensor, x_lr: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        height, width = x.shape[-2:]
        # A tile may be larger than the image along one of its sides: the border is repeated beyond it.
        beyond = (0, max(0, self.tile - width), 0, max(0, self.tile - height))
        pair = functional.pad(torch.cat((x, x_lr), dim=1), beyond, mode="replicate")
        weight = gaussian_weight((self.tile, self.tile)).to(x)
        total, seen = torch.zeros_like(pair[:, : x.shape[1]]), torch.zeros_like(pair[:1, :1])
        for rows, columns in windows(pair.shape[-2:], (self.tile, self.tile), OVERLAP):
            total[..., rows, columns] += weight * of(*pair[..., rows, columns].chunk(2, dim=1))
            seen[..., rows, columns] += weight
        return (total / seen)[..., :height, :width]
