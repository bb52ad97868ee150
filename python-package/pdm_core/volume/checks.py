"""What every volume must satisfy before work begins, whatever file it came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.volume import SINGULAR, FloatArray, Matrix, Volume

MIN_MATRIX = 16
# A label map has small whole numbers or just two, an image hundreds of gray values; so many voxels are looked at first.
_LARGEST_LABEL, _SAMPLE = 20, 100_000
# How far a corner may lie from where a rectangular grid has it: less than any pixel, more than the rounding of headers.
_ASKEW_MM = 0.1


def checked_array(array: np.ndarray[Any, Any], source: str) -> FloatArray:
    """Return `array` `[K, J, I]` as float32, or raise `InputError` when it holds no image to work on.

    Args:
        array: intensities.
        source: file or series, for the message.
    """
    refuse_number_format(array.dtype, source)
    # Slices may be stacked along any axis.
    columns, rows = sorted(array.shape)[1:]
    if columns < MIN_MATRIX:
        raise InputError(
            f"{source} has slices of {columns} x {rows} pixels; at least {MIN_MATRIX} x {MIN_MATRIX} are needed.",
            "Choose another series.",
        )
    image = array.astype(np.float32, copy=False)
    refuse_not_numbers(image.size - int(np.isfinite(image).sum()), source)
    if image.min() == image.max():
        raise InputError(f"{source} is constant: every voxel is {image.flat[0]:g}.", "Choose another series.")
    return image


def refuse_number_format(dtype: np.dtype[Any], source: str) -> None:
    """Raise `InputError` for voxels that are not one real number each."""
    if dtype.kind == "V":
        raise InputError(f"{source} is a color or vector image.", "Super-resolution needs one gray value a voxel.")
    if dtype.kind not in "iuf":
        raise InputError(f"{source} holds {dtype} values.", "Super-resolution needs real gray values.")


def refuse_labels(volume: Volume) -> None:
    """Raise `InputError` for a label map: whole numbers from 0 to 20, a mask of two, or a header that says so (`intent`)."""
    hint = "Give the scan itself."
    if volume.metadata.get("intent") == "label":
        raise InputError("The header says that the voxels are labels: this is a label map or segmentation.", hint)
    voxels = volume.array.ravel()
    if not _like_labels(np.unique(voxels[:: max(1, voxels.size // _SAMPLE)])):
        return
    values = np.unique(voxels)
    if len(values) > 1 and _like_labels(values):
        raise InputError(
            f"The voxels are whole numbers from {values[0]:g} to {values[-1]:g}: this looks like a label map or segmentation.",
            hint,
        )


def _like_labels(values: FloatArray) -> bool:
    small = values.min() >= 0.0 and values.max() <= _LARGEST_LABEL
    return bool((small or len(values) <= 2) and (values == np.rint(values)).all())


def refuse_not_numbers(bad: int, source: str) -> None:
    """Raise `InputError` when `bad` voxels of `source` are NaN or infinite."""
    if bad:
        raise InputError(f"{source} holds {bad} voxels that are not numbers (NaN or infinite).", "Replace them first.")


def refuse_sheared(ijk_to_ras: Matrix, shape: tuple[int, int, int], source: str) -> None:
    """Raise `InputError` where the axes of a volume `(K, J, I)` are not at right angles, are missing, or are not numbers.

    Axes that are a little off, as those of a matrix that was rounded to a few digits, are accepted.
    """
    if not np.isfinite(ijk_to_ras).all():
        raise InputError(
            f"{source} states a place in the patient that is not a number (NaN or infinite).",
            "Correct the header, or export the file again.",
        )
    spacing = np.linalg.norm(ijk_to_ras[:3, :3], axis=0)
    if not spacing.all() or abs(np.linalg.det(ijk_to_ras[:3, :3])) < SINGULAR:
        raise InputError(
            f"{source} has voxels of no volume: two axes point the same way, or a spacing is zero.",
            "Correct the header, or export the file again.",
        )
    directions = ijk_to_ras[:3, :3] / spacing
    left, _, right = np.linalg.svd(directions)
    reach = spacing * (np.array(shape[::-1]) - 1)
    askew = float((np.linalg.norm(directions - left @ right, axis=0) * reach).max())
    if askew > _ASKEW_MM:
        raise InputError(
            f"{source} has axes that do not stand at right angles; its corners lie {askew:.1f} mm from a rectangular grid.",
            "Resample it to a rectangular grid first.",
        )
