"""Straight lines from x_HR to the noised x_LR: InDI and flow matching (SCIENCE §0.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdm_core.diffusion.bridges.affine import AffineBridge, Curves
from pdm_core.errors import InputError


@dataclass(frozen=True)
class InterpolantBridge(AffineBridge):
    """x_u = (1 - u) x_HR + u (x_LR + noise eps).

    With hardly any noise this is InDI (Delbracio and Milanfar, TMLR 2023), with more of it flow matching between x_HR and the
    noised x_LR (Lipman et al., ICLR 2023). DDIM's update with eta = 0 is InDI's x_s = (1 - s/u) x_HR + (s/u) x_u, and Euler's
    on the flow.

    Attributes:
        noise: standard deviation at u = 1, above 0.

    Raises:
        InputError: no noise.
    """

    noise: float = 0.05

    def __post_init__(self) -> None:
        if not self.noise > 0.0:
            raise InputError(f"An interpolant with the noise {self.noise:g} is not possible.", "Use a small number above 0.")

    def curves(self, u: NDArray[np.float64]) -> Curves:
        """a, b and sigma at many times at once, float64."""
        u = np.asarray(u, dtype=np.float64)
        return 1.0 - u, u, self.noise * u

    def forward_scale(self, u: float, s: float) -> float:
        """1: noise is added, nothing shrinks."""
        return 1.0
