"""The affine map between a volume's intensities and the range that the networks know; never clips, inverts exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.robust_range import robust_range
from pdm_core.volume.volume import FloatArray


@dataclass(frozen=True)
class IntensityMap:
    """Maps `low` to -1 and `high` to 1, linearly, beyond them too.

    Attributes:
        low: intensity of the 0.1 percentile of the low-resolution volume.
        high: intensity of its 99.9 percentile.
    """

    low: float
    high: float

    @classmethod
    def of(cls, array: FloatArray) -> IntensityMap:
        """The map by robust percentiles of `array`; raises `InputError` when they coincide."""
        low, high = robust_range(array)
        if not high > low:
            raise InputError(
                f"Nearly all of the image has the same intensity ({low:g}): there is nothing to sharpen.",
                "Check that the right series was chosen.",
            )
        return cls(low, high)

    @property
    def scale(self) -> float:
        """Intensities per unit of the network's range."""
        return (self.high - self.low) / 2.0

    def to_unit(self, array: FloatArray) -> FloatArray:
        """Intensities to the network's range, a new float32 array."""
        unit: FloatArray = array - np.float32(self.low)
        unit /= np.float32(self.scale)
        unit -= np.float32(1.0)
        return unit

    def from_unit(self, array: FloatArray) -> FloatArray:
        """The network's range to intensities, in place: a second copy of a large result might not fit."""
        array += np.float32(1.0)
        array *= np.float32(self.scale)
        array += np.float32(self.low)
        return array
