"""CAT-Net (Hung et al., IEEE TMI 2022): a 2-D U-Net whose deep features of all slices attend to each other.

Written from the published idea, without its code; the sizes are our own. The network follows nnU-Net's 2-D one: two
convolutions with instance normalisation and leaky ReLU a scale, strided convolutions on the way down, transposed ones on the
way up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from pdm_core.networks.slicewise import padded_to_multiple, stacked, unstacked

_LONGEST_WAVE = 1e4


class CATNet(nn.Module):
    """Cross-slice attention transformer network.

    Args:
        classes: of the logits.
        channels: features of each scale, from fine to coarse.
        attended: how many of the coarsest scales have cross-slice attention, skip connections included.
        depth: transformer blocks at each of them.
        heads: of the attention.
    """

    def __init__(
        self,
        classes: int = 3,
        channels: Sequence[int] = (16, 32, 64, 96, 128),
        attended: int = 2,
        depth: int = 1,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.multiple = 2 ** (len(channels) - 1)
        steps = list(zip((1, *channels), channels, strict=False))
        self.down = nn.ModuleList(_convolutions(*step, stride=2 if level else 1) for level, step in enumerate(steps))
        self.widen = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, stride=2) for fine, coarse in pairwise(channels))
        self.up = nn.ModuleList(_convolutions(2 * fine, fine, stride=1) for fine in channels[:-1])
        first = len(channels) - attended
        self.attention = nn.ModuleDict(
            {
                str(level): nn.ModuleList(_cross_slice_block(channels[level], heads) for _ in range(depth))
                for level in range(first, len(channels))
            }
        )
        self.head = nn.Conv2d(channels[0], classes, 1)

    def forward(self, volumes: Tensor) -> Tensor:
        """Map volumes (N, 1, K, J, I), any K, J and I, to logits (N, classes, K, J, I)."""
        count, rows, columns = volumes.shape[2:]
        x = padded_to_multiple(stacked(volumes), self.multiple)
        kept: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(x)
            kept.append(self._attended(x, level, count))
        x = kept.pop()
        for level in reversed(range(len(self.up))):
            x = self.up[level](torch.cat((self.widen[level](x), kept.pop()), dim=1))
        return unstacked(self.head(x)[..., :rows, :columns], count).transpose(1, 2)

    def _attended(self, x: Tensor, level: int, count: int) -> Tensor:
        if str(level) not in self.attention:
            return x
        features = unstacked(x, count)
        features = features + slice_positions(count, x.shape[1]).to(features)[:, :, None, None]
        # The vectors of a pixel in all slices are one sequence.
        rows, columns = features.shape[-2:]
        tokens = features.permute(0, 3, 4, 1, 2).flatten(0, 2)
        for block in cast(nn.ModuleList, self.attention[str(level)]):
            tokens = block(tokens)
        slices = tokens.reshape(-1, rows, columns, *tokens.shape[1:]).permute(0, 3, 4, 1, 2)
        return slices.flatten(0, 1)


def _cross_slice_block(channels: int, heads: int, widening: int = 2) -> nn.TransformerEncoderLayer:
    """Attention of feature vectors (tokens) to each other and a perceptron, each with normalisation before and a residual."""
    return nn.TransformerEncoderLayer(
        channels, heads, widening * channels, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )


def slice_positions(count: int, channels: int) -> Tensor:
    """Sines and cosines of the slices' places, (K, C): for any number of slices, where learned ones would be for one."""
    place = torch.arange(count, dtype=torch.float32)[:, None]
    frequency = torch.exp(-math.log(_LONGEST_WAVE) * torch.arange(0, channels, 2) / channels)
    waves = torch.stack(((place * frequency).sin(), (place * frequency).cos()), dim=-1)
    return waves.flatten(1)[:, :channels]


def _convolutions(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Two convolutions, the first of them strided."""
    layers: list[nn.Module] = []
    for entering, step in ((inputs, stride), (outputs, 1)):
        layers += [
            nn.Conv2d(entering, outputs, 3, stride=step, padding=1),
            nn.InstanceNorm2d(outputs, affine=True),
            nn.LeakyReLU(0.01),
        ]
    return nn.Sequential(*layers)
