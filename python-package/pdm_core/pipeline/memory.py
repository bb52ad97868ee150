"""What to do when a device runs out of memory: fewer images at a time, then tiles of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pdm_core.diffusion.denoisers import Denoiser
from pdm_core.pipeline.tiles import TILE, TiledDenoiser
from pdm_core.progress import WarningCallback

_SMALLEST_TILE = 64


@dataclass(frozen=True)
class Portion:
    """What goes through a network at a time.

    Attributes:
        batch: images.
        tile: edge of the tiles in pixels, when a whole image exceeds the memory.
        images: what the images are called.
    """

    batch: int
    tile: int | None = None
    images: str = "slices"

    def seen_by(self, denoiser: Denoiser) -> Denoiser:
        """The denoiser, tile by tile where needed."""
        return TiledDenoiser(denoiser, self.tile) if self.tile else denoiser

    def smaller(self, warn: WarningCallback, error: torch.cuda.OutOfMemoryError) -> Portion:
        """Half the batch, then tiles; raises `error` when nothing smaller is left."""
        torch.cuda.empty_cache()
        if self.batch > 1:
            half = self.batch // 2
            warn(f"The device ran out of memory with {self.batch} {self.images} at a time; going on with {half}.")
            return Portion(half, self.tile, self.images)
        tile = self.tile // 2 if self.tile else TILE
        if tile < _SMALLEST_TILE:
            raise error
        warn(f"The device ran out of memory with one of the {self.images}; going on with tiles of {tile} pixels.")
        return Portion(1, tile, self.images)
