"""Tiling for slices that exceed the memory: the estimates of overlapping tiles are fused at every step (SCIENCE §6)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.denoisers import Denoiser

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
        from monai.inferers.utils import sliding_window_inference

        fused = sliding_window_inference(
            torch.cat((x, x_lr), dim=1),
            roi_size=(self.tile, self.tile),
            sw_batch_size=1,
            predictor=lambda pair: of(*pair.chunk(2, dim=1)),
            overlap=OVERLAP,
            mode="gaussian",
            padding_mode="replicate",
        )
        assert isinstance(fused, Tensor)
        return fused
