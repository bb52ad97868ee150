"""Planes as thick as those of the training: a network that has learned from thick images is shown no thin ones (SCIENCE §2.3).

Training planes are images of a scan whose slices are millimetres thick; planes across a stack are one pixel thick. Zhao et al.
therefore average as many consecutive planes as the other scan's slices are thick.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.denoisers import Denoiser
from pdm_core.diffusion.periodic import mirrored
from pdm_core.pipeline.lattice import Lattice

Matching = Literal["none", "residual", "average"]


@dataclass(frozen=True)
class ThicknessMatching:
    """What planes are averaged, and what becomes of it.

    Attributes:
        kind: "none"; "average": the estimate of the averaged planes stands, blurred across them, as the paper's; "residual":
            what it adds to the averaged planes is added to each plane as it is.
        planes: pixels that the averaged planes are thick, counted along the rows (J) and along the columns (I).
    """

    kind: Matching = "none"
    planes: tuple[int, int] = (1, 1)

    @classmethod
    def of(cls, kind: Matching, thickness_mm: float, lattice: Lattice) -> ThicknessMatching:
        """Planes as thick as the slices of the stack itself: the scans of one study are alike in that."""
        columns, rows, _ = lattice.spacing
        return cls(kind, (max(1, round(thickness_mm / rows)), max(1, round(thickness_mm / columns))))

    def thick(self, volume: Tensor, axis: int, start: int, count: int) -> Tensor:
        """Averaged planes `start` to `start + count` along `axis` of (K, J, I), centred on them, (count, ...)."""
        weights = _weights(self.planes[axis - 1])
        reach = len(weights) // 2
        near = mirrored(start - reach, count + 2 * reach, volume.shape[axis])
        wide = volume.index_select(axis, near).movedim(axis, 0)
        mean = weights[0] * wide[:count]
        for place, weight in enumerate(weights[1:], start=1):
            mean += weight * wide[place : place + count]
        return mean


NO_MATCHING = ThicknessMatching()


def _weights(planes: int) -> list[float]:
    """A mean over `planes`, symmetric: of an even number the outermost count by half."""
    weights = np.full(planes + 1 - planes % 2, 1.0 / planes)
    if planes % 2 == 0:
        weights[[0, -1]] /= 2.0
    return [float(weight) for weight in weights]


class MatchedDenoiser:
    """A denoiser that sees thick planes in the place of thin ones; the latent is carried over as the bridge demands.

    With d the difference of the thick from the thin x_LR, a latent of the residual, a (x_LR + r) + b x_LR + sigma eps, is one
    of the thick planes when (a + b) d is added, and one of an estimate that is averaged already when b d is.

    Args:
        denoiser: trained on thick planes.
        thick: their x_LR, (N, 1, H, W).
        kind: "residual" or "average".
    """

    def __init__(self, denoiser: Denoiser, thick: Tensor, kind: Matching) -> None:
        self.denoiser, self._thick, self._kind = denoiser, thick, kind

    @property
    def bridge(self) -> AffineBridge:
        """The bridge of the wrapped denoiser."""
        return self.denoiser.bridge

    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of x_HR, (N, 1, H, W)."""
        difference = self._thick - x_lr
        estimate = self.denoiser.estimate(self._latent(x, difference, u), self._thick, u, factor)
        return estimate - difference if self._kind == "residual" else estimate

    def mixture(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of m_t, (N, 1, H, W)."""
        difference = self._thick - x_lr
        mixture = self.denoiser.mixture(self._latent(x, difference, u), self._thick, u, factor)
        a, b, _ = self.bridge.at(u)
        return mixture - difference * (1.0 if self._kind == "residual" else b / (a + b))

    def _latent(self, x: Tensor, difference: Tensor, u: float) -> Tensor:
        a, b, _ = self.bridge.at(u)
        return x + difference * (a + b if self._kind == "residual" else b)
