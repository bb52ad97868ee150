"""What the header of a series says of its acquisition, free of the patient's identity."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.volume.dicom.frame_header import FrameHeader
from pdm_core.volume.dicom.values import items_of, optional_text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_TEXTS = {
    "modality": "Modality",
    "image_type": "ImageType",
    "series_description": "SeriesDescription",
    "manufacturer": "Manufacturer",
    "scanner": "ManufacturerModelName",
    "body_part": "BodyPartExamined",
}
_NUMBERS = {
    "field_strength_t": "MagneticFieldStrength",
    "repetition_time_ms": "RepetitionTime",
    "echo_time_ms": "EchoTime",
    "slice_thickness_mm": "SliceThickness",
    "spacing_between_slices_mm": "SpacingBetweenSlices",
}
# Lengths that are no more than 1 m and more than nothing; another value says nothing.
_LENGTHS, _LONGEST_MM = ("slice_thickness_mm", "spacing_between_slices_mm"), 1e3


def facts_of(dataset: Dataset, path: Path) -> dict[str, Any]:
    """JSON-able facts of a file's first frame; what the header does not say, or not understandably, is left out."""
    groups = items_of(dataset, "PerFrameFunctionalGroupsSequence")
    header = FrameHeader(dataset, groups[0] if groups else None, path)
    facts: dict[str, Any] = {"format": "dicom", "path": str(path.parent)}
    facts |= {name: header.text(keyword) for name, keyword in _TEXTS.items()}
    facts |= {name: header.number(keyword) for name, keyword in _NUMBERS.items()}
    facts |= {name: None for name in _LENGTHS if facts[name] is not None and not 0 < facts[name] <= _LONGEST_MM}
    number = header.number("SeriesNumber")
    facts["series_number"] = None if number is None else f"{number:.0f}"
    facts["series_uid"] = series_of(dataset, path)
    return {name: value for name, value in facts.items() if value is not None}


def series_of(dataset: Dataset, path: Path) -> str:
    """What tells the series of a file from others: its SeriesInstanceUID, else folder, number and description."""
    number, description = (optional_text(dataset, keyword) for keyword in ("SeriesNumber", "SeriesDescription"))
    return optional_text(dataset, "SeriesInstanceUID") or f"{path.parent}: {number}, {description}"
