"""Intensities as 16-bit numbers: never clipped, and no coarser than the source's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pdm_core.volume.padding import Mask, Padding
from pdm_core.volume.volume import FloatArray

_LEVELS = 65535


@dataclass(frozen=True)
class Encoding:
    """How intensities are stored: intensity = stored * slope + intercept.

    MR Image Storage has no rescale of its own, and some readers pass over one: it is used only where whole numbers would be
    coarser than the source or do not suffice.

    Attributes:
        slope, intercept: exactly as a decimal string of 16 characters says them.
        signed: whether stored numbers may be negative.
        padding: the number that stands where there is no data; None where there is data everywhere.
    """

    slope: float
    intercept: float
    signed: bool
    padding: int | None = None

    @classmethod
    def of(cls, array: FloatArray, steps: Sequence[float], padding: Padding | None = None) -> Encoding:
        """The encoding of all of `array`.

        Args:
            array: intensities.
            steps: distances between stored values of the source; the smallest counts.
            padding: the voxels without data, which take no part in the range of the encoding.
        """
        measured = array if padding is None else array[~padding.mask]
        low, high, step = float(measured.min()), float(measured.max()), min(steps)
        value = None if padding is None else padding.value
        limits = _whole_numbers(low, high, value) if step >= 1.0 else None
        if limits is None:
            return cls._rescaled(measured, step, value)
        number = None if value is None else _padding_number(value, low, high, limits)
        if value is not None and number is None:
            return cls._rescaled(measured, step, value)
        return cls(1.0, 0.0, limits.min < 0, number)

    @classmethod
    def _rescaled(cls, measured: FloatArray, step: float, padding: float | None) -> Encoding:
        """Unsigned numbers from the lowest intensity on.

        Where the value of the padding lies among the data or little above them, the steps are as fine as 16 bits allow, so
        that a number within half a step of the source is left for it. Where none is left its number is 0, below the data's.
        """
        low, high = float(measured.min()), float(measured.max())
        if padding is None:
            return cls._from(low, high, step)
        if low < high and low <= padding <= high + (high - low):
            finest = cls._from(low, max(high, padding), 0.0)
            number = finest._free_number(padding, max(step, finest.slope) / 2, measured)
            if number is not None:
                return replace(finest, padding=number)
        near = low - (high - low) <= padding < low
        lowest = padding if near else low - max(step, (high - low) / (_LEVELS - 1))
        return replace(cls._from(lowest, high, step), padding=0)

    @classmethod
    def _from(cls, low: float, high: float, step: float) -> Encoding:
        """Unsigned numbers for intensities from `low` to `high`, in steps of at least `step`."""
        slope = max(step, (high - low) / _LEVELS)
        return cls(float(decimal_string(slope)), float(decimal_string(low)), False)

    def _free_number(self, value: float, tolerance: float, measured: FloatArray) -> int | None:
        """The number nearest to `value` within `tolerance` that no measured voxel has; None where there is none."""
        least, largest = ((value + offset - self.intercept) / self.slope for offset in (-tolerance, tolerance))
        numbers = np.arange(max(0, np.ceil(least)), min(_LEVELS, np.floor(largest)) + 1)
        free = np.setdiff1d(numbers, self.stored(measured))
        distances = np.abs(free * self.slope + self.intercept - value)
        return int(free[distances.argmin()]) if free.size else None

    @property
    def rescaled(self) -> bool:
        """Whether a reader has to apply slope and intercept."""
        return (self.slope, self.intercept) != (1.0, 0.0)

    def stored(self, intensities: FloatArray, padded: Mask | None = None) -> np.ndarray[Any, Any]:
        """The numbers to store, little-endian.

        Args:
            intensities: of any shape.
            padded: true where there is no data.
        """
        numbers = np.rint((intensities.astype(np.float64) - self.intercept) / self.slope)
        if padded is not None and self.padding is not None:
            numbers[padded] = self.padding
        return numbers.astype("<i2" if self.signed else "<u2")


def _whole_numbers(low: float, high: float, padding: float | None) -> np.iinfo[Any] | None:
    """The 16-bit format that holds the data as they are, if possible with the value of the padding; None where none does."""
    formats = (np.iinfo(np.uint16), np.iinfo(np.int16))
    reaches = [(low, high)] if padding is None else [(min(low, padding), max(high, padding)), (low, high)]
    fitting = (
        limits
        for least, largest in reaches
        for limits in formats
        if limits.min <= np.rint(least) and np.rint(largest) <= limits.max
    )
    return next(fitting, None)


def _padding_number(value: float, low: float, high: float, limits: np.iinfo[Any]) -> int | None:
    """The padding's own value where the format holds it, else a number beyond the data; None where the data take all."""
    if limits.min <= value <= limits.max and value == np.rint(value):
        return int(value)
    if np.rint(low) > limits.min:
        return int(np.rint(low)) - 1
    return int(np.rint(high)) + 1 if np.rint(high) < limits.max else None


def decimal_string(value: float) -> str:
    """`value` as a DICOM decimal string (DS) of at most 16 characters, as exactly as these allow."""
    from pydicom.valuerep import format_number_as_ds

    # Rotations leave residues such as 6e-17, which would only waste the characters.
    return str(format_number_as_ds(0.0 if abs(value) < 1e-15 else float(value)))
