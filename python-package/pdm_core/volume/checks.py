"""What every volume must satisfy before work begins, whatever file it came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.volume import FloatArray, Matrix

MIN_MATRIX = 16
# How far a corner may lie from where a rectangular grid has it: less than any pixel, more than the rounding of headers.
_ASKEW_MM = 0.1


def checked_array(array: np.ndarray[Any, Any], source: str) -> FloatArray:
    """Return `array` `[K, J, I]` as float32, or raise `InputError` when it holds no image to work on.

    Args:
        array: intensities.
        source: file or series, for the message.
    """
    if array.dtype.kind not in "iuf":
        raise InputError(f"{source} holds {array.dtype} values.", "Super-resolution needs real grey values.")
    if min(array.shape[1:]) < MIN_MATRIX:
        rows, columns = array.shape[1:]
        raise InputError(
            f"{source} has slices of {columns} x {rows} pixels; at least {MIN_MATRIX} x {MIN_MATRIX} are needed.",
            "Choose another series.",
        )
    image = array.astype(np.float32)
    refuse_not_numbers(image.size - int(np.isfinite(image).sum()), source)
    if image.min() == image.max():
        raise InputError(f"{source} is constant: every voxel is {image.flat[0]:g}.", "Choose another series.")
    return image


def refuse_not_numbers(bad: int, source: str) -> None:
    """Raise `InputError` when `bad` voxels of `source` are NaN or infinite."""
    if bad:
        raise InputError(f"{source} holds {bad} voxels that are not numbers (NaN or infinite).", "Replace them first.")


def refuse_sheared(ijk_to_ras: Matrix, shape: tuple[int, int, int], source: str) -> None:
    """Raise `InputError` where axes of a volume `(K, J, I)` are no right angles: NIfTI would move its voxels in silence."""
    spacing = np.linalg.norm(ijk_to_ras[:3, :3], axis=0)
    directions = ijk_to_ras[:3, :3] / spacing
    left, _, right = np.linalg.svd(directions)
    reach = spacing * (np.array(shape[::-1]) - 1)
    askew = float((np.linalg.norm(directions - left @ right, axis=0) * reach).max())
    if askew > _ASKEW_MM:
        raise InputError(
            f"{source} has axes that do not stand at right angles; its corners lie {askew:.1f} mm from a rectangular grid.",
            "Resample it to a rectangular grid first.",
        )
