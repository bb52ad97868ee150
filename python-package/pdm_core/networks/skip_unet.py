"""The frame of DDPM's U-Net (Ho et al., NeurIPS 2020), which SR3, NCSN++ and guided diffusion fill with layers of their own.

Every layer on the way down, resamplings and the first convolution included, leaves its output for one block on the way up,
so that the way up has one block a level more.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pdm_core.networks.blocks import ResidualBlock, reflected_to_multiple


@dataclass(frozen=True)
class Layers:
    """Makers of the layers; what they make maps features alone, or features and embedding if it is a `ResidualBlock`.

    Attributes:
        block: from features that enter to features that leave.
        coarser: halves the resolution of so many features.
        finer: doubles it.
        attention: keeps shape and number of features.
        merger: from the features that entered a level, and those that leave it, to a module that takes both (after
            `coarser`) and gives the latter; the image itself enters the finest level. None where the coarser are left alone.
    """

    block: Callable[[int, int], nn.Module]
    coarser: Callable[[int], nn.Module]
    finer: Callable[[int], nn.Module]
    attention: Callable[[int], nn.Module]
    merger: Callable[[int, int], nn.Module] | None = None


class Conditioned(nn.ModuleList):
    """Layers one after the other, of which the residual blocks also take the embedding."""

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Map features (N, C, H, W) and an embedding (N, E) to features."""
        for layer in self:
            x = layer(x, embedding) if isinstance(layer, ResidualBlock) else layer(x)
        return x


class SkipUNet(nn.Module, ABC):
    """The frame; a subclass says how scalars become the embedding's arguments.

    Args:
        layers: makers of what is between the first and the last convolution.
        embedding: maps `arguments` (N, S) to features.
        inputs: image channels that enter.
        outputs: image channels that leave.
        channels: features of each level, from fine to coarse; each level halves the resolution.
        blocks: residual blocks a level on the way down.
        groups: of the last normalisation, at most.
        attended: attention after each block of the coarsest level, not only in the middle.
        unshuffle: pixel-unshuffle ratio of what enters; 1 in the papers.
    """

    def __init__(
        self,
        layers: Layers,
        embedding: nn.Module,
        *,
        inputs: int,
        outputs: int,
        channels: Sequence[int],
        blocks: int,
        groups: int,
        attended: bool = False,
        unshuffle: int = 1,
    ) -> None:
        super().__init__()
        self.unshuffle = unshuffle
        self.multiple = unshuffle * 2 ** (len(channels) - 1)
        self.embedding = embedding
        self.stem = nn.Conv2d(inputs * unshuffle**2, channels[0], 3, padding=1)
        levels = _Levels(layers, channels, attended)
        self.down, waiting = levels.downward(blocks)
        last = channels[-1]
        self.middle = Conditioned([layers.block(last, last), layers.attention(last), layers.block(last, last)])
        self.up = levels.upward(blocks + 1, waiting)
        self.coarser = nn.ModuleList(Conditioned([layers.coarser(features)]) for features in channels[:-1])
        self.finer = nn.ModuleList(Conditioned([layers.finer(features)]) for features in channels[1:])
        entering = (inputs * unshuffle**2, *channels)
        self.merger = nn.ModuleList(
            layers.merger(*pair) for pair in zip(entering, channels[:-1], strict=False) if layers.merger
        )
        self.head = nn.Sequential(
            nn.GroupNorm(math.gcd(groups, channels[0]), channels[0]),
            nn.SiLU(),
            nn.Conv2d(channels[0], outputs * unshuffle**2, 3, padding=1),
        )

    @abstractmethod
    def arguments(self, scalars: Tensor) -> Tensor:
        """The embedding's arguments (N, S) from noise level, log2 of the factor and whatever follows."""

    def forward(self, image: Tensor, scalars: Tensor) -> Tensor:
        """Map images (N, inputs, H, W) and scalars (N, S) to (N, outputs, H, W); any H and W, padded by reflection."""
        height, width = image.shape[-2:]
        entered = functional.pixel_unshuffle(reflected_to_multiple(image, self.multiple), self.unshuffle)
        embedding = self.embedding(self.arguments(scalars))
        x = self.stem(entered)
        kept = [x]
        for level, blocks in enumerate(self.down):
            if level:
                x = self.coarser[level - 1](x, embedding)
                x = entered = self.merger[level - 1](x, entered) if len(self.merger) else x
                kept.append(x)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, embedding)
                kept.append(x)
        x = self.middle(x, embedding)
        for level, blocks in reversed(list(enumerate(self.up))):
            for block in blocks:  # type: ignore[attr-defined]
                x = block(torch.cat((x, kept.pop()), dim=1), embedding)
            if level:
                x = self.finer[level - 1](x, embedding)
        return functional.pixel_shuffle(self.head(x), self.unshuffle)[..., :height, :width]


@dataclass(frozen=True)
class _Levels:
    """Makes the blocks of all levels, fine to coarse, and counts the features that wait for the way up."""

    layers: Layers
    channels: Sequence[int]
    attended: bool

    def downward(self, blocks: int) -> tuple[nn.ModuleList, list[int]]:
        levels, features, waiting = nn.ModuleList(), self.channels[0], [self.channels[0]]
        for level, out in enumerate(self.channels):
            if level:
                waiting.append(features)
            levels.append(nn.ModuleList())
            for _ in range(blocks):
                levels[level].append(self._block(features, level))  # type: ignore[operator]
                features = out
                waiting.append(out)
        return levels, waiting

    def upward(self, blocks: int, waiting: list[int]) -> nn.ModuleList:
        levels, features = [], self.channels[-1]
        for level in reversed(range(len(self.channels))):
            rungs = nn.ModuleList()
            for _ in range(blocks):
                rungs.append(self._block(features + waiting.pop(), level))
                features = self.channels[level]
            levels.append(rungs)
        return nn.ModuleList(reversed(levels))

    def _block(self, inputs: int, level: int) -> Conditioned:
        out = self.channels[level]
        attention = [self.layers.attention(out)] if self.attended and level == len(self.channels) - 1 else []
        return Conditioned([self.layers.block(inputs, out), *attention])
