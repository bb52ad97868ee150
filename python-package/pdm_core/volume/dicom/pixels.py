"""Intensities of DICOM frames, whatever their transfer syntax."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.dicom.frames import Frame
from pdm_core.volume.volume import FloatArray

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def read_pixels(frames: Iterable[Frame], size: tuple[int, int, int]) -> FloatArray:
    """Intensities `[K, J, I]` of `frames` in their order, rescaled; each file is opened once for a run of its frames.

    Raises:
        InputError: a file cannot be decoded.
    """
    array = np.empty(size, dtype=np.float32)
    slot = 0
    for path, run in groupby(frames, key=lambda frame: frame.path):
        stored = _stored_values(path)
        for frame in run:
            plane = stored if frame.number is None else stored.reshape(-1, *size[1:])[frame.number]
            array[slot] = plane.reshape(size[1:]) * frame.slope + frame.intercept
            slot += 1
    return array


def _stored_values(path: Path) -> np.ndarray[Any, Any]:
    """Pixels of a file before rescale: pydicom for raw and RLE data, GDCM (in SimpleITK) for the JPEG families."""
    import pydicom

    dataset = pydicom.dcmread(path)
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        if syntax.is_compressed and syntax != pydicom.uid.RLELossless:
            return _decoded_by_gdcm(path, dataset)
        return np.asarray(dataset.pixel_array)
    except Exception as error:
        raise InputError(
            f"The pixels of {path} ({syntax.name}) cannot be decoded: {error}.", "The file may be damaged."
        ) from error


def _decoded_by_gdcm(path: Path, dataset: Dataset) -> np.ndarray[Any, Any]:
    """Pixels by SimpleITK, whose reader has applied the top-level rescale already: undo it."""
    import SimpleITK as sitk

    image = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(np.float64)
    slope, intercept = float(dataset.get("RescaleSlope", 1.0)), float(dataset.get("RescaleIntercept", 0.0))
    return np.asarray((image - intercept) / slope)
