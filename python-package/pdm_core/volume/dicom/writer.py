"""A derived volume as a DICOM series: one file a slice, MR Image Storage, complete or not at all."""

from __future__ import annotations

import os
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pdm_core.atomic import replacing_folder
from pdm_core.errors import InputError, PdmError
from pdm_core.volume.dicom.copied import copied_header
from pdm_core.volume.dicom.derivation import Derivation, image_reference, mark_derived
from pdm_core.volume.dicom.display import add_window
from pdm_core.volume.dicom.encoding import Encoding, decimal_string
from pdm_core.volume.dicom.geometry import Plane, planes_of
from pdm_core.volume.dicom.saving import save_dataset
from pdm_core.volume.dicom.source_series import SourceSeries
from pdm_core.volume.volume import Volume

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"


def write_series(volume: Volume, folder: str | Path, source: SourceSeries, derivation: Derivation) -> Path:
    """Write `volume` as a new series of the study of `source`.

    Intensities are whole numbers where the source's are as coarse, else rescaled; a rounding is at most half a step of the
    source, or of 1/65535 of the range where that is larger.

    Args:
        volume: an image of the same place.
        folder: where to; it does not exist or is empty, and lies outside the source's.
        source: the series that it was made from.
        derivation: how it was made.

    Returns:
        The folder.

    Raises:
        InputError: see `check_series_folder`.
        PdmError: the disk is full or fails.
    """
    target = check_series_folder(folder, source.path)
    encoding = Encoding.of(volume.array, source.steps, volume.padding)
    header = _series_header(volume, source, derivation, encoding)
    planes = planes_of(volume.ijk_to_ras, volume.shape[0])
    references = [image_reference(item) for item in source.headers]
    # Within the slices each one is made from its own; new slices are made from all.
    paired = len(references) == len(planes)
    try:
        with replacing_folder(target) as scratch:
            for number, plane in enumerate(planes, start=1):
                image = deepcopy(header)
                image.SourceImageSequence = references[plane.k : plane.k + 1] if paired else references
                _add_place(image, plane, number)
                padded = None if volume.padding is None else volume.padding.mask[plane.k]
                _add_pixels(image, encoding.stored(volume.array[plane.k], padded), encoding)
                save_dataset(image, scratch / f"{number:04}.dcm", _EXPLICIT_LITTLE_ENDIAN)
    except OSError as error:
        raise PdmError(f"{target} could not be written: {error}.", "Check the disk's space and rights.") from error
    return target


def check_series_folder(folder: str | Path, source: Path) -> Path:
    """Return `folder` when a series can be written there, or raise `InputError`; for use before long work."""
    target = Path(folder)
    if not target.resolve().parent.is_dir():
        raise InputError(f"The folder {target.parent} for the DICOM output does not exist.", "Create it first.")
    inside = source.resolve() if source.is_dir() else source.resolve().parent
    if target.resolve() == inside or (source.is_dir() and target.resolve().is_relative_to(inside)):
        raise InputError(f"The DICOM output {target} lies in the folder of the input.", "Choose another folder.")
    if target.exists() and not target.is_dir():
        raise InputError(f"The DICOM output {target} is a file.", "Give the name of a folder.")
    if target.is_dir() and any(target.iterdir()):
        raise InputError(f"The folder {target} for the DICOM output is not empty.", "Give a new folder.")
    if not os.access(target.resolve().parent, os.W_OK):
        raise InputError(f"The folder {target.resolve().parent} cannot be written to.", "Choose another folder.")
    return target


def _series_header(volume: Volume, source: SourceSeries, derivation: Derivation, encoding: Encoding) -> Dataset:
    """What all slices have in common."""
    from pydicom.uid import generate_uid

    header = copied_header(source)
    mark_derived(header, source, derivation)
    header.SOPClassUID = _MR_IMAGE_STORAGE
    header.SeriesInstanceUID = generate_uid(prefix=None)
    now = datetime.now()
    for name in ("InstanceCreation", "Series", "Content"):
        setattr(header, f"{name}Date", f"{now:%Y%m%d}")
        setattr(header, f"{name}Time", f"{now:%H%M%S}")
    _add_spacing(header, volume, source, derivation)
    add_window(header, volume, source)
    if encoding.rescaled:
        header.RescaleSlope, header.RescaleIntercept = decimal_string(encoding.slope), decimal_string(encoding.intercept)
        header.RescaleType = "US"
    return header


def _add_spacing(header: Dataset, volume: Volume, source: SourceSeries, derivation: Derivation) -> None:
    columns, rows, distance = volume.spacing
    header.PixelSpacing = [decimal_string(rows), decimal_string(columns)]
    thickness = source.common("SliceThickness") if derivation.thickness_mm is None else derivation.thickness_mm
    if thickness is not None:
        header.SliceThickness = decimal_string(float(thickness))
    if volume.shape[0] > 1:
        header.SpacingBetweenSlices = decimal_string(distance)


def _add_place(image: Dataset, plane: Plane, number: int) -> None:
    from pydicom.uid import generate_uid

    image.SOPInstanceUID = generate_uid(prefix=None)
    image.InstanceNumber = number
    image.ImagePositionPatient = [decimal_string(value) for value in plane.position]
    image.ImageOrientationPatient = [decimal_string(value) for value in plane.orientation.ravel()]
    image.SliceLocation = decimal_string(float(plane.position @ np.cross(*plane.orientation)))


def _add_pixels(image: Dataset, stored: np.ndarray[Any, Any], encoding: Encoding) -> None:
    """The pixels, and all that says how they are coded."""
    image.Rows, image.Columns = stored.shape
    # Intensities are read and written with white high, whatever the source.
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
    image.PixelRepresentation = int(encoding.signed)
    if encoding.padding is not None:
        image.add_new("PixelPaddingValue", "SS" if encoding.signed else "US", encoding.padding)
    image.PixelData = stored.tobytes()
