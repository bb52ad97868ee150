"""The discriminator of SRGAN (Ledig et al., CVPR 2017), a VGG-type network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from pdm_core.errors import InputError

_SLOPE = 0.2


class Discriminator(nn.Module):
    """Tells true images from made ones: eight convolutions, every second of them strided, and two dense layers.

    Before the dense layers the features are averaged to a fixed grid, so that crops of any size go in; crops of 96 pixels, as
    in the article, arrive on that grid by themselves.

    Args:
        features: channels of the first convolution; they double with every resolution.
        grid: edge of the averaged features in pixels.
        hidden: features between the dense layers.
    """

    def __init__(self, features: int = 64, grid: int = 6, hidden: int = 1024) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, features, 3, padding=1), nn.LeakyReLU(_SLOPE)]
        entering = features
        for octave in range(4):
            leaving = features * 2**octave
            if octave:
                layers += _convolution(entering, leaving, stride=1)
            layers += _convolution(leaving, leaving, stride=2)
            entering = leaving
        self.convolutions = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(grid))
        self.dense = nn.Sequential(nn.Linear(entering * grid**2, hidden), nn.LeakyReLU(_SLOPE), nn.Linear(hidden, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Map images (N, 1, H, W) to logits (N, 1) of being true."""
        logits: Tensor = self.dense(self.convolutions(image).flatten(1))
        return logits


def build_discriminator(arguments: Mapping[str, Any]) -> Discriminator:
    """Make the discriminator that a recipe describes; raises `InputError` for an unknown argument."""
    try:
        return Discriminator(**arguments)
    except TypeError as error:
        raise InputError(f"The discriminator {dict(arguments)} cannot be built: {error}.") from error


def _convolution(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU(_SLOPE)]
