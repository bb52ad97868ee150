"""Voxels that hold no data: where they are, how they are filled during the work, and what is put back afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
# Rounding of matrices must not decide between two voxels that are equally near.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Padding:
    """The voxels of a volume that hold no data.

    Attributes:
        mask: `[K, J, I]`, true where there is no data; at least one voxel holds data.
        value: the intensity that stands in them.
        origin: whether a "header" declares them or they were "detected" in the image.
    """

    mask: Mask
    value: float
    origin: Literal["header", "detected"]

    @property
    def share(self) -> float:
        """The part of all voxels that holds no data, 0 to 1."""
        return float(self.mask.mean())

    @property
    def record(self) -> dict[str, Any]:
        """What a provenance says of it, JSON-able."""
        return {"value": self.value, "share": round(self.share, 4), "from": self.origin}

    def filled(self, array: Floats, spacing: tuple[float, float, float]) -> Floats:
        """A copy of `array` with the nearest measured value in every voxel without data, so that no step is at the rim.

        Args:
            array: `[K, J, I]`, on the grid of the mask.
            spacing: distance between voxels along (i, j, k) in mm, which decides what is nearest.
        """
        from scipy import ndimage

        nearest = ndimage.distance_transform_edt(
            self.mask, sampling=spacing[::-1], return_distances=False, return_indices=True
        )
        filled: Floats = array[tuple(nearest)]
        return filled

    def on(self, ijk_to_ras: NDArray[np.float64], shape: tuple[int, int, int], onto: NDArray[np.float64]) -> Padding:
        """The padding of a grid with the same axes: there a voxel has data exactly if the nearest voxel here has.

        Args:
            ijk_to_ras: 4x4, mm; where the voxels of the mask lie.
            shape: voxels (K, J, I) of the other grid.
            onto: 4x4, mm; where they lie.
        """
        to_here = np.linalg.inv(ijk_to_ras) @ onto
        nearest = []
        for axis, count in zip((2, 1, 0), shape, strict=True):
            places = to_here[axis, axis] * np.arange(count) + to_here[axis, 3]
            # Of two voxels that are equally near the first one counts, so that a finer grid repeats each voxel equally often.
            first = np.ceil(places - 0.5 - _ROUNDING).astype(int)
            nearest.append(np.clip(first, 0, self.mask.shape[2 - axis] - 1))
        return Padding(self.mask[np.ix_(*nearest)], self.value, self.origin)
