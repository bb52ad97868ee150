"""Reading a volume from whatever holds it: an image file, a DICOM file or a folder of DICOM files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pdm_core.errors import InputError
from pdm_core.volume.foreign import foreign_format, refused_format
from pdm_core.volume.images import header_of, image_suffix, read_image, refuse_without_header
from pdm_core.volume.nifti_place import notes_on_places
from pdm_core.volume.volume import NOTES, Volume


def read_volume(path: str | Path, *, series: str | None = None) -> Volume:
    """Read one volume.

    Args:
        path: NIfTI, MGH, NRRD or MetaImage file, a DICOM file, or a folder of DICOM files (searched through).
        series: which series of a DICOM folder: its id in the listing, SeriesInstanceUID, number or description.

    Raises:
        InputError: nothing readable there, a choice among several series is needed, or the image cannot be worked on.
    """
    source = header_of(Path(path))
    if not source.exists():
        raise InputError(f"{source} does not exist.", "Check the path.")
    if source.is_file() and image_suffix(source) is not None:
        if series is not None:
            raise InputError(f"{source} is a single image.", "Leave out the choice of a series.")
        return read_image(source)
    if source.is_file() and foreign_format(source) is not None:
        raise refused_format(source)
    from pdm_core.volume.dicom.headers import may_be_dicom
    from pdm_core.volume.dicom.reader import read_dicom

    if source.is_file() and not may_be_dicom(source):
        refuse_without_header(source)
    return read_dicom(source, series)


def notes_on_reading(metadata: Mapping[str, Any]) -> Iterator[str]:
    """What the reader of a volume found that the user should know: places in doubt, units, files that may be missing."""
    yield from notes_on_places(metadata)
    yield from metadata.get(NOTES, ())
