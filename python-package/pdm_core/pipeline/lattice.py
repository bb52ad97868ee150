"""Where the voxels of a volume lie, before the image itself is there: what a run is planned on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pdm_core.volume.slice_axis import array_order, permuted_matrix
from pdm_core.volume.volume import Matrix, Volume


@dataclass(frozen=True, eq=False)
class Lattice:
    """The voxels of a volume.

    Attributes:
        shape: their numbers (K, J, I).
        ijk_to_ras: 4x4, mm.
        metadata: of the volume.
    """

    shape: tuple[int, int, int]
    ijk_to_ras: Matrix
    metadata: Mapping[str, Any]

    @classmethod
    def of(cls, volume: Volume) -> Lattice:
        """The lattice of a volume."""
        return cls(volume.shape, volume.ijk_to_ras, volume.metadata)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centres in mm along (i, j, k)."""
        i, j, k = np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @property
    def pixel(self) -> float:
        """The coarser spacing within the slices, mm."""
        return max(self.spacing[:2])

    def permuted(self, order: tuple[int, int, int]) -> Lattice:
        """The same voxels with the axes (i, j, k) in another order."""
        k, j, i = (self.shape[place] for place in array_order(order))
        return Lattice((k, j, i), permuted_matrix(self.ijk_to_ras, order), self.metadata)
