"""The variance-preserving bridge of SR3, DDPM, DDIM, DPM-Solver and PDM (Eq. 16)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdm_core.diffusion.bridges.affine import Curves
from pdm_core.diffusion.bridges.partial import PartialBridge
from pdm_core.diffusion.schedule import alpha_bar


@dataclass(frozen=True)
class Bridge(PartialBridge):
    """a = q lam, b = q (1 - lam), sigma = sqrt(1 - q²) with q² = abar of SR3's schedule; without alignment b = 0."""

    def alpha_bar(self, u: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """abar at time u, float64."""
        return alpha_bar(self.parent_time(u))

    def curves(self, u: NDArray[np.float64]) -> Curves:
        """a, b and sigma at many times at once, float64."""
        abar, weight = self.alpha_bar(u), self.alignment_weight(u)
        signal = np.sqrt(abar)
        return signal * weight, signal * (1.0 - weight), np.sqrt(1.0 - abar)

    def forward_scale(self, u: float, s: float) -> float:
        """sqrt(abar_t / abar_s)."""
        return math.sqrt(float(self.alpha_bar(u)) / float(self.alpha_bar(s)))
