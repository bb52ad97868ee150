"""Labels that leave open what a voxel is: whole numbers that stand for sets of background, peripheral and transition zone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

# One bit a zone; that of the background is set only beside others, so that 0, 1 and 2 are the labels of a segmentation.
PERIPHERAL, TRANSITION, BACKGROUND = 1, 2, 4
# Known to be gland, but not of which zone.
GLAND = PERIPHERAL | TRANSITION
_BITS = (BACKGROUND, PERIPHERAL, TRANSITION)


def possible(labels: Tensor) -> Tensor:
    """Which of background, peripheral and transition zone a voxel may be: bool (N, 3, ...) for labels (N, ...)."""
    bits = _bits(labels.long())
    return torch.stack([(bits & bit) > 0 for bit in _BITS], dim=1)


def either(labellings: Sequence[Tensor]) -> Tensor:
    """Labellings of one image, uint8 of one shape, in one: where they differ, a voxel may be what any of them says."""
    joined: Tensor = reduce(torch.bitwise_or, (_bits(labels) for labels in labellings))
    return torch.where(joined == BACKGROUND, torch.zeros_like(joined), joined)


def _bits(labels: Tensor) -> Tensor:
    return torch.where(labels == 0, torch.full_like(labels, BACKGROUND), labels)
