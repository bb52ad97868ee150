"""Complex data: a magnitude and its phase as one array, and apart again."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

from pdm_core.errors import InputError
from pdm_core.pipeline.intensity import IntensityMap
from pdm_core.volume.volume import FloatArray, Volume

ComplexArray = NDArray[np.complex64]
Values = FloatArray | ComplexArray

# A full turn either way, and what rounding adds to it.
_LARGEST_PHASE = 2.0 * math.pi + 1e-3
# What files round positions to, mm.
_APART_MM = 1e-3


def check_phase(magnitude: Volume, phase: Volume) -> None:
    """Raise `InputError` where `phase` is not that of `magnitude`, in radians."""
    if phase.shape != magnitude.shape:
        raise InputError(
            f"The phase has {phase.shape} voxels (K, J, I), the magnitude {magnitude.shape}.", "Give both of the same scan."
        )
    if not np.allclose(phase.ijk_to_ras, magnitude.ijk_to_ras, atol=_APART_MM):
        raise InputError(
            "The phase lies elsewhere than the magnitude, or its voxels have another size.", "Give both of the same scan."
        )
    least, largest = float(phase.array.min()), float(phase.array.max())
    if not -_LARGEST_PHASE <= least <= largest <= _LARGEST_PHASE:
        raise InputError(
            f"The phase reaches from {least:g} to {largest:g}: those are no radians.",
            "Scale it so that a full turn is 2 pi; scanners often store one as -4096 to 4096.",
        )
    darkest = float(magnitude.array.min())
    if darkest < 0.0:
        raise InputError(f"The magnitude of complex data reaches down to {darkest:g}.", "Magnitudes are never negative.")


def map_from_nought(magnitude: FloatArray) -> IntensityMap:
    """The map for complex data: its zero stays zero, or the k-space would be another."""
    return IntensityMap(0.0, IntensityMap.of(magnitude).high)


def joined(unit: FloatArray, phase: FloatArray) -> ComplexArray:
    """Complex values of magnitudes in the network's range, whose -1 is no signal, and their phase in radians."""
    values: ComplexArray = (unit + np.float32(1.0)) * np.exp(np.complex64(1j) * phase)
    return values


def parted(values: Values) -> tuple[FloatArray, FloatArray | None]:
    """Magnitudes in the network's range, and the phase in radians where the values are complex."""
    if not np.iscomplexobj(values):
        return cast(FloatArray, values), None
    return np.abs(values) - np.float32(1.0), np.angle(values)
