"""Pixel-shuffle upsampling of the regression networks, which take the coarse image (Shi et al., CVPR 2016)."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn

from pdm_core.errors import InputError

SCALES = (1, 2, 4)


def shuffle_layers(features: int, scale: int, after: Callable[[], nn.Module] | None = None) -> nn.Sequential:
    """A convolution and a pixel shuffle, and what comes `after` them, for each doubling of the resolution.

    Raises:
        InputError: there is no such scale.
    """
    check_scale(scale)
    layers: list[nn.Module] = []
    for _ in range(int(math.log2(scale))):
        layers += [nn.Conv2d(features, 4 * features, 3, padding=1), nn.PixelShuffle(2)]
        if after is not None:
            layers.append(after())
    return nn.Sequential(*layers)


def check_scale(scale: int) -> None:
    """Raise `InputError` for a scale that pixel shuffles of 2 do not reach, or that no paper has."""
    if scale not in SCALES:
        raise InputError(f"The scale {scale} of a network is not known.", "Choose one of: 1, 2, 4.")
