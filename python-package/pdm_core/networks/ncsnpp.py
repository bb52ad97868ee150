"""ScoreMRI's network (Chung and Ye, Medical Image Analysis 2022): NCSN++ of Song et al. (ICLR 2021), see SCIENCE §1.2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from pdm_core.networks.blocks import ResidualBlock, SelfAttention, WaveEmbedding
from pdm_core.networks.skip_unet import Layers, SkipUNet

# Groups of the normalisations at most; each has four features at least, for what is added to one feature alone is lost there.
_GROUPS = 32
_FEATURES_A_GROUP = 4
# What joins two ways of like variance keeps it.
_HALF = math.sqrt(0.5)
# Standard deviation of the random frequencies, in periods a unit of log sigma.
_FOURIER_SCALE = 16.0
_LOWEST_LEVEL = 1e-5


class NCSNpp(SkipUNet):
    """U-Net of BigGAN-type blocks with filtered resampling, into which the image enters again at every resolution.

    Attention is in the middle only: the article's is at 16 pixels, which images of 320 do not come down to. What leaves is not
    divided by sigma, which the article counts as a part of the network: here the denoiser does that.

    Args:
        inputs: image channels that enter: 1 for the noisy image alone, 2 with x_LR.
        outputs: image channels that leave.
        scalars: 1 as in the article: the noise level; 2: log2 of the factor as well.
        channels: features of each level, from fine to coarse.
        blocks: residual blocks a level.
        dropout: share of the features that each block's second convolution misses in training.
        unshuffle: pixel-unshuffle ratio of what enters; 1 in the article.
    """

    def __init__(
        self,
        inputs: int = 1,
        outputs: int = 1,
        scalars: int = 1,
        channels: Sequence[int] = (128, 256, 256, 256),
        blocks: int = 4,
        dropout: float = 0.0,
        unshuffle: int = 1,
    ) -> None:
        width = 4 * channels[0]
        frequency = 2 * math.pi * _FOURIER_SCALE * torch.randn(channels[0])
        groups = min(_GROUPS, channels[0] // _FEATURES_A_GROUP)
        block = partial(_BigGanBlock, embedding=width, groups=groups, dropout=dropout)
        layers = Layers(
            block=block,
            coarser=lambda features: block(features, features, resample=FilteredDown()),
            finer=lambda features: block(features, features, resample=FilteredUp()),
            attention=partial(SelfAttention, groups=groups, gain=_HALF),
            merger=_Merger,
        )
        super().__init__(
            layers, WaveEmbedding(frequency, scalars, width, width, drawn=True), inputs=inputs, outputs=outputs,
            channels=channels, blocks=blocks, groups=groups, unshuffle=unshuffle,
        )  # fmt: skip
        self.scalars = scalars

    def arguments(self, scalars: Tensor) -> Tensor:
        """Log sigma, and the factor where it is asked for."""
        return torch.cat((scalars[:, :1].clamp(min=_LOWEST_LEVEL).log(), scalars[:, 1 : self.scalars]), dim=1)


class FilteredDown(nn.Module):
    """Half the resolution by the filter [1, 3, 3, 1] / 8 in rows and columns.

    Borders are repeated, where the article pads with zeros: so a constant stays one and the mean is kept.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map features (N, C, H, W), H and W even, to (N, C, H/2, W/2)."""
        return _filtered(functional.pad(x, (1, 1, 1, 1), mode="replicate"), stride=2)


class FilteredUp(nn.Module):
    """Double the resolution by the filter [1, 3, 3, 1] / 4 in rows and columns, which is linear interpolation."""

    def forward(self, x: Tensor) -> Tensor:
        """Map features (N, C, H, W) to (N, C, 2 H, 2 W)."""
        return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class _BigGanBlock(ResidualBlock):
    """Where it changes the resolution, the skip connection has a convolution even if the number of features stays."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        embedding: int,
        groups: int,
        dropout: float = 0.0,
        resample: nn.Module | None = None,
    ) -> None:
        super().__init__(inputs, outputs, embedding, groups, added=True, dropout=dropout, resample=resample, gain=_HALF)
        if resample is not None:
            self.skip = nn.Conv2d(inputs, outputs, 1)


class _Merger(nn.Module):
    """What entered a level, filtered, through a strided convolution and added to what leaves it (progressive growing)."""

    def __init__(self, entering: int, leaving: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(entering, leaving, 3, stride=2)

    def forward(self, leaving: Tensor, entered: Tensor) -> Tensor:
        """Map features (N, C', H/2, W/2) and (N, C, H, W) to the former shape."""
        smooth = _filtered(functional.pad(entered, (2, 2, 2, 2), mode="replicate"), stride=1)
        out: Tensor = _HALF * (leaving + self.conv(smooth))
        return out


def _filtered(padded: Tensor, stride: int) -> Tensor:
    taps = padded.new_tensor([1.0, 3.0, 3.0, 1.0]) / 8
    channels = padded.shape[1]
    kernel = torch.outer(taps, taps).expand(channels, 1, 4, 4)
    return functional.conv2d(padded, kernel, stride=stride, groups=channels)
