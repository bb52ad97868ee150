"""Bootstrap intervals of means: what would have come out with other cases or other slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
_DRAWS, _PERCENTILES = 2000, (2.5, 97.5)


def interval_of_mean(strata: Sequence[Values], seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the mean over the strata of their means.

    Args:
        strata: values that are drawn with replacement, each from its own stratum: the slices of each case, or one stratum
            that holds a value for each case.
        seed: of the draws; equal ones make the intervals of one table comparable.
    """
    random = np.random.default_rng(seed)
    means = [random.choice(values, (_DRAWS, len(values))).mean(axis=1) for values in strata]
    return _percentiles(np.mean(means, axis=0))


def percentile_interval(draw: Callable[[np.random.Generator], float], seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of a statistic of resampled data.

    Args:
        draw: the statistic of one resampling by the generator that it is given.
        seed: of the generator.
    """
    random = np.random.default_rng(seed)
    return _percentiles(np.array([draw(random) for _ in range(_DRAWS)]))


def _percentiles(draws: Values) -> tuple[float, float]:
    low, high = np.percentile(draws, _PERCENTILES)
    return float(low), float(high)
