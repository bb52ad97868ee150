"""The U-Net of the models that come along: pixel-unshuffle stem, residual levels, conditioned on a few scalars."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pdm_core.errors import InputError
from pdm_core.networks.blocks import ResidualBlock, ScalarEmbedding, SelfAttention, reflected_to_multiple


class UNet(nn.Module):
    """U-Net over `unshuffle`-times reduced pixels (SCIENCE §4.3: cost sits in the full-resolution stem).

    Args:
        inputs: image channels that enter, e.g. noisy image and low-resolution image.
        outputs: image channels that leave.
        scalars: numbers that condition the network, e.g. noise level and log factor.
        unshuffle: pixel-unshuffle ratio of the levels; the finest one has pixels that are so many times as large.
        channels: features of each level, from fine to coarse; each level halves the resolution.
        blocks: residual blocks a level, as many on the way down as on the way up.
        detail: features of the convolutions before and after the levels. Their weights serve all pixels of an unshuffled block
            alike: without them a short training does not get off the ground.
        bottleneck_attention: self-attention between the two blocks of the lowest level.
        detail_unshuffle: pixel-unshuffle ratio of the convolutions of `detail`, a divisor of `unshuffle`. With 2 they work at
            half resolution, where a low-resolution image still has all of its pixels, for a fraction of the time.

    Raises:
        InputError: `detail_unshuffle` does not divide `unshuffle`.
    """

    def __init__(
        self,
        inputs: int = 2,
        outputs: int = 1,
        scalars: int = 2,
        unshuffle: int = 2,
        channels: Sequence[int] = (64, 128, 256),
        blocks: int = 1,
        detail: int = 16,
        bottleneck_attention: bool = False,
        detail_unshuffle: int = 1,
    ) -> None:
        super().__init__()
        if unshuffle % detail_unshuffle:
            raise InputError(f"A network cannot unshuffle pixels by {detail_unshuffle} and then by {unshuffle} in all.")
        self.detail_unshuffle, self.unshuffle = detail_unshuffle, unshuffle // detail_unshuffle
        self.multiple = unshuffle * 2 ** (len(channels) - 1)
        width = 4 * channels[0]
        self.embedding = ScalarEmbedding(scalars, width)
        self.detail = nn.Sequential(
            nn.Conv2d(inputs * detail_unshuffle**2, detail, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(detail, detail, 3, padding=1),
            nn.SiLU(),
        )
        self.stem = nn.Conv2d(detail * self.unshuffle**2, channels[0], 3, padding=1)
        self.down = _downward(channels, blocks, width)
        self.middle = nn.ModuleList(
            [
                ResidualBlock(channels[-1], channels[-1], width),
                SelfAttention(channels[-1]) if bottleneck_attention else nn.Identity(),
                ResidualBlock(channels[-1], channels[-1], width),
            ]
        )
        self.up = _upward(channels, blocks, width)
        self.head = nn.Sequential(
            nn.GroupNorm(16, channels[0]), nn.SiLU(), nn.Conv2d(channels[0], detail * self.unshuffle**2, 3, padding=1)
        )
        self.tail = nn.Sequential(
            nn.Conv2d(2 * detail, detail, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(detail, outputs * detail_unshuffle**2, 3, padding=1),
            nn.PixelShuffle(detail_unshuffle),
        )

    def forward(self, image: Tensor, scalars: Tensor) -> Tensor:
        """Map images (N, inputs, H, W) and scalars (N, S) to (N, outputs, H, W); any H and W, padded by reflection."""
        height, width = image.shape[-2:]
        padded = reflected_to_multiple(image, self.multiple)
        embedding = self.embedding(scalars)
        detail = self.detail(functional.pixel_unshuffle(padded, self.detail_unshuffle))
        x = self.stem(functional.pixel_unshuffle(detail, self.unshuffle))
        kept: list[Tensor] = []
        for layer in self.down:
            if isinstance(layer, ResidualBlock):
                x = layer(x, embedding)
                kept.append(x)
            else:
                x = layer(x)
        for layer in self.middle:
            x = layer(x, embedding) if isinstance(layer, ResidualBlock) else layer(x)
        for layer in self.up:
            x = layer(torch.cat((x, kept.pop()), dim=1), embedding) if isinstance(layer, ResidualBlock) else layer(x)
        out: Tensor = self.tail(torch.cat((functional.pixel_shuffle(self.head(x), self.unshuffle), detail), dim=1))
        return out[..., :height, :width]


def _downward(channels: Sequence[int], blocks: int, width: int) -> nn.ModuleList:
    """Layers from fine to coarse; the output of each block waits for its mirror image on the way up."""
    layers, features = nn.ModuleList(), channels[0]
    for level, out in enumerate(channels):
        if level > 0:
            layers.append(nn.Conv2d(features, features, 3, stride=2, padding=1))
        for _ in range(blocks):
            layers.append(ResidualBlock(features, out, width))
            features = out
    return layers


def _upward(channels: Sequence[int], blocks: int, width: int) -> nn.ModuleList:
    """Layers from coarse to fine; each block takes what its mirror image on the way down has left."""
    layers, features = nn.ModuleList(), channels[-1]
    for level, out in reversed(list(enumerate(channels))):
        for _ in range(blocks):
            layers.append(ResidualBlock(features + out, out, width))
            features = out
        if level > 0:
            layers.append(
                nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(features, features, 3, padding=1))
            )
    return layers
