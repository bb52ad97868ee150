"""Does the uncertainty predict the error: standard deviations over samples against errors, in bins of equal size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Reliability:
    """The reliability curve of one restoration.

    Attributes:
        predicted: of each bin the root mean square of the predicted errors, rising.
        observed: of each bin the root mean squared error; a reliable uncertainty has both alike.
        correlation: Pearson's, of predicted error and absolute error, pixel by pixel.
        calibration_error: expected calibration error: mean over the bins of |observed - predicted|, in the image's units
            (the "uncertainty calibration error" of Laves et al., MIDL 2020, of standard deviations).
        error: root mean squared error of all pixels, to hold the calibration error against.
    """

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    correlation: float
    calibration_error: float
    error: float


def reliability(image: Floats, truth: Floats, spread: Floats, samples: int, bins: int = 10) -> Reliability:
    """Compare the spread over samples with the error of their mean.

    Were the truth one more draw like the samples, it would lie from the mean of S of them by sqrt(1 + 1/S) of their standard
    deviation: that is the predicted error.

    Args:
        image: mean over the samples, any shape.
        truth: of the same shape.
        spread: standard deviation over the samples with S - 1 degrees of freedom, the same shape.
        samples: S, two or more.
        bins: of equal numbers of pixels, by the predicted error.
    """
    predicted = np.sqrt(1.0 + 1.0 / samples) * spread.ravel().astype(np.float64)
    error = np.abs(image.ravel().astype(np.float64) - truth.ravel())
    parts = np.array_split(np.argsort(predicted, kind="stable"), bins)
    expected, found = ([_root_mean_square(values[part]) for part in parts] for values in (predicted, error))
    miss = np.abs(np.subtract(expected, found))
    share = np.array([len(part) for part in parts]) / len(error)
    correlation = float(np.corrcoef(predicted, error)[0, 1]) if np.ptp(predicted) > 0.0 else 0.0
    return Reliability(tuple(expected), tuple(found), correlation, float(miss @ share), _root_mean_square(error))


def mean_reliability(curves: Sequence[Reliability]) -> Reliability:
    """The mean of the curves of several cases, bin by bin."""
    predicted, observed = (
        tuple(float(value) for value in np.mean([getattr(curve, name) for curve in curves], axis=0))
        for name in ("predicted", "observed")
    )
    names = ("correlation", "calibration_error", "error")
    return Reliability(predicted, observed, *(float(np.mean([getattr(curve, name) for curve in curves])) for name in names))


def _root_mean_square(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
