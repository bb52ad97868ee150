"""Probabilities of the zones in the patient: found on one grid, read on any other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pdm_core.segmentation.resampling import resampled
from pdm_core.volume.volume import FloatArray, Matrix, Volume

# Slices of another grid that are read at a time: a restored volume is large, three of them would not fit.
_SLAB = 16


@dataclass(frozen=True, eq=False)
class ZoneField:
    """Probabilities of background, peripheral and transition zone.

    Attributes:
        probabilities: float32 `[3, k, j, i]`, 0 to 1, with the sum 1.
        ijk_to_ras: 4x4, mm; where the voxels lie.
    """

    probabilities: FloatArray
    ijk_to_ras: Matrix

    @property
    def labels(self) -> NDArray[np.uint8]:
        """The likelier label of each voxel on the field's own grid, `[k, j, i]`."""
        return np.asarray(self.probabilities.argmax(axis=0), dtype=np.uint8)

    def on(self, volume: Volume) -> FloatArray:
        """Probabilities `[3, K, J, I]` on the grid of `volume`, linear between voxels; outside and in padding background."""
        return np.concatenate([slab for _, slab in self._slabs(volume)], axis=1)

    def labels_on(self, volume: Volume) -> Volume:
        """The likelier label of each voxel of `volume`, on its grid."""
        array = np.empty(volume.shape, dtype=np.float32)
        for first, slab in self._slabs(volume):
            array[first : first + slab.shape[1]] = slab.argmax(axis=0)
        padding = None if volume.padding is None else replace(volume.padding, value=0.0)
        return Volume(array, volume.ijk_to_ras, padding=padding)

    def _slabs(self, volume: Volume) -> Iterator[tuple[int, FloatArray]]:
        slices, rows, columns = volume.shape
        for first in range(0, slices, _SLAB):
            shape = (min(_SLAB, slices - first), rows, columns)
            matrix = volume.ijk_to_ras.copy()
            matrix[:3, 3] += first * matrix[:3, 2]
            # Outside of the field everything is background, and so is what holds no data.
            slab = np.stack(
                [
                    resampled(channel, self.ijk_to_ras, shape, matrix, outside=float(label == 0))
                    for label, channel in enumerate(self.probabilities)
                ]
            )
            if volume.padding is not None:
                slab[:, volume.padding.mask[first : first + shape[0]]] = np.array([[1.0], [0.0], [0.0]])
            yield first, slab
