"""Intensities of DICOM frames, whatever their transfer syntax."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.dicom.frames import Frame
from pdm_core.volume.volume import FloatArray

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# What says how pixels are stored, and nothing of what they mean.
_STORAGE = (
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
)


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
            stored = _decoded_by_gdcm(dataset)
        else:
            stored = np.asarray(dataset.pixel_array)
    except Exception as error:
        raise InputError(
            f"The pixels of {path} ({syntax.name}) cannot be decoded: {error}.", "The file may be damaged."
        ) from error
    return _white_is_high(stored, dataset)


def _decoded_by_gdcm(dataset: Dataset) -> np.ndarray[Any, Any]:
    """Stored values by SimpleITK.

    Its reader would rescale by one slope for all frames and turn MONOCHROME1 over, so it is given the bare pixels.
    """
    import pydicom
    import SimpleITK as sitk

    bare = pydicom.Dataset()
    for keyword in _STORAGE:
        if keyword in dataset:
            bare[keyword] = dataset[keyword]
    bare.PhotometricInterpretation = "MONOCHROME2"
    bare.SOPClassUID = pydicom.uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    bare.SOPInstanceUID = pydicom.uid.generate_uid()
    bare.file_meta = pydicom.dataset.FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    with TemporaryDirectory() as folder:
        file = Path(folder) / "bare.dcm"
        bare.save_as(file, enforce_file_format=True)
        return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(file))))


def _white_is_high(stored: np.ndarray[Any, Any], dataset: Dataset) -> np.ndarray[Any, Any]:
    """Stored values with MONOCHROME1, where low is white, turned over as in ITK and Slicer."""
    if dataset.get("PhotometricInterpretation") != "MONOCHROME1" or stored.dtype.kind == "f":
        return stored
    bits = int(dataset.BitsStored)
    lowest_and_highest = -1 if int(dataset.PixelRepresentation) else 2**bits - 1
    return lowest_and_highest - stored.astype(np.int64)
