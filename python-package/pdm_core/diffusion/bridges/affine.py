"""The affine bridge x_t = a_t x_HR + b_t x_LR + sigma_t eps that carries every system (DESIGN, "The one idea").

Time is u = t/K in [0, 1]: 0 is the clean high-resolution image, 1 the point where partial diffusion starts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Curves = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


class Coefficients(NamedTuple):
    """a_t, b_t, sigma_t at one time, float64."""

    a: float
    b: float
    sigma: float


class AffineBridge(ABC):
    """What samplers and denoisers know of a process: its three curves and the scale of its forward kernel.

    Attributes:
        unmeasured_noise: the noise leaves out what was measured, as in MC-DDPM: it is filtered before it is used.
    """

    unmeasured_noise: bool = False

    @abstractmethod
    def curves(self, u: NDArray[np.float64]) -> Curves:
        """a, b and sigma at many times at once, float64."""

    @abstractmethod
    def forward_scale(self, u: float, s: float) -> float:
        """kappa_{t|s}: by what the parent's forward kernel multiplies x_s on the way to x_t; 1 for VE and ResShift."""

    @property
    def share(self) -> float:
        """K/T: how much of the whole process is walked from u = 1."""
        return 1.0

    @property
    def unaligned(self) -> AffineBridge:
        """The parent without latent alignment, whose x_HR is m_t (SCIENCE §0.2 b); a bridge that knows no other is its own."""
        return self

    @property
    def starts_at_lr(self) -> bool:
        """Whether x_HR has left the latent at u = 1 (a = 0): the start is then exact, and no later start is possible."""
        return self.at(1.0).a == 0.0

    def at(self, u: float) -> Coefficients:
        """a, b and sigma at one time."""
        a, b, sigma = self.curves(np.asarray(u, dtype=np.float64))
        return Coefficients(float(a), float(b), float(sigma))

    def posterior_variance(self, u: float, s: float) -> float:
        """btilde(t -> s) of Eq. (19): variance of x_s given x_t and x_HR under the parent's forward chain (SCIENCE §0.4)."""
        now, then = self.at(u).sigma, self.at(s).sigma
        return float(then**2 * (now**2 - (self.forward_scale(u, s) * then) ** 2) / now**2)

    def residual_variance(self, u: float, s: float) -> float:
        """Variance of y_s given y_t for the true diffusion of the residual in the schedule (a, sigma) (SCIENCE §0.4)."""
        now, then = self.at(u), self.at(s)
        return float(then.sigma**2 * (1.0 - (now.a * then.sigma) ** 2 / (then.a * now.sigma) ** 2))
