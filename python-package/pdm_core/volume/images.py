"""NIfTI, NRRD and MetaImage through SimpleITK: LPS and column-major there, RAS and `[K, J, I]` here."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.checks import checked_array, refuse_not_numbers, refuse_sheared
from pdm_core.volume.names import checked_name
from pdm_core.volume.nifti_content import count_not_numbers
from pdm_core.volume.nifti_place import other_place, with_its_place
from pdm_core.volume.volume import Matrix, Volume

NIFTI = (".nii", ".nii.gz")
SUFFIXES = (*NIFTI, ".nrrd", ".nhdr", ".mha", ".mhd")
# Headers that may name a file of voxels beside them, and the entry that does.
_DATA_FILE = re.compile(r"^(?:ElementDataFile\s*=|data ?file:)\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_HEADER_CHARACTERS = 2**16
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def image_suffix(path: Path) -> str | None:
    """The known image suffix of `path` in lower case, or None."""
    name = path.name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)


def read_image(path: Path) -> Volume:
    """Read a 2-D or 3-D scalar image file; a single 2-D slice becomes one slice of a volume.

    Raises:
        InputError: the file cannot be opened, is damaged, in colour, four-dimensional, sheared, constant or holds NaN.
    """
    import SimpleITK as sitk

    if not os.access(checked_name(path), os.R_OK):
        raise InputError(f"{path} cannot be opened.", "Check your rights to read it.")
    if path.suffix in (".MHA", ".MHD"):
        raise InputError(f"{path}: MetaImage files are found by an ending in lower case only.", "Rename the file.")
    nifti = image_suffix(path) in NIFTI
    try:
        with with_its_place(path) if nifti else nullcontext(path) as file:
            image = sitk.ReadImage(str(file))
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read as an image: {_itk_reason(error)}", _remedy(error)) from error
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise InputError(f"{path} is a colour or vector image.", "Super-resolution needs one grey value a voxel.")
    if nifti:
        refuse_not_numbers(count_not_numbers(path), str(path))
    array = sitk.GetArrayFromImage(image)
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim not in (2, 3):
        raise InputError(f"{path} has {array.ndim} dimensions.", "Split it into volumes of three dimensions first.")
    array = array[None] if array.ndim == 2 else array
    metadata = {"path": str(path), "format": (image_suffix(path) or path.suffix).lstrip(".")}
    matrix = _matrix_of(image)
    refuse_sheared(matrix, array.shape, str(path))
    volume = Volume(checked_array(array, str(path)), matrix, metadata)
    return replace(volume, metadata={**metadata, **other_place(path, volume)}) if nifti else volume


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
    sitk.WriteImage(image, str(path), useCompression=True)


def refuse_incomplete(path: Path) -> None:
    """Raise `InputError` where a file that was just written cannot be read to its end: some writers pass over a full disk."""
    import SimpleITK as sitk

    try:
        if image_suffix(path) in NIFTI:
            count_not_numbers(path)
        else:
            sitk.ReadImage(str(path))
    except (RuntimeError, InputError) as error:
        raise InputError(f"{path.name} was not written to its end.", "The disk may be full: free some space.") from error


def data_files(header: Path) -> list[Path]:
    """The files of voxels that a header of its own names, as far as they are there."""
    if image_suffix(header) not in (".nhdr", ".mhd") or not header.is_file():
        return []
    with header.open(encoding="latin-1") as file:
        named = _DATA_FILE.findall(file.read(_HEADER_CHARACTERS))
    return [header.parent / name for name in named if (header.parent / name).is_file()]


def itk_image(array: np.ndarray[Any, Any], ijk_to_ras: Matrix) -> Any:
    """A SimpleITK image of an array `[K, J, I]` in its place."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(array)
    lps = _LPS_TO_RAS @ ijk_to_ras
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing([float(value) for value in spacing])
    image.SetOrigin([float(value) for value in lps[:3, 3]])
    image.SetDirection([float(value) for value in (lps[:3, :3] / spacing).ravel()])
    return image


def _matrix_of(image: Any) -> Matrix:
    """ijk_to_ras of a SimpleITK image of 2, 3 or 4 dimensions; a 2-D slice lies in the plane S = 0."""
    dimensions = image.GetDimension()
    matrix = np.eye(4)
    used = min(3, dimensions)
    direction = np.array(image.GetDirection()).reshape(dimensions, dimensions)[:used, :used]
    matrix[:used, :used] = direction * np.array(image.GetSpacing())[:used]
    matrix[:used, 3] = np.array(image.GetOrigin())[:used]
    return np.asarray(_LPS_TO_RAS @ matrix)


def _remedy(error: RuntimeError) -> str:
    """What to do about an ITK error."""
    if "orthonormal" in str(error):
        return "Its axes do not stand at right angles: resample it to a rectangular grid first."
    return "The file may be damaged."


def _itk_reason(error: RuntimeError) -> str:
    """The last line of an ITK error, which says what happened rather than where."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "unknown reason"
