"""Which voxels hold no data: what a header declares as padding, and a constant background that was cut out of the image.

Scanners, exports and masks write one value where nothing was measured. Percentiles would see it, and its step would ring into
the image. A natural background of air does not ring: it may be exactly zero too, but the image falls to it smoothly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pdm_core.volume.padding import Mask, Padding
from pdm_core.volume.volume import FloatArray, Volume

# A constant is looked at as a background when so large a share of all voxels has it.
_LEAST_SHARE = 0.05
# Share of a slice that a connected region has at least, and its pixels; a header's word makes up for a part of the share.
_LEAST_REGION = {"detected": 0.01, "header": 0.002}
_LEAST_PIXELS = 32
# Values that occur most often on the borders of the slices; a volume may have a flood and a natural background.
_CANDIDATES = 3
# Mean step at the rim of a background, as a share of the image's range. Of 20 real volumes with exact zeros at their border
# the natural ones reach 0.015, those that a mask or a correction of distortions has cut out 0.11 or more.
_CLEAR_STEP = 0.05
# Neighbors that are equal, as a share of all outside of a background: up to 0.15 in real volumes, which have noise. Beyond
# this the image was computed, of constants, and its zero may be as true as they are.
_MOST_EQUAL = 0.25
# Voxels of a declared range that lie in its regions, as a share of all that lie in the range.
_MOST_IN_REGIONS = 0.9
_SAMPLE = 1_000_000
_RANGE, _BULK = (0.1, 99.9), (2.0, 98.0)
# Neighbors within a slice.
_IN_PLANE = np.zeros((3, 3, 3), dtype=bool)
_IN_PLANE[1] = [[False, True, False], [True, True, True], [False, True, False]]


def declared_padding(array: FloatArray, declared: Mask, value: float) -> Padding | None:
    """The padding that a header declares, as far as the image bears it out.

    Many headers declare the value 0, which measured voxels may have as well: these form no large regions that touch the
    border, or the image falls to them smoothly.

    Args:
        array: intensities `[K, J, I]`.
        declared: where they lie in the declared range.
        value: the intensity of the declared value.

    Returns:
        The padding, or None where nothing of the declaration holds.
    """
    if not declared.any() or declared.all():
        return None
    return _padding(array, declared, value, "header")


def with_padding(volume: Volume) -> Volume:
    """`volume` with its padding: as its source has declared it, else as it is detected in the image, else none.

    A constant counts as padding when more than 5 % of the voxels have it, in large regions that touch the borders of their
    slices, and when it lies far outside the other values, or is not positive and the image ends at it with a clear step.
    A further constant that lies far outside all data, such as a flood beside a mask, is added to the padding.
    """
    padding = volume.padding if volume.padding is not None else _detected(volume.array)
    return volume if padding is None else replace(volume, padding=_with_further_constants(padding, volume.array))


def filled(volume: Volume) -> Volume:
    """The volume without padding: the voxels without data hold the nearest measured value."""
    if volume.padding is None:
        return volume
    return replace(volume, array=volume.padding.filled(volume.array, volume.spacing), padding=None)


def notes_on_padding(volume: Volume) -> Iterator[str]:
    """What to say of voxels without data in a volume that `with_padding` gave."""
    padding = volume.padding
    if padding is not None:
        held = volume.array[padding.mask]
        others = held[held != np.float32(padding.value)]
        also = f" or others such as {others[0]:g}, which become {padding.value:g}" if others.size else ""
        known = "its headers declare this padding" if padding.origin == "header" else "this was detected, no header says so"
        yield (
            f"{_percent(padding.share)} of the voxels hold no data but the value {padding.value:g}{also} ({known}): they take "
            "no part in the work and stay without data."
        )


def notes_on_background(volume: Volume) -> Iterator[str]:
    """What to say of a constant background that `with_padding` has not taken for padding."""
    for value, equal in _constants(volume.array, volume.padding):
        share = float(_regions(equal, _LEAST_REGION["detected"]).mean())
        if share > _LEAST_SHARE:
            yield (
                f"{_percent(share)} of the voxels are exactly {value:g}, a background that was not taken for missing data: it "
                "is restored like the rest and does not stay exactly constant."
            )
            return


def _constants(array: FloatArray, known: Padding | None = None) -> Iterator[tuple[float, Mask]]:
    """Values that more than 5 % of all voxels have exactly, those first that occur most often on the slices' borders.

    Voxels of a padding that is known do not count.
    """
    data = array if known is None else np.where(known.mask, np.float32(np.nan), array)
    borders = np.concatenate([data[:, end].ravel() for end in (0, -1)] + [data[:, :, end].ravel() for end in (0, -1)])
    values, counts = np.unique(borders[~np.isnan(borders)], return_counts=True)
    for value in values[counts.argsort()[::-1][:_CANDIDATES]]:
        equal = data == value
        if _LEAST_SHARE < equal.mean() < 1.0:
            yield float(value), equal


def _detected(array: FloatArray) -> Padding | None:
    """The first constant that is padding by its place and its value."""
    candidates = (_padding(array, equal, value, "detected") for value, equal in _constants(array))
    return next((found for found in candidates if found is not None and found.share > _LEAST_SHARE), None)


def _with_further_constants(padding: Padding, array: FloatArray) -> Padding:
    """`padding` with the regions of other constants that lie far outside all data."""
    for value, equal in _constants(array, padding):
        others = array[~(equal | padding.mask)]
        if value == 0.0 or not others.size:
            continue
        low, high = np.percentile(_some(others), _BULK)
        if not low - (high - low) <= value <= high + (high - low):
            padding = replace(padding, mask=padding.mask | _regions(equal, _LEAST_REGION["detected"]))
    return padding


def _padding(array: FloatArray, equal: Mask, value: float, origin: Literal["header", "detected"]) -> Padding | None:
    """The voxels among `equal` that are padding, or None where none is."""
    regions = _regions(equal, _LEAST_REGION[origin])
    if not regions.any() and origin == "detected":
        return None
    least, largest = float(array[equal].min()), float(array[equal].max())
    low, high = np.percentile(_some(array[~equal]), _BULK)
    below, above = largest < low - (high - low), least > high + (high - low)
    if below and largest < 0.0:
        # No signal lies that far below zero and all others: what stands alone is not data either.
        return Padding(equal, value, origin)
    if (below or above) and value != 0.0:
        return Padding(regions, value, origin) if regions.any() else None
    # Masks write zero, or what zero has become by a normalization.
    plausible = origin == "header" or (value <= 0.0 and not _is_phantom(array, equal))
    # A wide range that occurs all over the image would take tissue with it.
    apart = largest - least <= _CLEAR_STEP * (high - low) or regions.sum() >= _MOST_IN_REGIONS * equal.sum()
    if not (regions.any() and plausible and apart and _is_cut_out(array, equal, regions)):
        return None
    return Padding(regions, value, origin)


def _is_phantom(array: FloatArray, equal: Mask) -> bool:
    """Whether the image is made of constants outside of `equal` too."""
    pairs = ~(equal[..., 1:] | equal[..., :-1])
    return not pairs.any() or bool((array[..., 1:] == array[..., :-1])[pairs].mean() > _MOST_EQUAL)


def _is_cut_out(array: FloatArray, equal: Mask, regions: Mask) -> bool:
    """Whether the image ends at `regions` with a clear step beyond the values that they hold."""
    from scipy import ndimage

    rim = array[ndimage.binary_dilation(regions, _IN_PLANE) & ~regions]
    low, high = np.percentile(_some(array[~equal]), _RANGE)
    if not rim.size or not high > low:
        return False
    beyond = np.maximum(array[equal].min() - rim, rim - array[equal].max())
    return bool(np.maximum(beyond, 0.0).mean() >= _CLEAR_STEP * (high - low))


def _some(values: FloatArray) -> FloatArray:
    """Enough of many values to know their percentiles."""
    return values[:: max(1, values.size // _SAMPLE)]


def _regions(mask: Mask, least: float) -> Mask:
    """The parts of `mask` that are connected within a slice, touch its border and are at least a share of it."""
    from scipy import ndimage

    labels, count = ndimage.label(mask, _IN_PLANE)
    sizes: NDArray[np.intp] = np.bincount(labels.ravel(), minlength=count + 1)
    touching = np.zeros(count + 1, dtype=bool)
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        touching[np.unique(edge)] = True
    kept = touching & (sizes >= max(_LEAST_PIXELS, least * mask[0].size))
    kept[0] = False
    return np.asarray(kept[labels])


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f} %" if share < 0.1 else f"{100.0 * share:.0f} %"
