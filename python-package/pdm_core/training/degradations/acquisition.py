"""Random acquisitions, as in-plane models meet them in files: shuttered and filtered k-space, whole and cut slices."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pdm_core.degradation.acquisition import Acquisition, Filter, Shutter
from pdm_core.degradation.kspace import Size, downsample, lowres_size, upsample
from pdm_core.degradation.random_acquisition import RandomAcquisitions
from pdm_core.diffusion.denoisers import Denoiser, NetworkDenoiser
from pdm_core.diffusion.periodic import PeriodicDenoiser

# Of a slice that is cut, the share of each edge that is left at least.
_LEAST_CUT = 0.6
# What validation judges by: a shutter that falls as those of most stacks do, and a weak filter.
_TYPICAL_SHUTTER, _TYPICAL_FILTER = Shutter(0.94, 1.06), Filter("hamming", weight=0.8)


@dataclass(frozen=True)
class AcquisitionReduction:
    """What one acquisition leaves of images of `size`, on their own grid."""

    size: Size
    acquisition: Acquisition

    @property
    def factor(self) -> float:
        """Geometric mean along rows and columns."""
        rows, columns = self.acquisition.matrix
        return math.sqrt(self.size[0] * self.size[1] / (rows * columns))

    def low_resolution(self, x_hr: Tensor) -> Tensor:
        """The measured image, interpolated by zero filling."""
        return upsample(self.acquisition.reduce(x_hr), self.size)

    def refined(self, x_hr: Tensor, x_lr: Tensor) -> Tensor:
        """The estimate moved towards what was measured, as far as it was."""
        return self.acquisition.consistent(x_hr, downsample(x_lr, self.acquisition.matrix))

    def unmeasured(self, x: Tensor) -> Tensor:
        """`x` less what an empty measurement would take off it."""
        return self.acquisition.consistent(x, x.new_zeros((*x.shape[:-2], *self.acquisition.matrix)))

    def on_whole_slices(self, denoiser: NetworkDenoiser) -> Denoiser:
        """Slices go on at their opposite border."""
        return PeriodicDenoiser(denoiser)


@dataclass(frozen=True)
class AcquisitionDegradation:
    """A random acquisition for each slice; cut slices are random windows of theirs."""

    acquisitions: RandomAcquisitions = field(default_factory=RandomAcquisitions)
    baseline: ClassVar[str] = "zero filling"
    favourites: ClassVar[tuple[float, ...]] = (2.0, 4.0)
    validated: ClassVar[tuple[float, ...]] = (2.0, 4.0)
    isotropic: ClassVar[bool] = True

    def pair(self, x_hr: Tensor, factor: float, least: int, random: np.random.Generator) -> tuple[Tensor, float, float | None]:
        """x_HR and what the acquisition leaves of it; the factor as asked for."""
        borders = self.acquisitions.draw_borders(random)
        if borders == "cut":
            x_hr = _window(x_hr, least, random)
        size = (x_hr.shape[-2], x_hr.shape[-1])
        acquisition = self.acquisitions.draw(lowres_size(size, factor), borders, random)
        return torch.stack((x_hr, AcquisitionReduction(size, acquisition).low_resolution(x_hr))), factor, None

    def window(self, edge: int, crop: int, random: np.random.Generator) -> Tensor:
        """Anywhere on the circle, as the pipeline shows what lies beyond a border of whole and cut slices alike."""
        return (int(random.integers(edge)) + torch.arange(crop)) % edge

    def reduction(self, size: Size, factor: float) -> AcquisitionReduction:
        """A shutter with a weak filter, which most stacks are nearest to."""
        return AcquisitionReduction(size, Acquisition(lowres_size(size, factor), _TYPICAL_SHUTTER, _TYPICAL_FILTER))


def _window(x: Tensor, least: int, random: np.random.Generator) -> Tensor:
    """A random part of images (..., H, W), at least `least` pixels high and wide where they are."""
    for dim in (-2, -1):
        edge = x.shape[dim]
        length = min(edge, max(least, round(edge * random.uniform(_LEAST_CUT, 1.0))))
        x = x.narrow(dim, int(random.integers(edge - length + 1)), length)
    return x
