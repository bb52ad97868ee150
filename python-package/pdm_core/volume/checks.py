"""What every volume must satisfy before work begins, whatever file it came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.volume import FloatArray

MIN_MATRIX = 16


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
