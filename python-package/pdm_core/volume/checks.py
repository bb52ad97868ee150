"""What every volume must satisfy before work begins, whatever file it came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.volume import SINGULAR, FloatArray, Matrix, Volume

MIN_MATRIX = 16
# A label map has few whole numbers, an image hundreds of gray values; so many voxels are looked at first.
_FEW_LABELS, _MANY_LABELS, _SAMPLE = 21, 256, 100_000
# Of many labels most voxels have the value of their neighbor: in real images with so few gray values at most 0.6 have.
_PIECEWISE_CONSTANT = 0.8
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
    """Raise `InputError` for a label map or mask.

    It is one if its header says so (`intent` in the metadata), if it has just two values, few whole numbers, or up to 256
    whole numbers in pieces that are constant.
    """
    hint = "Give the scan itself."
    if volume.metadata.get("intent") == "label":
        raise InputError("The header says that the voxels are labels: this is a label map or segmentation.", hint)
    voxels = volume.array.ravel()
    if not _may_be_labels(np.unique(voxels[:: max(1, voxels.size // _SAMPLE)])):
        return
    values, counts = np.unique(voxels, return_counts=True)
    if not len(values) > 1 or not _may_be_labels(values):
        return
    if len(values) <= _FEW_LABELS or _equal_neighbors(volume.array, values[counts.argmax()]) > _PIECEWISE_CONSTANT:
        whole = "whole numbers " if (values == np.rint(values)).all() else ""
        raise InputError(
            f"The voxels have {len(values)} values, {whole}from {values[0]:g} to {values[-1]:g}: "
            "this looks like a label map or segmentation.",
            hint,
        )


def _may_be_labels(values: FloatArray) -> bool:
    """Whether distinct values may be labels, by their number alone."""
    return len(values) <= 2 or (len(values) <= _MANY_LABELS and bool((values == np.rint(values)).all()))


def _equal_neighbors(array: FloatArray, background: np.float32) -> float:
    """The share of neighbors within slices `[K, J, I]` that are equal, outside of the background."""
    inside = array != background
    pairs = inside[:, :, 1:] & inside[:, :, :-1]
    return float((array[:, :, 1:] == array[:, :, :-1])[pairs].mean()) if pairs.any() else 1.0


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
