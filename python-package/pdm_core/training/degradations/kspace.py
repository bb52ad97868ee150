"""Cropped k-space, as in-plane models are trained on it unless their recipe says otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pdm_core.degradation.kspace import Size, lowres_size, project
from pdm_core.diffusion.denoisers import Denoiser, NetworkDenoiser
from pdm_core.diffusion.periodic import PeriodicDenoiser


@dataclass(frozen=True)
class KspaceReduction:
    """P = U D of images of `size` to the matrix `low`."""

    size: Size
    low: Size

    @property
    def factor(self) -> float:
        """Geometric mean along rows and columns."""
        return math.sqrt(self.size[0] * self.size[1] / (self.low[0] * self.low[1]))

    def low_resolution(self, x_hr: Tensor) -> Tensor:
        """P x_HR."""
        return project(x_hr, self.low)

    def refined(self, x_hr: Tensor, x_lr: Tensor) -> Tensor:
        """x - P x + x_LR."""
        return self.unmeasured(x_hr) + x_lr

    def unmeasured(self, x: Tensor) -> Tensor:
        """x - P x."""
        return x - project(x, self.low)

    def on_whole_slices(self, denoiser: NetworkDenoiser) -> Denoiser:
        """Slices go on at their opposite border."""
        return PeriodicDenoiser(denoiser)


@dataclass(frozen=True)
class KspaceDegradation:
    """Cropped k-space (SCIENCE §2.1), for in-plane models."""

    baseline: ClassVar[str] = "zero filling"
    favourites: ClassVar[tuple[float, ...]] = (2.0, 4.0)
    validated: ClassVar[tuple[float, ...]] = (2.0, 4.0)
    isotropic: ClassVar[bool] = True

    def pair(self, x_hr: Tensor, factor: float, least: int, random: np.random.Generator) -> tuple[Tensor, float, float | None]:
        """x_HR and P x_HR; the factor as asked for."""
        size = lowres_size((x_hr.shape[-2], x_hr.shape[-1]), factor)
        return torch.stack((x_hr, project(x_hr, size))), factor, None

    def window(self, edge: int, crop: int, random: np.random.Generator) -> Tensor:
        """Anywhere on the circle.

        To the Fourier transform the image is a torus, and an anatomy that is cut off at one border rings into the
        opposite one: crops across the seam teach that too.
        """
        return (int(random.integers(edge)) + torch.arange(crop)) % edge

    def reduction(self, size: Size, factor: float) -> KspaceReduction:
        """To round(N / factor) on both axes."""
        return KspaceReduction(size, lowres_size(size, factor))
