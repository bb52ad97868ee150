"""ResShift's bridge: the residual is shifted out while noise comes in (Yue et al., NeurIPS 2023; SCIENCE §0.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdm_core.diffusion.bridges.affine import AffineBridge, Curves
from pdm_core.errors import InputError


@dataclass(frozen=True)
class ResShiftBridge(AffineBridge):
    """a = 1 - eta, b = eta, sigma = kappa sqrt(eta), where sqrt(eta) grows geometrically from step 1 to step T.

    Attributes:
        steps: T; the published schedule is that of T = 15 or 4.
        kappa: noise at the end.
        power: of the time in the exponent; below 1 eta grows early.
        first_noise: kappa sqrt(eta_1).
        last: eta_T, nearly 1.

    Raises:
        InputError: a number outside of its range.
    """

    steps: int = 15
    kappa: float = 2.0
    power: float = 0.3
    first_noise: float = 0.2
    last: float = 0.99

    def __post_init__(self) -> None:
        if self.steps < 2 or not 0.0 < self.last < 1.0 or not 0.0 < self.first_noise < self.kappa or self.power <= 0.0:
            raise InputError(f"The bridge {self} is not possible.", "See ResShiftBridge for the ranges.")

    def root_eta(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """sqrt(eta) at time u = t/T; from step 1 down to 0 it falls in a straight line."""
        first = min(self.first_noise / self.kappa, np.sqrt(0.001))
        step = np.asarray(u, dtype=np.float64) * self.steps
        exponent = (np.maximum(step - 1.0, 0.0) / (self.steps - 1.0)) ** self.power
        return np.asarray(first * (np.sqrt(self.last) / first) ** exponent * np.minimum(step, 1.0))

    def curves(self, u: NDArray[np.float64]) -> Curves:
        """a, b and sigma at many times at once, float64."""
        root = self.root_eta(u)
        return 1.0 - root**2, root**2, self.kappa * root

    def forward_scale(self, u: float, s: float) -> float:
        """1: a residual is shifted, nothing shrinks."""
        return 1.0
