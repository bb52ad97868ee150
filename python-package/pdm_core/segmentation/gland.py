"""The gland is one piece: what lies apart from it is left out."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from pdm_core.segmentation.field import ZoneField


def with_one_gland(field: ZoneField) -> tuple[ZoneField, list[float]]:
    """The field with background wherever a smaller piece of gland was, and the volumes of those pieces in ml, largest first.

    Voxels that touch by a face, an edge or a corner belong together.
    """
    pieces, count = ndimage.label(field.labels > 0, structure=np.ones((3, 3, 3)))
    if count < 2:
        return field, []
    sizes = np.bincount(pieces.ravel())[1:]
    others = (pieces > 0) & (pieces != sizes.argmax() + 1)
    probabilities = field.probabilities.copy()
    probabilities[:, others] = np.array([1.0, 0.0, 0.0])[:, None]
    voxel_ml = abs(float(np.linalg.det(field.ijk_to_ras[:3, :3]))) / 1000.0
    left_out = np.sort(np.delete(sizes, sizes.argmax()))[::-1] * voxel_ml
    return ZoneField(probabilities, field.ijk_to_ras), [float(volume) for volume in left_out]


def confidence(field: ZoneField) -> float:
    """Mean probability of the label over the voxels of the gland; 1 where there is none to doubt."""
    inside = field.labels > 0
    return float(field.probabilities.max(axis=0)[inside].mean()) if inside.any() else 1.0
