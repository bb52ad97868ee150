"""The measurement-conditioned bridge of MC-DDPM (SCIENCE §1.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdm_core.diffusion.bridges.affine import Curves
from pdm_core.diffusion.bridges.partial import PartialBridge

# Xie and Li's `beta_scale`, and Nichol and Dhariwal's cosine schedule, whose last beta is capped.
NOISE_SCALE, _OFFSET, _LARGEST_BETA, _PARENT_STEPS = 0.5, 0.008, 0.999, 1000


@dataclass(frozen=True)
class MeasurementBridge(PartialBridge):
    """x_t = x_LR + q lam r + sigma n_c: the residual alone is diffused, by noise n_c outside of the measured band.

    So a = q lam, b = 1 - a and sigma = 0.5 sqrt(1 - q²): the measured band is exact at every step. Without alignment the
    residual has not wholly left at K; with it the bridge is nothing but another schedule, whose residual ends at zero.
    """

    unmeasured_noise = True

    def signal(self, u: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """q at time u, float64."""
        return np.sqrt(cosine_alpha_bar(self.parent_time(u)))

    def curves(self, u: NDArray[np.float64]) -> Curves:
        """a, b and sigma at many times at once, float64."""
        signal = self.signal(u)
        a = signal * self.alignment_weight(u)
        return a, 1.0 - a, NOISE_SCALE * np.sqrt(1.0 - signal**2)

    def forward_scale(self, u: float, s: float) -> float:
        """q_t / q_s."""
        return float(self.signal(u) / self.signal(s))


def cosine_alpha_bar(tau: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """abar = (cos((tau + s)/(1 + s) pi/2) / cos(s/(1 + s) pi/2))² of the cosine schedule with s = 0.008, float64.

    The cap on the last beta of 1000 steps keeps it above zero at tau = 1.
    """

    def level(tau: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.cos((tau + _OFFSET) / (1.0 + _OFFSET) * math.pi / 2.0) ** 2

    before_last = level(np.asarray(1.0 - 1.0 / _PARENT_STEPS))
    least = (1.0 - _LARGEST_BETA) * before_last
    return np.maximum(level(np.asarray(tau, dtype=np.float64)), least) / level(np.asarray(0.0))
