"""Is the time linear in the steps: straight lines through the times of one network at rising step counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pdm_core.metrics.bootstrap import percentile_interval
from pdm_study.results import Measurement, Results

# A line through fewer counts of evaluations fits by construction.
_LEAST = 3
# Fewer points have no interval.
_ENOUGH = 5


@dataclass(frozen=True)
class Fit:
    """Least squares of seconds a slice against network evaluations.

    Attributes:
        model: whose times these are.
        step_ms: slope.
        start_ms: intercept: what a slice costs before its first step.
        explained: R², the share of the times' variance that the line explains.
        interval: 95 % bootstrap interval of R² over the points; None where they are too few.
        points: how many times were measured.
    """

    model: str
    step_ms: float
    start_ms: float
    explained: float
    interval: tuple[float, float] | None
    points: int

    @property
    def words(self) -> str:
        """The line in one sentence."""
        ends = f" ({self.interval[0]:.4f} to {self.interval[1]:.4f})" if self.interval else ""
        return (
            f"{self.model}: {self.step_ms:.1f} ms a step and {self.start_ms:.1f} ms a slice besides; "
            f"R² = {self.explained:.4f}{ends} over {self.points} points."
        )


def fits(results: Results, contenders: Sequence[str], data_set: str, factors: Sequence[float]) -> list[Fit]:
    """One line through the times of each model on each machine, of all its contenders and cases at the factors.

    Args:
        results: all that is known.
        contenders: labels.
        data_set: whose cases are meant.
        factors: of the reduction.
    """
    place = [item for item in results.measured if item.data_set == data_set and item.factor in factors]
    items = [item for item in place if item.contender in contenders]
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for item in items:
        groups.setdefault((item.model, item.record.machine), []).append(item)
    found = (_fit(model, group) for (model, _), group in groups.items())
    return [fit for fit in found if fit is not None]


def _fit(model: str, items: Sequence[Measurement]) -> Fit | None:
    steps = np.array([item.record.evaluations for item in items], dtype=np.float64)
    seconds = np.array([item.record.seconds / item.record.slices for item in items])
    if len(set(steps)) < _LEAST:
        return None
    slope, intercept = np.polyfit(steps, seconds, 1)

    def redrawn(random: np.random.Generator) -> float:
        while True:
            chosen = random.integers(len(steps), size=len(steps))
            if len(set(steps[chosen])) >= _LEAST:
                return _explained(steps[chosen], seconds[chosen])

    interval = percentile_interval(redrawn) if len(steps) >= _ENOUGH else None
    return Fit(model, 1000.0 * slope, 1000.0 * intercept, _explained(steps, seconds), interval, len(steps))


def _explained(steps: np.ndarray, seconds: np.ndarray) -> float:
    return float(np.corrcoef(steps, seconds)[0, 1] ** 2)
