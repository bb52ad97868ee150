"""The grid that zone networks work on: axes from right to left, front to back and up, at the spacing of the training.

Its axes are those of the volume, in the order and direction nearest to the patient's: no oblique slice is cut, and for all
orders, directions and handedness of the axes the array is the same one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.volume import FloatArray, Matrix, Volume
from pdm_core.zoo.card import ZoneCard

# Directions of the array's axes i, j, k in RAS: to the left, to the back, up.
_PATIENT = ((0, -1.0), (1, -1.0), (2, 1.0))
# Axes that are this far from parallel, as sines, are not the same.
_PARALLEL = 1e-3


@dataclass(frozen=True, eq=False)
class CanonicalGrid:
    """A grid over the box of a volume.

    Attributes:
        shape: voxels (k, j, i).
        ijk_to_ras: 4x4, mm; where they lie.
    """

    shape: tuple[int, int, int]
    ijk_to_ras: Matrix

    @classmethod
    def of(cls, volume: Volume, card: ZoneCard) -> CanonicalGrid:
        """The working grid of a model over a volume; see `over`."""
        return cls.over(volume, card.grid_mm, card.slices_mm)

    @classmethod
    def over(cls, volume: Volume, grid_mm: tuple[float, float, float], slices_mm: tuple[float, float]) -> CanonicalGrid:
        """A grid with the centre of the volume's box that covers it.

        Args:
            volume: any orientation.
            grid_mm: spacing along slices (up), rows (to the back) and columns (to the left).
            slices_mm: smallest and largest distance of slices that stays as it is, so that none is interpolated.
        """
        matrix, counts = volume.ijk_to_ras, volume.shape[::-1]
        steps = np.zeros((3, 3))
        shape = []
        for axis, (own, sign) in enumerate(_nearest_axes(matrix)):
            spacing, working = volume.spacing[own], grid_mm[2 - axis]
            if axis == 2 and slices_mm[0] <= spacing <= slices_mm[1]:
                working = spacing
            steps[:, axis] = sign * working / spacing * matrix[:3, own]
            # A hundredth of a voxel is rounding, not a reason for another one.
            shape.append(max(1, math.ceil(counts[own] * spacing / working - 0.01)))
        centre = matrix[:3, :3] @ ((np.array(counts) - 1) / 2) + matrix[:3, 3]
        placed = np.eye(4)
        placed[:3, :3] = steps
        placed[:3, 3] = centre - steps @ ((np.array(shape) - 1) / 2)
        return cls((shape[2], shape[1], shape[0]), placed)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxels along (k, j, i)."""
        i, j, k = np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)
        return float(k), float(j), float(i)

    def forward(self, volume: Volume) -> FloatArray:
        """A volume at the grid's voxels, `[k, j, i]`: linear between its own, or their weighted mean where they are denser.

        Raises:
            InputError: the volume's axes are not parallel to the grid's.
        """
        to_volume = np.linalg.inv(volume.ijk_to_ras) @ self.ijk_to_ras
        own = [int(axis) for axis in np.abs(to_volume[:3, :3]).argmax(axis=0)]
        sines = np.abs(to_volume[:3, :3]) / np.abs(to_volume[own, range(3)])
        if sorted(own) != [0, 1, 2] or np.sort(sines, axis=0)[1].max() > _PARALLEL:
            raise InputError("A volume and the grid that it is to be read on have different axes.")
        # The array is [K, J, I]: voxel axis a is array axis 2 - a.
        array = volume.array.transpose([2 - own[axis] for axis in (2, 1, 0)])
        for position, axis in enumerate((2, 1, 0)):
            step, first = float(to_volume[own[axis], axis]), float(to_volume[own[axis], 3])
            places = first + step * np.arange(self.shape[position])
            weights = _linear_weights(array.shape[position], places, abs(step))
            array = np.moveaxis(np.tensordot(weights, array, axes=(1, position)), 0, position)
        return np.ascontiguousarray(array, dtype=np.float32)


def normalised(array: FloatArray, percentiles: tuple[float, float]) -> FloatArray:
    """Intensities with the given percentiles at -1 and 1, not clipped; zeros where they are all equal."""
    low, high = (float(value) for value in np.percentile(array, percentiles))
    if not high > low:
        return np.zeros_like(array)
    return np.asarray((array - low) * (2.0 / (high - low)) - 1.0, dtype=np.float32)


def _nearest_axes(ijk_to_ras: Matrix) -> list[tuple[int, float]]:
    """For each axis of the patient the volume's own nearest one, and its sign; up first, for slices are the most certain."""
    directions = ijk_to_ras[:3, :3] / np.linalg.norm(ijk_to_ras[:3, :3], axis=0)
    remaining, found = {0, 1, 2}, {}
    for axis in (2, 1, 0):
        world, sign = _PATIENT[axis]
        own = max(remaining, key=lambda candidate: abs(directions[world, candidate]))
        remaining.remove(own)
        found[axis] = (own, sign * (1.0 if directions[world, own] >= 0 else -1.0))
    return [found[axis] for axis in range(3)]


def _linear_weights(count: int, places: np.ndarray, step: float) -> FloatArray:
    """Weights (places, count) of samples 0 … count-1 at fractional places: triangles as wide as the coarser grid's step."""
    clamped = np.clip(places, 0, count - 1)
    weights = np.maximum(0.0, 1.0 - np.abs(clamped[:, None] - np.arange(count)) / max(1.0, step))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
