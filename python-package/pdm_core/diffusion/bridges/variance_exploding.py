"""The variance-exploding bridge of ScoreMRI (SCIENCE §1.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdm_core.diffusion.bridges.affine import Curves
from pdm_core.diffusion.bridges.partial import PartialBridge

# Chung and Ye's 0.01 to 378 for images of [0, 1]; ours are twice as wide.
SIGMA_FIRST, SIGMA_RATIO = 0.02, 37800.0


@dataclass(frozen=True)
class VarianceExplodingBridge(PartialBridge):
    """a = lam, b = 1 - lam, sigma = 0.02 * 37800^(t/T) for images of [-1, 1].

    At u = 0 a noise of a hundredth of the image's range is left, which every sampler takes away with its last estimate.
    """

    def curves(self, u: NDArray[np.float64]) -> Curves:
        """a, b and sigma at many times at once, float64."""
        weight = self.alignment_weight(u)
        return weight, 1.0 - weight, SIGMA_FIRST * SIGMA_RATIO ** self.parent_time(u)

    def forward_scale(self, u: float, s: float) -> float:
        """1: noise is added, nothing shrinks."""
        return 1.0
