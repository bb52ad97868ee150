"""What training knows of a loss of resolution, whatever its kind."""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np
from torch import Tensor

from pdm_core.degradation.kspace import Size
from pdm_core.diffusion.denoisers import Denoiser, NetworkDenoiser


class Reduction(Protocol):
    """One loss of resolution, fixed in size and factor: what validation and statistics need."""

    @property
    def factor(self) -> float:
        """The true factor."""
        ...

    def low_resolution(self, x_hr: Tensor) -> Tensor:
        """x_LR on the grid of `x_hr` (..., H, W)."""
        ...

    def refined(self, x_hr: Tensor, x_lr: Tensor) -> Tensor:
        """The estimate `x_hr` with what was measured put back."""
        ...

    def unmeasured(self, x: Tensor) -> Tensor:
        """`x` without the part that is measured."""
        ...

    def on_whole_slices(self, denoiser: NetworkDenoiser) -> Denoiser:
        """The denoiser as the pipeline runs it."""
        ...


class Degradation(Protocol):
    """One kind of loss of resolution.

    Attributes:
        baseline: what an image is called that was only interpolated.
        favourites: factors that half of the pairs use; none leaves all of them log-uniform.
        validated: factors to validate at, where a model serves them.
        isotropic: whether crops may be transposed.
    """

    baseline: ClassVar[str]
    favourites: ClassVar[tuple[float, ...]]
    validated: ClassVar[tuple[float, ...]]
    isotropic: ClassVar[bool]

    def pair(self, x_hr: Tensor, factor: float, least: int, random: np.random.Generator) -> tuple[Tensor, float, float | None]:
        """x_HR and x_LR of a whole slice (H, W) as (2, H', W'), both sides at least `least`; true factor; thickness.

        In k-space a slice may have channels, (C, H, W), which its pair then has too.
        """
        ...

    def window(self, edge: int, crop: int, random: np.random.Generator) -> Tensor:
        """Indices of a random stretch of `crop` pixels out of `edge`."""
        ...

    def reduction(self, size: Size, factor: float) -> Reduction:
        """The typical loss of images of `size` at `factor`."""
        ...
