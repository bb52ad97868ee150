"""One scan on the grid of another of the same patient: rigid registration, and what its thick slices would have seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pdm_core.degradation.finer_grid import along_slices, finer_matrix
from pdm_core.degradation.profile import SliceOperator, SliceProfile
from pdm_core.errors import InputError
from pdm_core.volume import Volume
from pdm_core.volume.images import itk_image
from pdm_core.volume.volume import FloatArray

_SEED = 1
# Share of the voxels that the measure of likeness is taken from, and the widths in mm by which the images are smoothed.
_SAMPLED, _SMOOTHING_MM = 0.1, (3.0, 1.0)
# Samples across a thick slice are at most this far apart, in pixels of the scan that is sampled.
_FINEST = 1.0


@dataclass(frozen=True)
class RigidMotion:
    """Where a point of the fixed scan lies in the moving one.

    Attributes:
        transform: of SimpleITK, from fixed to moving, LPS.
        shift_mm: length of the translation of the image's centre.
        turn_degrees: angle of the rotation.
    """

    transform: Any
    shift_mm: float
    turn_degrees: float


def registered(fixed: Volume, moving: Volume) -> RigidMotion:
    """The rigid motion that makes `moving` most like `fixed` by Mattes' mutual information, repeatable to rounding.

    Raises:
        InputError: the scans do not overlap.
    """
    import SimpleITK as sitk

    still, other = (itk_image(volume.array, volume.ijk_to_ras) for volume in (fixed, moving))
    centre = still.TransformContinuousIndexToPhysicalPoint([(size - 1) / 2.0 for size in still.GetSize()])
    start = sitk.Euler3DTransform()
    start.SetCenter(centre)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(_SAMPLED, _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 100)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([1] * len(_SMOOTHING_MM))
    method.SetSmoothingSigmasPerLevel(list(_SMOOTHING_MM))
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    method.SetInitialTransform(start, inPlace=True)
    # The order in which threads add up the measure would change its digits, and with them the way.
    method.SetNumberOfThreads(1)
    try:
        method.Execute(still, other)
    except RuntimeError as error:
        raise InputError("The scans of the study cannot be registered: they hardly overlap.") from error
    angles = (start.GetAngleX(), start.GetAngleY(), start.GetAngleZ())
    return RigidMotion(start, math.hypot(*start.GetTranslation()), math.degrees(math.hypot(*angles)))


def as_scanned(volume: Volume, scan: Volume, motion: RigidMotion) -> tuple[FloatArray, NDArray[np.bool_]]:
    """What the slices of `scan` would have measured of `volume`: cubic splines in between, a Gaussian across each slice.

    Returns:
        The array on the grid of `scan`, and where all of it lies within `volume`.
    """
    import SimpleITK as sitk

    fine = max(1, math.ceil(scan.spacing[2] / (_FINEST * min(volume.spacing))))
    operator = SliceOperator(scan.shape[0], scan.shape[0] * fine, "fov", SliceProfile())
    matrix = finer_matrix(scan.ijk_to_ras, (1.0, 1.0, float(fine)), "fov")
    grid = itk_image(np.zeros((operator.high, *scan.shape[1:]), np.uint8), matrix)
    parts = []
    for array, interpolator in ((volume.array, sitk.sitkBSpline), (np.ones_like(volume.array), sitk.sitkNearestNeighbor)):
        image = itk_image(array, volume.ijk_to_ras)
        sampled = sitk.Resample(image, grid, motion.transform, interpolator, 0.0, sitk.sitkFloat32)
        parts.append(torch.from_numpy(sitk.GetArrayFromImage(sampled)))
    measured, inside = (along_slices(operator.apply, part).numpy() for part in parts)
    return measured, inside > 1.0 - 1e-4
