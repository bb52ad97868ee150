"""The affine bridge x_t = a_t x_HR + b_t x_LR + sigma_t eps that carries every system (DESIGN, "The one idea").

Time is u = t/K in [0, 1]: 0 is the clean high-resolution image, 1 the point where partial diffusion starts.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from pdm_core.diffusion.schedule import alpha_bar
from pdm_core.errors import InputError

Alignment = Literal["none", "linear", "cosine"]


class Coefficients(NamedTuple):
    """a_t, b_t, sigma_t at one time, float64."""

    a: float
    b: float
    sigma: float


class AffineBridge(ABC):
    """What samplers know of a process: its three curves and the scale of its forward kernel."""

    @abstractmethod
    def curves(self, u: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """a, b and sigma at many times at once, float64."""

    @abstractmethod
    def forward_scale(self, u: float, s: float) -> float:
        """kappa_{t|s}: by what the parent's forward kernel multiplies x_s on the way to x_t; 1 for VE and ResShift."""

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


@dataclass(frozen=True)
class Bridge(AffineBridge):
    """Variance-preserving bridge with latent alignment, Eq. (16): a = q lam, b = q (1 - lam), sigma = sqrt(1 - q²).

    Attributes:
        steps: T, steps of the whole schedule after respacing.
        start: K, the step at which partial diffusion starts; K = T is the full process.
        alignment: lam_t of Eq. (17): none (lam = 1, b = 0), linear or cosine.

    Raises:
        InputError: K lies outside 1..T or the alignment is unknown.
    """

    steps: int = 100
    start: int = 25
    alignment: Alignment = "cosine"

    def __post_init__(self) -> None:
        if not 1 <= self.start <= self.steps:
            raise InputError(f"K = {self.start} must lie between 1 and T = {self.steps}.")
        if self.alignment not in get_args(Alignment):
            raise InputError(f"There is no alignment {self.alignment!r}.", f"Choose: {', '.join(get_args(Alignment))}.")

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Bridge:
        """Make the bridge that a card or a recipe describes; unknown keys are an `InputError`."""
        try:
            return cls(**fields)
        except TypeError as error:
            raise InputError(f"The bridge {dict(fields)} is not understood: {error}.") from error

    def as_dict(self) -> dict[str, Any]:
        """The fields, JSON-able."""
        return asdict(self)

    def alpha_bar(self, u: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """abar at time u, float64."""
        return alpha_bar(np.asarray(u, dtype=np.float64) * (self.start / self.steps))

    def alignment_weight(self, u: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """lam at time u, Eq. (17); exactly 0 at u = 1 for linear and cosine."""
        u = np.asarray(u, dtype=np.float64)
        if self.alignment == "none":
            return np.ones_like(u)
        if self.alignment == "linear":
            return 1.0 - u
        return np.asarray(np.cos(0.5 * math.pi * u) ** 2 * (u < 1.0))

    def curves(self, u: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """a, b and sigma at many times at once, float64."""
        abar, weight = self.alpha_bar(u), self.alignment_weight(u)
        signal = np.sqrt(abar)
        return signal * weight, signal * (1.0 - weight), np.sqrt(1.0 - abar)

    def forward_scale(self, u: float, s: float) -> float:
        """sqrt(abar_t / abar_s)."""
        return math.sqrt(float(self.alpha_bar(u)) / float(self.alpha_bar(s)))
