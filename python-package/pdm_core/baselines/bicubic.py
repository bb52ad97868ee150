"""Bicubic interpolation on the aligned grid: the baseline of every table."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pdm_core.degradation.kspace import Size


def bicubic(x: Tensor, size: Size) -> Tensor:
    """Cubic convolution with a = -0.75 (torch's kernel) of `x` (N, 1, h, w) to `size`, aligned at index 0.

    Box-aligned resamplers would shift the image by (f - 1) / 2 pixels and lose over a decibel (SCIENCE §2.1, "Half-pixel").
    """
    height, width = x.shape[-2:]
    rows = torch.arange(size[0], dtype=torch.float64) * height / size[0]
    columns = torch.arange(size[1], dtype=torch.float64) * width / size[1]
    # align_corners=True puts -1 and 1 on the centres of the first and last sample.
    y, z = (2.0 * axis / max(1, edge - 1) - 1.0 for axis, edge in ((rows, height), (columns, width)))
    where = torch.stack(torch.meshgrid(z, y, indexing="xy"), dim=-1).to(x)
    return functional.grid_sample(
        x, where.expand(len(x), -1, -1, -1), mode="bicubic", padding_mode="border", align_corners=True
    )
