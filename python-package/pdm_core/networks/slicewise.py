"""Blocks for stacks of slices: what happens within a slice, and what neighbours exchange, for any number of slices."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class SliceBlock(nn.Module):
    """GroupNorm, SiLU, convolution, twice, with a residual connection; each slice by itself.

    Args:
        inputs: features that enter.
        outputs: features that leave.
        groups: of the normalisation, at most.
    """

    def __init__(self, inputs: int, outputs: int, groups: int = 8) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(math.gcd(groups, inputs), inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = nn.GroupNorm(math.gcd(groups, outputs), outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map slices (N K, C, H, W) to (N K, C', H, W)."""
        hidden = self.conv1(functional.silu(self.norm1(x)))
        out: Tensor = self.skip(x) + self.conv2(functional.silu(self.norm2(hidden)))
        return out


class NeighbourMixing(nn.Module):
    """What a slice takes over from the slices above and below: a convolution over three slices, added to the slice.

    After a block within the slices this makes a factorised 3-D convolution, at a third of the cost of a full one.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3 * channels, channels, 1)

    def forward(self, x: Tensor, slices: int) -> Tensor:
        """Map slices (N K, C, H, W), K of them a volume, to the same shape."""
        stack = functional.pad(unstacked(x, slices), (0, 0, 0, 0, 0, 0, 1, 1))
        three = torch.cat((stack[:, :-2], stack[:, 1:-1], stack[:, 2:]), dim=2)
        out: Tensor = x + self.conv(three.flatten(0, 1))
        return out


def stacked(volumes: Tensor) -> Tensor:
    """Volumes (N, C, K, H, W) as slices (N K, C, H, W)."""
    return volumes.transpose(1, 2).flatten(0, 1)


def unstacked(slices: Tensor, count: int) -> Tensor:
    """Slices (N K, C, H, W), K = `count` of them a volume, as (N, K, C, H, W)."""
    return slices.reshape(-1, count, *slices.shape[1:])


def padded_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Images (N, C, H, W), their borders repeated until H and W are multiples."""
    bottom, right = -images.shape[-2] % multiple, -images.shape[-1] % multiple
    return functional.pad(images, (0, right, 0, bottom), mode="replicate") if bottom or right else images
