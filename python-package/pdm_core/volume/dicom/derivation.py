"""How a DICOM image says that it was derived, from what, by which software."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdm_core.volume.dicom.source_series import SourceHeader, SourceSeries

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as DicomSequence

SOFTWARE = "PartialDiffusionSR"
# The fourth value of ImageType is ours to choose; 16 characters are its limit.
ESTIMATE = "SUPER_RESOLUTION"
_WARNING = "Estimated, not for diagnosis:"
# Lengths that the standard allows: LO, ST and IS.
_LONGEST_DESCRIPTION, _LONGEST_DERIVATION, _LARGEST_NUMBER = 64, 1024, 2**31 - 1
_SERIES_OFFSET = 9000


@dataclass(frozen=True)
class Derivation:
    """What was done to a series.

    Attributes:
        label: a few characters for the series description, such as SRx2.
        description: method, model, options and what the image is not for; up to 1024 characters are kept.
        version: of the software.
        thickness_mm: of the new slices; None where they are as thick as the source's.
    """

    label: str
    description: str
    version: str
    thickness_mm: float | None = None


def mark_derived(header: Dataset, source: SourceSeries, derivation: Derivation) -> None:
    """Say in `header`, which has been copied from `source`, that all of the series is derived."""
    header.ImageType = ["DERIVED", "SECONDARY", "OTHER", ESTIMATE]
    header.SeriesDescription = _series_description(source, derivation)
    header.SeriesNumber = _series_number(source)
    header.DerivationDescription = _derivation_description(source, derivation)
    header.DerivationCodeSequence = [*_earlier(source, "DerivationCodeSequence"), _code("113085", "Spatial resampling")]
    header.ContributingEquipmentSequence = [*_earlier(source, "ContributingEquipmentSequence"), _equipment(derivation)]
    versions = header.get("SoftwareVersions") or []
    earlier = [versions] if isinstance(versions, str) else list(versions)
    header.SoftwareVersions = [*earlier, _ascii(f"{SOFTWARE} {derivation.version}")[:64]]


def image_reference(header: SourceHeader) -> Dataset:
    """An item of the source images of a derived one."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = header.value("SOPClassUID")
    item.ReferencedSOPInstanceUID = header.value("SOPInstanceUID")
    if header.frame is not None:
        item.ReferencedFrameNumber = header.frame + 1
    item.PurposeOfReferenceCodeSequence = [_code("121322", "Source image for image processing operation")]
    return item


def _series_description(source: SourceSeries, derivation: Derivation) -> str:
    """The warning first: the standard ends a description after so many characters."""
    told = str(source.common("SeriesDescription") or "").removeprefix(_WARNING).strip()
    return f"{_WARNING} {_ascii(derivation.label)} {told}"[:_LONGEST_DESCRIPTION].rstrip()


def _series_number(source: SourceSeries) -> int:
    try:
        number = max(0, int(source.common("SeriesNumber") or 0))
    except ValueError:
        number = 0
    return number + _SERIES_OFFSET if number + _SERIES_OFFSET <= _LARGEST_NUMBER else number - _SERIES_OFFSET


def _derivation_description(source: SourceSeries, derivation: Derivation) -> str:
    text = _ascii(derivation.description)
    before = source.common("DerivationDescription")
    if before:
        text += f" The source was derived before: {before}"
    elif (source.common("ImageType") or ["ORIGINAL"])[0] == "DERIVED":
        text += " The source was a derived image before."
    return text if len(text) <= _LONGEST_DERIVATION else text[: _LONGEST_DERIVATION - 3] + "..."


def _earlier(source: SourceSeries, keyword: str) -> DicomSequence:
    """What the source says of its own derivation."""
    return deepcopy(source.common(keyword)) or []


def _equipment(derivation: Derivation) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [_code("109102", "Processing Equipment")]
    item.Manufacturer = SOFTWARE
    item.ManufacturerModelName = "pdm_core"
    item.SoftwareVersions = _ascii(derivation.version)[:64]
    item.ContributionDescription = "Super-resolution: detail is estimated, not measured. Research use, not for diagnosis."
    return item


def _code(value: str, meaning: str) -> Dataset:
    """A concept of the DICOM dictionary (DCM): CID 7203 for derivations, 7202 for sources, 7005 for equipment."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _ascii(text: str) -> str:
    """Our words fit every character set that a source may have; a backslash would part them."""
    return text.replace("\\", "/").encode("ascii", "replace").decode("ascii")
