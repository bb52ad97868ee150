"""Partial diffusion with latent alignment: what VP, VE and MC-DDPM bridges have in common (Eqs. 16 and 17)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pdm_core.diffusion.bridges.affine import AffineBridge
from pdm_core.errors import InputError

Alignment = Literal["none", "linear", "cosine"]


@dataclass(frozen=True)
class PartialBridge(AffineBridge):
    """A parent process of T steps that is walked from step K on, its latents aligned by lam_t.

    Attributes:
        steps: T, steps of the whole schedule after respacing.
        start: K, the step at which partial diffusion starts; K = T is the full process.
        alignment: lam_t of Eq. (17): none (lam = 1), linear or cosine.

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

    @property
    def share(self) -> float:
        """K/T."""
        return self.start / self.steps

    @property
    def unaligned(self) -> PartialBridge:
        """The same without alignment."""
        return replace(self, alignment="none")

    def parent_time(self, u: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """t/T of the parent at time u = t/K."""
        return np.asarray(u, dtype=np.float64) * self.share

    def alignment_weight(self, u: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """lam at time u, Eq. (17); exactly 0 at u = 1 for linear and cosine."""
        u = np.asarray(u, dtype=np.float64)
        if self.alignment == "none":
            return np.ones_like(u)
        if self.alignment == "linear":
            return 1.0 - u
        return np.asarray(np.cos(0.5 * math.pi * u) ** 2 * (u < 1.0))
