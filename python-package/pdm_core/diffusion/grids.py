"""Time grids from u = 1 (start of partial diffusion) to u = 0 (clean image), strictly decreasing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.errors import InputError

Grid = Literal["uniform", "quadratic", "logsnr"]
Times = NDArray[np.float64]

# SCIENCE §0.4: half-log-SNR from -2.5 to 5, between the two infinities at the ends.
_LOG_SNR_FIRST, _LOG_SNR_LAST = -2.5, 5.0


def time_grid(bridge: AffineBridge, steps: int, kind: Grid = "uniform") -> Times:
    """Times u_0 = 1 > u_1 > ... > u_N = 0 for N = `steps` evaluations of the network.

    Args:
        bridge: supplies the log-SNR curve of the `logsnr` grid.
        steps: network evaluations, at least 1.
        kind: uniform in t (the paper's), quadratic (denser at the end), or uniform in log-SNR.

    Raises:
        InputError: no steps, or an unknown grid.
    """
    if steps < 1:
        raise InputError(f"{steps} sampling steps are not possible.", "Use at least 1.")
    if kind not in get_args(Grid):
        raise InputError(f"There is no time grid {kind!r}.", f"Choose one of: {', '.join(get_args(Grid))}.")
    left = np.arange(steps, -1, -1) / steps
    if kind == "quadratic":
        left = left**2
    elif kind == "logsnr":
        left = _log_snr_grid(bridge, steps)
    return checked_times(left)


def checked_times(times: Sequence[float] | Times) -> Times:
    """Return `times` as float64, or raise `InputError` unless they fall strictly from 1 (or less) to exactly 0."""
    grid = np.asarray(times, dtype=np.float64)
    if grid.ndim != 1 or len(grid) < 2 or not np.isfinite(grid).all():
        raise InputError(f"The time grid {list(times)} needs at least two finite times.")
    if not (np.diff(grid) < 0).all() or grid[-1] != 0.0 or not 0.0 < grid[0] <= 1.0:
        raise InputError(f"The time grid {grid.tolist()} must fall strictly from at most 1 to 0.")
    return grid


def _log_snr_grid(bridge: AffineBridge, steps: int) -> Times:
    inner = np.linspace(_LOG_SNR_FIRST, _LOG_SNR_LAST, steps + 1)[1:-1]
    return np.concatenate(([1.0], [_time_of(lambda u: _half_log_snr(bridge, u), level) for level in inner], [0.0]))


def _half_log_snr(bridge: AffineBridge, u: float) -> float:
    a, _, sigma = bridge.at(u)
    return float(np.log(a / sigma)) if a > 0 else -np.inf


def _time_of(curve: Callable[[float], float], level: float) -> float:
    """Bisection on a falling curve over (0, 1)."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if curve(middle) > level else (low, middle)
    return 0.5 * (low + high)
