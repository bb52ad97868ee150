"""Intensities as 16-bit numbers: never clipped, and no coarser than the source's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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
    """

    slope: float
    intercept: float
    signed: bool

    @classmethod
    def of(cls, array: FloatArray, steps: Sequence[float]) -> Encoding:
        """The encoding of all of `array`.

        Args:
            array: intensities.
            steps: distances between stored values of the source; the smallest counts.
        """
        low, high, step = float(array.min()), float(array.max()), min(steps)
        for kind in (np.uint16, np.int16):
            limits = np.iinfo(kind)
            if step >= 1.0 and limits.min <= np.rint(low) and np.rint(high) <= limits.max:
                return cls(1.0, 0.0, kind is np.int16)
        slope = max(step, (high - low) / _LEVELS)
        return cls(float(decimal_string(slope)), float(decimal_string(low)), False)

    @property
    def rescaled(self) -> bool:
        """Whether a reader has to apply slope and intercept."""
        return (self.slope, self.intercept) != (1.0, 0.0)

    def stored(self, intensities: FloatArray) -> np.ndarray[Any, Any]:
        """The numbers to store, little-endian."""
        numbers = np.rint((intensities.astype(np.float64) - self.intercept) / self.slope)
        return numbers.astype("<i2" if self.signed else "<u2")


def decimal_string(value: float) -> str:
    """`value` as a DICOM decimal string (DS) of at most 16 characters, as exactly as these allow."""
    from pydicom.valuerep import format_number_as_ds

    # Rotations leave residues such as 6e-17, which would only waste the characters.
    return str(format_number_as_ds(0.0 if abs(value) < 1e-15 else float(value)))
