"""NRRD (`.nrrd`, `.nhdr`): where the voxels are and how they are stored, and in which units and space they lie."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.numeric_locale import decimal_points
from pdm_core.volume.text_header import LPS_TO_RAS, in_mm
from pdm_core.volume.volume import Matrix
from pdm_core.volume.voxel_data import ImageFile, VoxelData, three_dimensional

_HEADER_BYTES = 2**20
# NumPy's number formats by the ends of SimpleITK's names of pixel types, for scalars and vectors.
_FORMATS = {
    "UInt8": "u1", "Int8": "i1", "UInt16": "u2", "Int16": "i2", "UInt32": "u4", "Int32": "i4", "UInt64": "u8", "Int64": "i8",
    "Float32": "f4", "Float64": "f8",
}  # fmt: skip
_GEOMETRY = ("spacings", "spacedirections", "spaceorigin", "axismins", "axismaxs")
_ENCODINGS = {
    "raw": "raw", "gz": "gzip", "gzip": "gzip", "bz2": "bzip2", "bzip2": "bzip2",
    "txt": "text", "text": "text", "ascii": "text", "hex": "hex",
}  # fmt: skip
# Spaces that say where the patient's left, front and head are, and the signs of their axes in RAS.
_LPS = (-1.0, -1.0, 1.0)
_PATIENT_SPACES = {
    "left-posterior-superior": _LPS, "lps": _LPS,
    "right-anterior-superior": (1.0, 1.0, 1.0), "ras": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0), "las": (-1.0, 1.0, 1.0),
}  # fmt: skip
_NO_SIZES = "The file does not state the voxel sizes of all axes: 1 mm was assumed."
_NO_SPACE = (
    "The file does not state how its axes lie in the patient. They were taken as Slicer takes them (towards left, posterior, "
    "superior); do not trust left and right."
)


@dataclass(frozen=True)
class _Header:
    """Shape `(K, J, I)`, native number format and `ijk_to_ras` (in the units of the file) of a scalar image."""

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    matrix: Matrix


def nrrd_image(path: Path) -> ImageFile:
    """What an NRRD header says.

    Raises:
        InputError: the header is damaged, or describes something else than one scalar volume in one file.
    """
    fields, end = _fields(path)
    _refuse_odd_numbers(fields, path)
    header = _read_by_itk(path)
    name = fields.get("datafile", "")
    if re.match(r"LIST\b", name) or "%" in name:
        raise InputError(f"{path} keeps its voxels in several files ({name}).", "Save it as one file.")
    encoding = _ENCODINGS.get(fields.get("encoding", "raw").lower())
    if encoding is None:
        raise InputError(f"{path} has the encoding {fields['encoding']}.", "Save it with the encoding gzip or raw.")
    dtype = header.dtype.newbyteorder(">" if fields.get("endian", "little").lower() == "big" else "<")
    file = path.parent / name if name else path
    start, skip = _skipped(fields, file, 0 if name else end, encoding, math.prod(header.shape) * dtype.itemsize)
    voxels = VoxelData(file, header.shape, dtype, encoding, start, skip=skip)
    units = re.findall(r'"([^"]*)"', fields.get("spaceunits" if "spacedirections" in fields else "units", ""))
    label = {"intent": "label"} if "Segment0_ID" in fields or path.name.lower().endswith(".seg.nrrd") else {}
    stated = _stated_matrix(fields, path)
    matrix = in_mm(header.matrix if stated is None else stated, units, path)
    return ImageFile(voxels, matrix, tuple(_notes(fields)), label)


def _read_by_itk(path: Path) -> _Header:
    """Geometry and number format as ITK reads them; the voxels are not read.

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
    return _Header(three_dimensional(reader.GetSize(), path), np.dtype(formats[pixel]), _matrix_of(reader))


def _matrix_of(image: Any) -> Matrix:
    """ijk_to_ras of a SimpleITK image or reader of 2, 3 or 4 dimensions; a 2-D slice lies in the plane S = 0."""
    dimensions = image.GetDimension()
    matrix = np.eye(4)
    used = min(3, dimensions)
    direction = np.array(image.GetDirection()).reshape(dimensions, dimensions)[:used, :used]
    matrix[:used, :used] = direction * np.array(image.GetSpacing())[:used]
    matrix[:used, 3] = np.array(image.GetOrigin())[:used]
    return np.asarray(LPS_TO_RAS @ matrix)


def _refuse_odd_numbers(fields: dict[str, str], path: Path) -> None:
    """Raise `InputError` where fields of a header hold anything but finite numbers: ITK takes others for 0 or 1 in silence."""
    for name in _GEOMETRY:
        for word in re.split(r"[\s(),]+", fields.get(name, "")):
            try:
                good = word in ("", "none") or bool(np.isfinite(float(word)))
            except ValueError:
                good = False
            if not good:
                raise InputError(
                    f"{path} states {fields[name]!r} as its {name}: {word!r} is not a finite number.", "Correct the header."
                )


def _stated_matrix(fields: dict[str, str], path: Path) -> Matrix | None:
    """`ijk_to_ras` in the units of the file, where all directions are stated: the ITK of SimpleITK 2.3 mirrors LAS."""
    texts = [*re.findall(r"\(([^)]*)\)", fields.get("spacedirections", "")), fields.get("spaceorigin", "0,0,0").strip("()")]
    try:
        vectors = [[float(word) for word in text.split(",")] for text in texts]
    except ValueError as error:
        raise InputError(f"{path} has odd vectors in its header: {error}.", "Correct the header.") from error
    if [len(vector) for vector in vectors] != [3, 3, 3, 3]:
        return None
    matrix = np.eye(4)
    matrix[:3] = np.array(vectors).T
    signs = _PATIENT_SPACES.get(fields.get("space", "").lower(), _LPS)
    return np.asarray(np.diag([*signs, 1.0]) @ matrix)


def _notes(fields: dict[str, str]) -> list[str]:
    """What a user should know of a header that leaves out sizes or space."""
    notes = []
    directions = re.sub(r"\([^)]*\)", "vector", fields.get("spacedirections", "")).split()
    if "spacings" not in fields and directions.count("vector") < min(3, len(fields.get("sizes", "").split())):
        notes.append(_NO_SIZES)
    if fields.get("space", "").lower() not in _PATIENT_SPACES:
        notes.append(_NO_SPACE)
    return notes


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """Fields (by their names in lower case without spaces) and keys (as they are) of the header, and where it ends."""
    fields: dict[str, str] = {}
    with path.open("rb") as stream:
        if not stream.readline(_HEADER_BYTES).startswith(b"NRRD000"):
            raise InputError(f"{path} cannot be read as NRRD: it does not begin as such a file.", "The file may be damaged.")
        while (line := stream.readline(_HEADER_BYTES).decode("utf-8", errors="replace")) and line.strip():
            if line.startswith("#"):
                continue
            key, separator, value = line.partition(":")
            if value.startswith("="):
                fields[key] = value[1:].strip()
            elif separator:
                fields[key.replace(" ", "").lower()] = value.strip()
        return fields, stream.tell()


def _skipped(fields: dict[str, str], file: Path, start: int, encoding: str, wanted: int) -> tuple[int, int]:
    """Bytes before the encoded voxels, and decoded bytes before the first one, by the fields `line skip` and `byte skip`."""
    try:
        lines, skip = int(fields.get("lineskip", 0)), int(fields.get("byteskip", 0))
    except ValueError:
        lines = -1
    if lines < 0 or skip < -1 or (skip == -1 and encoding != "raw"):
        raise InputError(f"{file}: the header states an impossible line skip or byte skip.", "Save it without them.")
    if not file.is_file():
        return start, 0
    if skip == -1:
        return max(0, file.stat().st_size - wanted), 0
    with file.open("rb") as stream:
        stream.seek(start)
        for _ in range(lines):
            stream.readline()
        start = stream.tell()
    return (start, skip) if encoding in ("gzip", "bzip2") else (start + skip, 0)


def _reason(error: RuntimeError) -> str:
    """The last line of an ITK error, which says what happened rather than where."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "unknown reason"
