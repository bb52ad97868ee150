"""The U-Net of the zones: fine levels within the slices, coarse ones across them, no pooling along the slices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pdm_core.networks.slicewise import NeighbourMixing, SliceBlock, padded_to_multiple, stacked, unstacked


class ZonalUNet(nn.Module):
    """An anisotropic U-Net: slices of 3 mm have pixels of under 1 mm, so that the levels reach across them by and by.

    Its normalisation is that of each slice, so that the number of slices changes nothing but what neighbours see.

    Args:
        classes: of the logits.
        channels: features of each level, from fine to coarse; each level halves the in-plane resolution.
        flat: how many of the finest levels stay within the slices.
        detail: features at full resolution; the levels start at half of it, where the cost is a quarter.
    """

    def __init__(self, classes: int = 3, channels: Sequence[int] = (24, 48, 96, 128), flat: int = 1, detail: int = 8) -> None:
        super().__init__()
        self.multiple = 2 ** len(channels)
        self.detail = nn.Sequential(nn.Conv2d(1, detail, 3, padding=1), nn.SiLU())
        self.stem = nn.Conv2d(4 * detail, channels[0], 3, padding=1)
        entering = (channels[0], *channels[:-1])
        self.down = nn.ModuleList(SliceBlock(*pair) for pair in zip(entering, channels, strict=True))
        self.up = nn.ModuleList(
            SliceBlock(channels[level] + channels[level + 1], channels[level]) for level in range(len(channels) - 1)
        )
        self.mixing = nn.ModuleDict(
            {
                f"{way}{level}": NeighbourMixing(channels[level])
                for level in range(flat, len(channels))
                for way in ("down", "up")
            }
        )
        self.middle = SliceBlock(channels[-1], channels[-1])
        self.head = nn.Sequential(nn.GroupNorm(8, channels[0]), nn.SiLU(), nn.Conv2d(channels[0], 4 * detail, 3, padding=1))
        self.tail = nn.Sequential(
            nn.Conv2d(2 * detail, 2 * detail, 3, padding=1), nn.SiLU(), nn.Conv2d(2 * detail, classes, 1)
        )

    def forward(self, volumes: Tensor) -> Tensor:
        """Map volumes (N, 1, K, J, I), any K, J and I, to logits (N, classes, K, J, I)."""
        count, rows, columns = volumes.shape[2:]
        detail = self.detail(padded_to_multiple(stacked(volumes), self.multiple))
        x = self.stem(functional.pixel_unshuffle(detail, 2))
        kept: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(functional.avg_pool2d(x, 2) if level else x)
            kept.append(x := self._mixed(x, f"down{level}", count))
        x = self._mixed(self.middle(kept.pop()), f"up{len(self.up)}", count)
        for level in reversed(range(len(self.up))):
            finer = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = self._mixed(self.up[level](torch.cat((finer, kept.pop()), dim=1)), f"up{level}", count)
        logits = self.tail(torch.cat((functional.pixel_shuffle(self.head(x), 2), detail), dim=1))
        return unstacked(logits[..., :rows, :columns], count).transpose(1, 2)

    def _mixed(self, x: Tensor, place: str, count: int) -> Tensor:
        if place not in self.mixing:
            return x
        mixed: Tensor = self.mixing[place](x, count)
        return mixed
