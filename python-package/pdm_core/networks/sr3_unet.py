"""SR3's network (Saharia et al., TPAMI 2022), in the size of Zhao et al. for images of 320 x 320 (SCIENCE §1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from pdm_core.networks.blocks import ResidualBlock, SelfAttention, WaveEmbedding, transformer_frequencies
from pdm_core.networks.skip_unet import Layers, SkipUNet


class SR3UNet(SkipUNet):
    """U-Net under a continuous level sqrt(abar), which each block adds to its features; attention in the middle only.

    Args:
        inputs: image channels that enter: noisy image and x_LR.
        outputs: image channels that leave.
        scalars: 1 as in the article: the level; 2: log2 of the factor as well, for models of a range of factors.
        channels: features of each level, from fine to coarse.
        blocks: residual blocks a level.
        dropout: share of the features that each block's second convolution misses in training; 0.2 in the article for
            small images, 0 for large ones.
        unshuffle: pixel-unshuffle ratio of what enters; 1 in the article.
        groups: of the normalisations, 16 in the article. What is added to all features of a group alike is lost in it, so that
            narrow levels need fewer groups to see the noise level.
        orthogonal: orthogonal weights at the start and no zero ones, as in the code of Zhao et al.; takes long in full size.
    """

    def __init__(
        self,
        inputs: int = 2,
        outputs: int = 1,
        scalars: int = 1,
        channels: Sequence[int] = (64, 128, 256, 512, 1024),
        blocks: int = 1,
        dropout: float = 0.0,
        unshuffle: int = 1,
        groups: int = 16,
        orthogonal: bool = False,
    ) -> None:
        width = channels[0]
        embedding = WaveEmbedding(transformer_frequencies(width // 2), scalars, 4 * width, width, activated=False)
        layers = Layers(
            block=partial(ResidualBlock, embedding=width, groups=groups, added=True, dropout=dropout),
            coarser=lambda features: nn.Conv2d(features, features, 3, stride=2, padding=1),
            finer=_finer,
            attention=partial(SelfAttention, groups=groups),
        )
        super().__init__(
            layers, embedding, inputs=inputs, outputs=outputs, channels=channels, blocks=blocks, groups=groups,
            unshuffle=unshuffle,
        )  # fmt: skip
        self.scalars = scalars
        if orthogonal:
            self.apply(_orthogonal)

    def arguments(self, scalars: Tensor) -> Tensor:
        """The level sqrt(abar) = sqrt(1 - sigma^2), and the factor where it is asked for."""
        sigma = scalars[:, :1].clamp(0.0, 1.0)
        return torch.cat((((1 - sigma) * (1 + sigma)).sqrt(), scalars[:, 1 : self.scalars]), dim=1)


def _finer(features: int) -> nn.Module:
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(features, features, 3, padding=1))


def _orthogonal(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.orthogonal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
