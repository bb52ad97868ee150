"""Means with intervals, and paired differences: over cases where there are enough of them, else over slices within cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pdm_core.metrics.bootstrap import Values, interval_of_mean

# With so many cases the interval is one over cases: it then tells of other patients.
_ENOUGH_CASES = 8
# Fewer values than that have no interval. A draw of n values is the lowest one n times over with probability n^-n: of three
# that is more than the 2.5 % beyond an end of the interval, which then is the range of the values and no more, and of one
# value it has no width at all.
_LEAST = 4
TOO_FEW = f"an interval takes {_LEAST} slices of every case, or {_ENOUGH_CASES} cases"
ByCase = Mapping[str, Values]


@dataclass(frozen=True)
class Estimate:
    """The mean over cases of the means over their slices.

    Attributes:
        mean: of the cases.
        interval: 95 % bootstrap interval; None where there are too few values for one.
        unit: what was drawn with replacement, "cases" or "slices" (within their cases, which stay).
    """

    mean: float
    interval: tuple[float, float] | None
    unit: str

    def words(self, digits: int, signed: bool = False) -> str:
        """Mean and interval as they stand in a table."""
        sign = "+" if signed else ""
        numbers = [self.mean, *(self.interval or ())]
        mean, *ends = (f"{number:{sign}.{digits}f}" for number in numbers)
        return f"{mean} ({ends[0]} to {ends[1]})" if ends else mean


def estimate(values: ByCase) -> Estimate:
    """The mean of a measure with its interval."""
    return _estimated(list(values.values()))


def difference(values: ByCase, others: ByCase) -> Estimate | None:
    """The mean of the paired differences of two contenders in the cases that both have; None where there is none."""
    shared = [case for case in values if case in others]
    return _estimated([values[case] - others[case] for case in shared]) if shared else None


def _estimated(strata: Sequence[Values]) -> Estimate:
    mean = float(np.mean([values.mean() for values in strata]))
    over_cases = len(strata) >= _ENOUGH_CASES
    drawn = [np.array([values.mean() for values in strata])] if over_cases else list(strata)
    interval = interval_of_mean(drawn) if min(map(len, drawn)) >= _LEAST else None
    return Estimate(mean, interval, "cases" if over_cases else "slices")
