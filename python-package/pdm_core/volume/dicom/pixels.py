"""Intensities of DICOM frames, whatever their transfer syntax."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.background import declared_padding
from pdm_core.volume.dicom.frames import Frame
from pdm_core.volume.dicom.stored_padding import StoredPadding
from pdm_core.volume.padding import Padding
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


def read_pixels(frames: Iterable[Frame], size: tuple[int, int, int]) -> tuple[FloatArray, Padding | None]:
    """Intensities `[K, J, I]` of `frames` in their order, rescaled; each file is opened once for a run of its frames.

    Returns:
        The intensities, and the padding that the headers declare, see `declared_padding`.

    Raises:
        InputError: a file cannot be decoded.
    """
    array, declared, value = np.empty(size, dtype=np.float32), np.zeros(size, dtype=bool), None
    slot = 0
    for path, run in groupby(frames, key=lambda frame: frame.path):
        stored, padding = _stored_values(path)
        for frame in run:
            plane = stored if frame.number is None else stored.reshape(-1, *size[1:])[frame.number]
            array[slot] = plane.reshape(size[1:]) * frame.slope + frame.intercept
            if padding is not None:
                declared[slot] = (plane.reshape(size[1:]) >= padding.min()) & (plane.reshape(size[1:]) <= padding.max())
                value = float(np.float32(padding[0] * frame.slope + frame.intercept)) if value is None else value
            slot += 1
    return array, None if value is None else declared_padding(array, declared, value)


def _stored_values(path: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]:
    """Pixels of a file before rescale, and the ends of the range that its header declares as padding, its value first.

    They are decoded by pydicom where they are raw or RLE data, and by GDCM (in SimpleITK) for the JPEG families.
    """
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
    padding = StoredPadding.of(dataset)
    ends = None if padding is None else _white_is_high(np.array([padding.value, padding.limit]), dataset)
    return _white_is_high(stored, dataset), ends


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
