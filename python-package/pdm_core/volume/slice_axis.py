"""Which axis of a volume its slices are stacked along, and the same volume with that axis last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pdm_core.volume.padding import Padding
from pdm_core.volume.volume import Matrix, Volume

LAST = 2
AXES = "ijk"
SLICE_AXIS = "slice_axis"
# Slices are at least this much farther apart than their pixels.
_THICKER = 1.5


def thick_axis(spacing: Sequence[float]) -> int | None:
    """The axis along which voxels are clearly longest, 0 to 2 for i, j, k; None where there is none.

    Args:
        spacing: distance between voxels along (i, j, k).
    """
    thick = int(np.argmax(spacing))
    others = [size for axis, size in enumerate(spacing) if axis != thick]
    return thick if spacing[thick] >= _THICKER * max(others) else None


def slice_axis(spacing: Sequence[float], shape: tuple[int, int, int], metadata: Mapping[str, Any] | None = None) -> int:
    """The axis along which slices are stacked, 0 to 2 for i, j, k.

    DICOM series and single slices are stacked along k. Elsewhere a clearly longest voxel axis tells, for reorienting programs
    keep spacings right more often than what a header says of slices; then the header; and k where neither tells.

    Args:
        spacing: distance between voxels along (i, j, k).
        shape: number of voxels (K, J, I).
        metadata: of the volume; `slice_axis` is what its header says.
    """
    facts = metadata or {}
    if facts.get("format") == "dicom" or shape[0] == 1:
        return LAST
    stated, thick = facts.get(SLICE_AXIS), thick_axis(spacing)
    if thick is not None:
        return thick
    return stated if stated in (0, 1, 2) else LAST


def slice_axis_of(volume: Volume) -> int:
    """The axis along which the slices of a volume are stacked; see `slice_axis`."""
    return slice_axis(volume.spacing, volume.shape, volume.metadata)


def slices_last(volume: Volume, axis: int) -> Volume:
    """The volume with its slice axis as the third one, the others in their order; the same voxels in the same place."""
    return volume if axis == LAST else _permuted(volume, order_with_last(axis), LAST)


def slices_back(volume: Volume, axis: int) -> Volume:
    """What `slices_last` has changed, undone: the slice axis is `axis` again."""
    return volume if axis == LAST else _permuted(volume, order_back(axis), axis)


def order_with_last(axis: int) -> tuple[int, int, int]:
    """The order of the axes (i, j, k) that has `axis` last."""
    first, second = (other for other in range(3) if other != axis)
    return first, second, axis


def order_back(axis: int) -> tuple[int, int, int]:
    """The order of the axes that undoes `order_with_last`."""
    i, j, k = np.argsort(order_with_last(axis)).tolist()
    return i, j, k


def permuted_matrix(ijk_to_ras: Matrix, order: tuple[int, int, int]) -> Matrix:
    """ijk_to_ras of a volume whose axes come in another order."""
    return np.ascontiguousarray(ijk_to_ras[:, [*order, 3]])


def array_order(order: tuple[int, int, int]) -> tuple[int, int, int]:
    """The order of the axes of an array `[K, J, I]` that goes with an order of voxel axes."""
    i, j, k = order
    return 2 - k, 2 - j, 2 - i


def _permuted(volume: Volume, order: tuple[int, int, int], axis: int) -> Volume:
    places, padding = array_order(order), volume.padding
    metadata = dict(volume.metadata)
    if SLICE_AXIS in metadata:
        metadata[SLICE_AXIS] = axis
    return replace(
        volume,
        array=volume.array.transpose(places),
        ijk_to_ras=permuted_matrix(volume.ijk_to_ras, order),
        metadata=metadata,
        padding=None if padding is None else Padding(padding.mask.transpose(places), padding.value, padding.origin),
    )
