"""The variance-preserving noise schedule of SR3 in continuous time (SCIENCE §1.1)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

PARENT_STEPS = 2000
BETA_FIRST, BETA_LAST = 1e-6, 1e-2


@lru_cache(maxsize=1)
def log_alpha_bar_table() -> NDArray[np.float64]:
    """log abar_t of the linear schedule 1e-6 to 1e-2 at t = 0..2000, float64, with abar_0 = 1."""
    betas = np.linspace(BETA_FIRST, BETA_LAST, PARENT_STEPS)
    table = np.concatenate(([0.0], np.cumsum(np.log1p(-betas))))
    table.setflags(write=False)
    return table


def alpha_bar(tau: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """abar at the share `tau` in [0, 1] of the parent's 2000 steps; log abar is linear between the steps.

    Respacing to T steps is evaluation at tau = j / T: exact wherever 2000 j / T is whole (SCIENCE §1.1, "T=100").
    """
    table = log_alpha_bar_table()
    # Rounding keeps whole parent steps whole: 2000 * (j / T) misses them by an ulp.
    steps = np.round(np.asarray(tau, dtype=np.float64) * PARENT_STEPS, 9)
    return np.asarray(np.exp(np.interp(steps, np.arange(PARENT_STEPS + 1), table)))
