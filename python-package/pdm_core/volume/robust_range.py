"""The range of intensities that images are scaled by, whether they are restored, measured or drawn."""

from __future__ import annotations

import numpy as np

from pdm_core.volume.volume import FloatArray

# A few bright or dark voxels, such as vessels or artifacts, do not decide the range of an image.
PERCENTILES = (0.1, 99.9)


def robust_range(array: FloatArray) -> tuple[float, float]:
    """The 0.1 and the 99.9 percentile of an array of any shape."""
    low, high = np.percentile(array, PERCENTILES)
    return float(low), float(high)
