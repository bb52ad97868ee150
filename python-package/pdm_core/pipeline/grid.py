"""The grids of one run: where a finer grid lies, and the in-plane one with its padding against wrap-around."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pdm_core.degradation.acquisition import Acquisition
from pdm_core.degradation.finer_grid import finer_matrix
from pdm_core.degradation.kspace import Size, downsample, highres_size, shift, upsample
from pdm_core.degradation.profile import Align
from pdm_core.pipeline.complex_values import Values
from pdm_core.pipeline.lattice import Lattice
from pdm_core.volume.volume import Matrix

# SCIENCE §6: at least eight low-resolution pixels of reflection keep the ringing of a border out of the opposite one.
_MARGIN = 8
# Opposite borders that differ by more than this share of the intensity range would ring into each other.
_AIR_STEP = 0.02


@dataclass(frozen=True)
class InPlaneGrid:
    """Sizes, padding and alignment of one run; rows first.

    Attributes:
        low: measured matrix (h, w).
        high: restored matrix (H, W).
        margin: reflected low-resolution pixels on either side of each axis; a whole number of high-resolution pixels too.
        align: "index0" keeps the first voxel's centre, "fov" the outer box (SCIENCE §2.1).
        acquisition: how the measured matrix came about: what of it counts as measured, and how far.
    """

    low: Size
    high: Size
    margin: Size
    align: Align
    acquisition: Acquisition

    @classmethod
    def of(cls, unit_slices: Values, factor: float, align: Align, pad: bool) -> InPlaneGrid:
        """The grid for slices (K, h, w) in the network's range.

        `pad` is for images that were cropped after the scan: axes that do not begin and end in air get a margin. An image
        that covers the field of view as scanned is periodic, and a margin would only break its borders.
        """
        low = (unit_slices.shape[1], unit_slices.shape[2])
        high = highres_size(low, factor)
        steps = (np.abs(unit_slices[:, 0] - unit_slices[:, -1]), np.abs(unit_slices[:, :, 0] - unit_slices[:, :, -1]))
        margin = [
            _margin(n, big, float(step.mean()) / 2.0) if pad else 0 for n, big, step in zip(low, high, steps, strict=True)
        ]
        return cls(low, high, (margin[0], margin[1]), align, Acquisition(low))

    @property
    def factors(self) -> tuple[float, float]:
        """True factor along rows and columns: the ratio of the matrices."""
        return self.high[0] / self.low[0], self.high[1] / self.low[1]

    @property
    def factor(self) -> float:
        """Geometric mean of the true factors: what the networks are conditioned on."""
        return math.sqrt(self.factors[0] * self.factors[1])

    @property
    def padded_low(self) -> Size:
        """Low-resolution matrix with its margins."""
        return self.low[0] + 2 * self.margin[0], self.low[1] + 2 * self.margin[1]

    @property
    def padded_high(self) -> Size:
        """High-resolution matrix with its margins."""
        rows, columns = self.padded_low
        return rows * self.high[0] // self.low[0], columns * self.high[1] // self.low[1]

    def interpolated(self, measured: Tensor) -> Tensor:
        """U of the padded slices: x_LR (N, 1, *padded_high) from measured slices (N, 1, *low)."""
        rows, columns = self.margin
        if rows or columns:
            measured = functional.pad(measured, (columns, columns, rows, rows), mode="reflect")
        return upsample(measured, self.padded_high)

    def placed(self, x_hr: Tensor, measured: Tensor, project: bool) -> Tensor:
        """Restored slices (N, 1, *high) on the output grid: aligned, cropped and, when asked, exact in the measured band.

        Cropping the margins disturbs the measured band near the borders; the last projection acts on the plain field of
        view, where Consistency (Eq. 20) is defined.
        """
        x_hr = shift(x_hr, self._offset)
        top, left = (self.margin[axis] * self.high[axis] // self.low[axis] for axis in (0, 1))
        x_hr = x_hr[..., top : top + self.high[0], left : left + self.high[1]]
        if not project:
            return x_hr
        missed = self.acquisition.filtered(measured - self.measured_part(x_hr))
        return x_hr + shift(upsample(missed, self.high), self._offset)

    def measured_part(self, x_hr: Tensor) -> Tensor:
        """Placed slices (N, 1, *high) as the scanner would have measured them, (N, 1, *low)."""
        rows, columns = self._offset
        return self.acquisition.reduce(shift(x_hr, (-rows, -columns)))

    def projection(self, x_lr: Tensor) -> Callable[[Tensor], Tensor]:
        """What keeps estimates (N, C, *padded_high) at what was measured of `x_lr`, as far as it was (SCIENCE §6)."""
        acquisition = self.acquisition.on(self.padded_low)
        low = downsample(x_lr, self.padded_low)
        return lambda x_hr: acquisition.consistent(x_hr, low)

    def matrix(self, ijk_to_ras: Matrix) -> Matrix:
        """ijk_to_ras of the restored volume: the same place in the patient in mm."""
        rows, columns = self.factors
        return finer_matrix(ijk_to_ras, (columns, rows, 1.0), self.align)

    @property
    def _offset(self) -> tuple[float, float]:
        """High-resolution pixels by which the content moves towards higher indices."""
        if self.align == "index0":
            return 0.0, 0.0
        return (self.factors[0] - 1.0) / 2.0, (self.factors[1] - 1.0) / 2.0


def finer_pixels(lattice: Lattice, factor: float, align: Align) -> Lattice:
    """The lattice of slices whose matrix has grown by `factor`, to whole pixels."""
    slices, rows, columns = lattice.shape
    high = highres_size((rows, columns), factor)
    matrix = finer_matrix(lattice.ijk_to_ras, (high[1] / columns, high[0] / rows, 1.0), align)
    return Lattice((slices, *high), matrix, lattice.metadata)


def _margin(low: int, high: int, border_step: float) -> int:
    """Margin of one axis: the least multiple of the factor's denominator that reaches `_MARGIN`; 0 in air."""
    if border_step < _AIR_STEP:
        return 0
    whole = low // math.gcd(low, high)
    margin = whole * math.ceil(_MARGIN / whole)
    # Reflection cannot reach further than the image; odd factors such as 546/321 would ask for that.
    return margin if margin < low // 2 else 0


def to_tensor(slices: Values, device: torch.device) -> Tensor:
    """Slices (K, h, w) as a tensor (K, 1, h, w) on `device`."""
    return torch.from_numpy(np.ascontiguousarray(slices))[:, None].to(device)
