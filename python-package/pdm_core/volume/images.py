"""Image files: NIfTI, MGH, NRRD and MetaImage; RAS and `[K, J, I]` here, whatever the convention of the format."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pdm_core.errors import InputError, PdmError
from pdm_core.volume.checks import checked_array, refuse_number_format, refuse_sheared
from pdm_core.volume.metaimage import metaimage
from pdm_core.volume.names import checked_name, utf8_name
from pdm_core.volume.nifti import mgh_image, nifti_image, pair_voxels
from pdm_core.volume.nrrd import nrrd_image
from pdm_core.volume.numeric_locale import decimal_points
from pdm_core.volume.text_header import LPS_TO_RAS
from pdm_core.volume.volume import Matrix, Volume
from pdm_core.volume.voxel_data import ImageFile

NIFTI = (".nii", ".nii.gz")
_READERS = {
    ".nii": nifti_image, ".nii.gz": nifti_image, ".hdr": nifti_image, ".mgz": mgh_image, ".mgh": mgh_image,
    ".nrrd": nrrd_image, ".nhdr": nrrd_image, ".mha": metaimage, ".mhd": metaimage,
}  # fmt: skip
SUFFIXES = tuple(_READERS)
# Headers that may name a file of voxels beside them, and the entry that does.
_DATA_FILE = re.compile(r"^(?:ElementDataFile\s*=|data ?file:)\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_HEADER_BYTES = 2**20


def image_suffix(path: Path) -> str | None:
    """The known image suffix of `path` in lower case, or None."""
    name = path.name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)


def read_image(path: Path) -> Volume:
    """Read a 2-D or 3-D scalar image file; a single 2-D slice becomes one slice of a volume.

    Raises:
        InputError: the file cannot be opened, is damaged, in color, four-dimensional, sheared, constant or holds NaN.
    """
    file = _image_file(path)
    refuse_number_format(file.voxels.dtype, str(path))
    refuse_sheared(file.ijk_to_ras, file.voxels.shape, str(path))
    metadata = {"path": str(path), "format": (image_suffix(path) or path.suffix).lstrip("."), **file.metadata()}
    return Volume(checked_array(file.voxels.read(), str(path)), file.ijk_to_ras, metadata)


def write_image(array: np.ndarray[Any, Any], ijk_to_ras: Matrix, path: Path, keys: Mapping[str, str]) -> None:
    """Write an array `[K, J, I]` in its own number format; left-handed and oblique matrices are kept.

    Args:
        array: the voxels.
        ijk_to_ras: where they lie.
        path: of the file.
        keys: entries of the header besides, where the format has a place for them.
    """
    import SimpleITK as sitk

    image = itk_image(array, ijk_to_ras)
    for name, value in keys.items():
        image.SetMetaData(name, value)
    with decimal_points():
        sitk.WriteImage(image, utf8_name(path), useCompression=True)


def refuse_incomplete(path: Path) -> None:
    """Raise `PdmError` where a file that was just written cannot be read to its end: some writers pass over a full disk."""
    try:
        _image_file(path).voxels.check()
    except InputError as error:
        raise PdmError(f"{path.name} was not written to its end.", "The disk may be full: free some space.") from error


def data_files(header: Path) -> list[Path]:
    """The files of voxels that belong to a header, as far as they are there."""
    suffix = image_suffix(header)
    if not header.is_file() or suffix not in (".nhdr", ".mhd", ".hdr"):
        return []
    if suffix == ".hdr":
        named = [pair_voxels(header).name]
    else:
        with header.open("rb") as file:
            # The bytes of a name are those on the disk, whatever the locale.
            text = file.read(_HEADER_BYTES).decode(sys.getfilesystemencoding(), errors="surrogateescape")
        named = _DATA_FILE.findall(text)
    return [header.parent / name for name in named if (header.parent / name).is_file()]


def header_of(path: Path) -> Path:
    """The header of a pair where `path` is its `.img` file, otherwise `path` itself."""
    header = path.with_suffix(".HDR" if path.suffix.isupper() else ".hdr")
    return header if path.suffix.lower() == ".img" and header.is_file() else path


def refuse_without_header(path: Path) -> None:
    """Raise `InputError` where a file is, by its name, the voxels of a pair, and its header does not exist.

    DICOM files may have this ending too: call this for other files.
    """
    if path.suffix.lower() == ".img" and header_of(path) == path:
        raise InputError(
            f"{path} cannot be read: its header {path.with_suffix('.hdr').name} does not exist.",
            "Keep both files of the image together.",
        )


def itk_image(array: np.ndarray[Any, Any], ijk_to_ras: Matrix) -> Any:
    """A SimpleITK image of an array `[K, J, I]` in its place."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(array)
    lps = LPS_TO_RAS @ ijk_to_ras
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing([float(value) for value in spacing])
    image.SetOrigin([float(value) for value in lps[:3, 3]])
    image.SetDirection([float(value) for value in (lps[:3, :3] / spacing).ravel()])
    return image


def _image_file(path: Path) -> ImageFile:
    """What the header of an image file says, by the reader for its ending."""
    suffix = image_suffix(checked_name(path))
    if suffix is None:
        raise InputError(f"{path} has no ending for an image.", f"The known ones are: {', '.join(SUFFIXES)}.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} cannot be opened.", "Check your rights to read it.")
    file = _READERS[suffix](path)
    if not file.voxels.path.is_file():
        packed = file.voxels.path.with_name(f"{file.voxels.path.name}.gz")
        raise InputError(
            f"{path} keeps its voxels in the file {file.voxels.path.name}, which does not exist.",
            f"Unpack {packed.name} first." if packed.is_file() else "Keep both files of the image together.",
        )
    return file
