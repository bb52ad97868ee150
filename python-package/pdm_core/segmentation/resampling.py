"""One grid read on another, linear between voxels, exact in mm for any order, direction and handedness of the axes."""

from __future__ import annotations

import numpy as np

from pdm_core.volume.volume import FloatArray, Matrix


def resampled(
    array: FloatArray, ijk_to_ras: Matrix, shape: tuple[int, int, int], onto: Matrix, *, outside: float | None = None
) -> FloatArray:
    """Values of an image at the voxels of another grid.

    Args:
        array: `[K, J, I]`.
        ijk_to_ras: where its voxels lie, 4x4, mm.
        shape: of the other grid, (K, J, I).
        onto: where the voxels of the other grid lie.
        outside: value beyond the image, which ends half a voxel after its last centre; None goes on with its border.
    """
    import SimpleITK as sitk

    # From index to index, so that the axes may be anything: to ITK both grids are plain.
    there_to_here = np.linalg.inv(ijk_to_ras) @ onto
    transform = sitk.AffineTransform(there_to_here[:3, :3].ravel().tolist(), there_to_here[:3, 3].tolist())
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize([int(number) for number in shape[::-1]])
    resampler.SetTransform(transform)
    resampler.SetInterpolator(sitk.sitkLinear)
    resampler.SetDefaultPixelValue(outside or 0.0)
    resampler.SetUseNearestNeighborExtrapolator(outside is None)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array, dtype=np.float32))
    return np.asarray(sitk.GetArrayFromImage(resampler.Execute(image)))
