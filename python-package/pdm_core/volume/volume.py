"""The one image type of `pdm_core`: an array, where it lies in the patient, and what is known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdm_core.errors import InputError
from pdm_core.volume.padding import Padding

FloatArray = NDArray[np.float32]
Matrix = NDArray[np.float64]
# Entry of the metadata: sentences that a reader has for the user.
NOTES = "notes"
# A voxel of less volume, in mm³, has lost an axis.
SINGULAR = 1e-12


@dataclass(frozen=True, eq=False)
class Volume:
    """A scalar MRI volume.

    Attributes:
        array: float32 `[K, J, I]` (slice, row, column), intensities as the file stores them after rescale.
        ijk_to_ras: 4x4 float64; voxel index `(i, j, k, 1)` to mm in RAS. Left-handed matrices are allowed.
        metadata: JSON-able facts about the source (`path`, `format`, `modality`, `series_description`, ...).
        padding: the voxels that hold no data, as far as they are known; their value stands in the array.

    Raises:
        InputError: the array is not three-dimensional, the matrix is not an invertible 4x4 affine, or the padding has another
            shape.
    """

    array: FloatArray
    ijk_to_ras: Matrix
    metadata: Mapping[str, Any] = field(default_factory=dict)
    padding: Padding | None = None

    def __post_init__(self) -> None:
        array = np.ascontiguousarray(self.array, dtype=np.float32)
        matrix = np.array(self.ijk_to_ras, dtype=np.float64)
        if array.ndim != 3:
            raise InputError(f"A volume needs an array [K, J, I]; this one has the shape {array.shape}.")
        if matrix.shape != (4, 4) or not np.allclose(matrix[3], (0, 0, 0, 1)):
            raise InputError(f"ijk_to_ras must be a 4x4 affine matrix, not {matrix.tolist()}.")
        if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < SINGULAR:
            raise InputError("ijk_to_ras is singular: two axes of the volume point the same way or a spacing is zero.")
        if self.padding is not None and self.padding.mask.shape != array.shape:
            raise InputError(f"The padding has the shape {self.padding.mask.shape}, the volume {array.shape}.")
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "ijk_to_ras", matrix)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels `(K, J, I)`."""
        k, j, i = self.array.shape
        return k, j, i

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centres in mm along `(i, j, k)`."""
        i, j, k = np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @property
    def origin(self) -> Matrix:
        """Centre of voxel (0, 0, 0) in mm, RAS."""
        return np.array(self.ijk_to_ras[:3, 3])

    def with_array(self, array: FloatArray) -> Volume:
        """The same place, metadata and padding with another array of the same shape."""
        if array.shape != self.array.shape:
            raise InputError(f"The new array has the shape {array.shape}, the volume {self.array.shape}.")
        return replace(self, array=array)
