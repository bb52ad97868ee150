"""MC-DDPM's network (Xie and Li, MICCAI 2022; SCIENCE §1.3): guided diffusion's (Dhariwal and Nichol, NeurIPS 2021)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from pdm_core.networks.blocks import ResidualBlock, SelfAttention, WaveEmbedding, transformer_frequencies
from pdm_core.networks.skip_unet import Layers, SkipUNet

_GROUPS = 32
# Steps that the article counts its noise levels in.
_STEPS = 1000.0


class GuidedUNet(SkipUNet):
    """U-Net whose embedding scales and shifts, whose blocks change the resolution, and whose coarsest level attends.

    Args:
        inputs: image channels that enter: 2 for real images, the noisy one and x_LR; 4 for complex ones.
        outputs: image channels that leave: 1 for real images, 2 for complex ones.
        scalars: 1 as in the article: the noise level; 2: log2 of the factor as well.
        channels: features of each level, from fine to coarse.
        blocks: residual blocks a level.
        heads: of the attention.
        dropout: share of the features that each block's second convolution misses in training.
        unshuffle: pixel-unshuffle ratio of what enters; 1 in the article.
    """

    def __init__(
        self,
        inputs: int = 2,
        outputs: int = 1,
        scalars: int = 1,
        channels: Sequence[int] = (128, 128, 256, 256, 512),
        blocks: int = 2,
        heads: int = 4,
        dropout: float = 0.0,
        unshuffle: int = 1,
    ) -> None:
        width = 4 * channels[0]
        frequency = transformer_frequencies(channels[0] // 2)
        block = partial(ResidualBlock, embedding=width, groups=_GROUPS, dropout=dropout)
        layers = Layers(
            block=block,
            coarser=lambda features: block(features, features, resample=nn.AvgPool2d(2)),
            finer=lambda features: block(features, features, resample=nn.Upsample(scale_factor=2, mode="nearest")),
            attention=partial(SelfAttention, groups=_GROUPS, heads=heads),
        )
        super().__init__(
            layers, WaveEmbedding(frequency, scalars, width, width), inputs=inputs, outputs=outputs,
            channels=channels, blocks=blocks, groups=_GROUPS, attended=True, unshuffle=unshuffle,
        )  # fmt: skip
        self.scalars = scalars

    def arguments(self, scalars: Tensor) -> Tensor:
        """The step of a cosine schedule (sigma = sin(pi/2 t)) that has this noise level, and the factor where asked for."""
        time = scalars[:, :1].clamp(0.0, 1.0).asin() * (2 / math.pi)
        return torch.cat((_STEPS * time, scalars[:, 1 : self.scalars]), dim=1)
