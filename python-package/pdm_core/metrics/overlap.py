"""How well two segmentations agree: Dice and the 95 % Hausdorff distance, on the true spacing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]


def dice(found: Mask, real: Mask) -> float:
    """2 |A and B| / (|A| + |B|), 0 to 1; 1 where both are empty."""
    total = int(found.sum()) + int(real.sum())
    return 2.0 * int((found & real).sum()) / total if total else 1.0


def hausdorff_95(found: Mask, real: Mask, spacing_mm: tuple[float, float, float]) -> float:
    """The larger of the two 95th percentiles of the distances from one surface to the other, mm.

    Surfaces are the voxels of a mask with a face outside of it; the border of the array counts as outside.

    Args:
        found: `[K, J, I]`.
        real: the same shape.
        spacing_mm: along (k, j, i).

    Returns:
        0 where both are empty, infinity where one is.
    """
    if not found.any() or not real.any():
        return 0.0 if found.any() == real.any() else float("inf")
    surfaces = [_surface(mask) for mask in (found, real)]
    distances = [ndimage.distance_transform_edt(~surface, sampling=spacing_mm) for surface in surfaces]
    return float(max(np.percentile(distances[1 - side][surfaces[side]], 95) for side in (0, 1)))


def _surface(mask: Mask) -> Mask:
    return np.asarray(mask & ~ndimage.binary_erosion(mask))
