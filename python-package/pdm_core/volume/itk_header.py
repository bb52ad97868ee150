"""What NRRD and MetaImage headers have in common: ITK reads geometry and number format, never the voxels.

ITK's readers pass over much damage in silence and leave memory that they did not fill, so `VoxelData` reads the voxels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.numeric_locale import decimal_points
from pdm_core.volume.volume import Matrix
from pdm_core.volume.voxel_data import three_dimensional

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# NumPy's number formats by the ends of SimpleITK's names of pixel types, for scalars and vectors.
_FORMATS = {
    "UInt8": "u1", "Int8": "i1", "UInt16": "u2", "Int16": "i2", "UInt32": "u4", "Int32": "i4", "UInt64": "u8", "Int64": "i8",
    "Float32": "f4", "Float64": "f8",
}  # fmt: skip
_UNITS_MM = {
    "": 1.0, "?": 1.0, "mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "cm": 10.0, "centimeter": 10.0, "centimetre": 10.0,
    "m": 1e3, "meter": 1e3, "metre": 1e3, "um": 1e-3, "\u00b5m": 1e-3, "\u03bcm": 1e-3, "micrometer": 1e-3, "micrometre": 1e-3,
    "micron": 1e-3,
}  # fmt: skip


@dataclass(frozen=True)
class ItkHeader:
    """Shape `(K, J, I)`, native number format and `ijk_to_ras` (in the units of the file) of a scalar image."""

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    matrix: Matrix


def read_itk_header(path: Path) -> ItkHeader:
    """Geometry and number format of an NRRD or MetaImage file.

    Raises:
        InputError: ITK cannot read the header, or the image is not a scalar image of three dimensions.
    """
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with decimal_points():
            reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read as an image: {_reason(error)}", "The file may be damaged.") from error
    if reader.GetNumberOfComponents() > 1:
        raise InputError(f"{path} is a color or vector image.", "Super-resolution needs one gray value a voxel.")
    pixel = reader.GetPixelID()
    formats = {getattr(sitk, f"sitk{kind}{name}"): code for name, code in _FORMATS.items() for kind in ("", "Vector")}
    if pixel not in formats:
        name = sitk.GetPixelIDValueAsString(pixel)
        raise InputError(f"{path} holds voxels of the type {name}.", "Super-resolution needs real gray values.")
    return ItkHeader(three_dimensional(reader.GetSize(), path), np.dtype(formats[pixel]), _matrix_of(reader))


def in_mm(ijk_to_ras: Matrix, units: Sequence[str], path: Path) -> Matrix:
    """A matrix in mm, of a file that states these units of length for its axes.

    Raises:
        InputError: a unit is unknown, or the axes have different units.
    """
    words = [unit.strip().lower() for unit in units]
    factors = {_UNITS_MM.get(word.removesuffix("s") if len(word) > 3 else word) for word in words} or {1.0}
    factor = factors.pop()
    if factor is None or factors:
        raise InputError(f"{path} states the units of length {', '.join(units)}.", "Convert it to mm first.")
    return np.diag([factor, factor, factor, 1.0]) @ ijk_to_ras


def refuse_odd_numbers(fields: Mapping[str, str], names: Sequence[str], path: Path) -> None:
    """Raise `InputError` where fields of a header hold anything but finite numbers: ITK takes others for 0 or 1 in silence."""
    for name in names:
        for word in re.split(r"[\s(),]+", fields.get(name, "")):
            try:
                good = word in ("", "none") or bool(np.isfinite(float(word)))
            except ValueError:
                good = False
            if not good:
                raise InputError(
                    f"{path} states {fields[name]!r} as its {name}: {word!r} is not a finite number.", "Correct the header."
                )


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
    """ijk_to_ras of a SimpleITK image or reader of 2, 3 or 4 dimensions; a 2-D slice lies in the plane S = 0."""
    dimensions = image.GetDimension()
    matrix = np.eye(4)
    used = min(3, dimensions)
    direction = np.array(image.GetDirection()).reshape(dimensions, dimensions)[:used, :used]
    matrix[:used, :used] = direction * np.array(image.GetSpacing())[:used]
    matrix[:used, 3] = np.array(image.GetOrigin())[:used]
    return np.asarray(_LPS_TO_RAS @ matrix)


def _reason(error: RuntimeError) -> str:
    """The last line of an ITK error, which says what happened rather than where."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "unknown reason"
