"""Thick slices along one direction, as through-plane models are trained on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

import numpy as np
import torch
from torch import Tensor

from pdm_core.degradation.kspace import Size, downsample
from pdm_core.degradation.profile import Align, ProfileName, SliceOperator, SliceProfile
from pdm_core.diffusion.denoisers import Denoiser, NetworkDenoiser, conditioned_on
from pdm_core.diffusion.periodic import MARGIN, MirroredDenoiser, mirrored

# Slices are wanted as fine as the pixels, but coarser ones occur: in a share of the pairs the slice direction is coarser.
_COARSER_SHARE, _MAX_COARSER = 0.3, 1.6
# Fine rows of a training stack: about as many as clinical stacks have, so that their ends are seen as often as in use.
_ROWS = 128


@dataclass(frozen=True)
class SliceReduction:
    """A along the rows' direction, undone by the spline that is exact in what was measured."""

    operator: SliceOperator

    @property
    def factor(self) -> float:
        """Fine rows a slice."""
        return self.operator.factor

    def low_resolution(self, x_hr: Tensor) -> Tensor:
        """B A x_HR, as the pipeline interpolates slices."""
        return self.operator.interpolated(self.operator.apply(x_hr))

    def refined(self, x_hr: Tensor, x_lr: Tensor) -> Tensor:
        """The nearest image that gives the measured slices A x_LR."""
        return self.operator.project(x_hr, self.operator.apply(x_lr))

    def unmeasured(self, x: Tensor) -> Tensor:
        """The nearest image whose slices are empty."""
        return self.operator.project(x, torch.zeros_like(self.operator.apply(x)))

    def on_whole_slices(self, denoiser: NetworkDenoiser) -> Denoiser:
        """Slices are mirrored at their borders; the network knows the thickness."""
        return MirroredDenoiser(conditioned_on(denoiser, self.operator.profile.thickness))


@dataclass(frozen=True)
class SliceDegradation:
    """Thick slices in place of the rows or columns of an image (SCIENCE §2.3), for through-plane models.

    Attributes:
        thickness: smallest and largest thickness as a share of the slices' distance.
        kinds: profiles to choose from.
        aligns: alignments to choose from.
        coarser: by how much the slice direction is coarser than the pixels, smallest and largest, where it is.
        coarser_share: in how many of the pairs it is.
    """

    thickness: tuple[float, float] = (0.7, 1.3)
    kinds: tuple[ProfileName, ...] = get_args(ProfileName)
    aligns: tuple[Align, ...] = get_args(Align)
    coarser: tuple[float, float] = (1.0, _MAX_COARSER)
    coarser_share: float = _COARSER_SHARE
    baseline: ClassVar[str] = "interpolated"
    favourites: ClassVar[tuple[float, ...]] = ()
    validated: ClassVar[tuple[float, ...]] = (3.0, 6.0)
    isotropic: ClassVar[bool] = False

    def pair(self, x_hr: Tensor, factor: float, least: int, random: np.random.Generator) -> tuple[Tensor, float, float | None]:
        """A stretch of an image, slice direction down the rows, and what thick slices leave of it, interpolated."""
        if random.random() < 0.5:
            x_hr = x_hr.T
        if random.random() < self.coarser_share:
            coarser = min(random.uniform(*self.coarser), x_hr.shape[0] / least)
            x_hr = downsample(x_hr, (round(x_hr.shape[0] / max(1.0, coarser)), x_hr.shape[1]))
        first = int(random.integers(max(1, x_hr.shape[0] - _ROWS + 1)))
        x_hr = x_hr[first : first + _ROWS]
        kind: ProfileName = random.choice(self.kinds)
        align: Align = random.choice(self.aligns)
        profile = SliceProfile(kind, random.uniform(*self.thickness))
        reduction = _slices_of(x_hr.shape[0], factor, align, profile)
        return torch.stack((x_hr, reduction.low_resolution(x_hr))), reduction.factor, profile.thickness

    def window(self, edge: int, crop: int, random: np.random.Generator) -> Tensor:
        """Anywhere, beyond the borders too, where the pipeline shows mirrored pixels."""
        start = int(random.integers(-MARGIN, max(-MARGIN, edge + MARGIN - crop) + 1))
        return mirrored(start, crop, edge)

    def reduction(self, size: Size, factor: float) -> SliceReduction:
        """Gaussian slices, neither gap nor overlap, in place of the rows."""
        return _slices_of(size[0], factor, "index0", SliceProfile())


def _slices_of(rows: int, factor: float, align: Align, profile: SliceProfile) -> SliceReduction:
    return SliceReduction(SliceOperator(max(1, round(rows / factor)), rows, align, profile))
