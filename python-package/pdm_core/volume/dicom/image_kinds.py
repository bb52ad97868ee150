"""Kinds of DICOM images that are not slices of gray values, although they look like them: color, labels, mosaics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pdm_core.errors import InputError
from pdm_core.volume.dicom.values import needed_integer, optional_text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_GRAY = ("MONOCHROME1", "MONOCHROME2")
_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"


class NotASliceError(InputError):
    """A DICOM image that is not a slice of a volume: in color, a segmentation, or not of a modality that has places."""


def refuse_other_images(dataset: Dataset, path: Path) -> None:
    """Raise for an image whose pixels are not the gray values of one slice each.

    Raises:
        NotASliceError: a segmentation or an image in color, which passes beside a series.
        InputError: a mosaic of Siemens scanners, or values that a table maps to intensities.
    """
    if optional_text(dataset, "SOPClassUID") == _SEGMENTATION:
        raise NotASliceError(f"{path} is a segmentation, not an image.", "Give the image that it belongs to.")
    samples = needed_integer(dataset, "SamplesPerPixel", path, range(1, 5))
    if samples not in (None, 1):
        raise NotASliceError(f"{path} is a color image.", "Super-resolution needs one gray value a pixel.")
    meaning = photometric_interpretation(dataset)
    if meaning not in _GRAY:
        raise NotASliceError(
            f"{path} is a color image: PhotometricInterpretation (0028,0004) is {meaning}, not MONOCHROME1 or MONOCHROME2.",
            "Super-resolution needs one gray value a pixel: export the series as grayscale images.",
        )
    if "ModalityLUTSequence" in dataset and not dataset["ModalityLUTSequence"].is_empty:
        raise InputError(
            f"{path} states its intensities by a table, ModalityLUTSequence (0028,3000), which is not applied.",
            "Export the series without this table, with RescaleSlope and RescaleIntercept instead.",
        )
    images_in_mosaic = _images_in_mosaic(dataset)
    if images_in_mosaic:
        raise InputError(
            f"{path} is a Siemens mosaic: its pixels hold {images_in_mosaic} slices side by side.",
            "Convert the series with dcm2niix, and give the NIfTI file.",
        )


def photometric_interpretation(dataset: Dataset) -> str:
    """What pixel values stand for; MONOCHROME2 where a header does not say it."""
    return (optional_text(dataset, "PhotometricInterpretation") or "MONOCHROME2").upper()


def _images_in_mosaic(dataset: Dataset) -> str | None:
    """How many slices a mosaic of a Siemens scanner holds, as text; None for any other image."""
    stated = None
    if (0x0019, 0x0010) in dataset:
        creator = str(dataset[0x0019, 0x0010].value)
        if creator.startswith("SIEMENS MR HEADER") and (0x0019, 0x100A) in dataset:
            stated = _first_integer(dataset[0x0019, 0x100A].value)
    named = "MOSAIC" in (optional_text(dataset, "ImageType") or "").upper().split("/")
    if stated is not None and stated > 1:
        return str(stated)
    return "several" if named else None


def _first_integer(value: object) -> int | None:
    """A number that has no known representation, as private elements have in implicit files."""
    if isinstance(value, bytes):
        text = value.strip(b" \0")
        return int(text) if text.isdigit() else int.from_bytes(value[:2], "little")
    return int(str(value)) if str(value).isdigit() else None
