"""MetaImage (`.mha`, `.mhd`), read without ITK, which ends the whole process at some damaged headers of this format."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.text_header import LPS_TO_RAS, in_mm
from pdm_core.volume.volume import Matrix
from pdm_core.volume.voxel_data import ImageFile, VoxelData, three_dimensional

_HEADER_BYTES = 2**20
_LENGTHS = ("ElementSpacing", "ElementSize")
_OFFSETS = ("Offset", "Position", "Origin")
_DIRECTIONS = ("TransformMatrix", "Orientation", "Rotation")
_FORMATS = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
_MOST_DIMENSIONS = 10
_UNSTATED = "The file does not state its voxel sizes: 1 mm was assumed."


def metaimage(path: Path) -> ImageFile:
    """What a MetaImage header says.

    Raises:
        InputError: the header is damaged, or describes something else than one scalar volume in one file.
    """
    fields, end = _fields(path)
    dimensions = int(_numbers(fields, ("NDims",), 1, path)[0])
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise InputError(f"{path} states {dimensions} dimensions.", "The file may be damaged.")
    size = _numbers(fields, ("DimSize",), dimensions, path)
    shape = three_dimensional([int(number) for number in size], path)
    if fields.get("ElementNumberOfChannels", "1") != "1":
        raise InputError(f"{path} is a color or vector image.", "Super-resolution needs one gray value a voxel.")
    kind = fields.get("ElementType", "")
    if kind not in _FORMATS:
        raise InputError(f"{path} holds voxels of the type {kind or 'unknown'}.", "Super-resolution needs real gray values.")
    big = _true(fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "")))
    dtype = np.dtype((">" if big else "<") + _FORMATS[kind])
    matrix = in_mm(_matrix(fields, dimensions, path), [fields.get("DistanceUnits", "mm")], path)
    notes = () if any(field in fields for field in _LENGTHS) else (_UNSTATED,)
    return ImageFile(_voxels(fields, end, shape, dtype, path), matrix, notes)


def _voxels(fields: dict[str, str], end: int, shape: tuple[int, int, int], dtype: np.dtype[Any], path: Path) -> VoxelData:
    """Where the voxels are: behind the header, which ends at `end`, or in a file of their own."""
    name = fields["ElementDataFile"]
    if name.split(" ")[0] == "LIST" or "%" in name:
        raise InputError(f"{path} keeps its voxels in several files ({name}).", "Save it as one file.")
    local = name in ("LOCAL", "Local", "local")
    file, start = (path, end) if local else (path.parent / name, 0)
    encoding, size = "raw", None
    if not _true(fields.get("BinaryData", "True")):
        encoding = "text"
    elif _true(fields.get("CompressedData", "False")):
        encoding, size = "zlib", _compressed_size(fields, file, path)
    start = _start(fields, start, file, math.prod(shape) * dtype.itemsize, path)
    return VoxelData(file, shape, dtype, encoding, start, size)


def _matrix(fields: dict[str, str], dimensions: int, path: Path) -> Matrix:
    """ijk_to_ras in the units of the file; a 2-D slice lies in the plane S = 0."""
    used = min(3, dimensions)
    # Each axis is a row in the file.
    axes = _numbers(fields, _DIRECTIONS, dimensions**2, path, np.eye(dimensions)).reshape(dimensions, dimensions)
    spacing = _numbers(fields, _LENGTHS, dimensions, path, np.ones(dimensions))
    if spacing[:used].min() <= 0:
        raise InputError(f"{path} states the impossible voxel sizes {spacing.tolist()}.", "Correct the header.")
    matrix = np.eye(4)
    matrix[:used, :used] = axes[:used, :used].T * spacing[:used]
    matrix[:used, 3] = _numbers(fields, _OFFSETS, dimensions, path, np.zeros(dimensions))[:used]
    return np.asarray(LPS_TO_RAS @ matrix)


def _numbers(
    fields: dict[str, str], names: tuple[str, ...], count: int, path: Path, default: np.ndarray[Any, Any] | None = None
) -> np.ndarray[Any, Any]:
    """The numbers of the first field that is there, or the default.

    Raises:
        InputError: they are not `count` finite numbers, or there is neither a field nor a default.
    """
    stated = next((fields[name] for name in names if name in fields), None)
    if stated is None and default is not None:
        return default
    try:
        numbers = np.array((stated or "").split(), dtype=np.float64)
    except ValueError:
        numbers = np.array([np.nan])
    if numbers.size != count or not np.isfinite(numbers).all():
        raise InputError(f"{path} states {names[0]} = {stated}, not {count} finite numbers.", "The file may be damaged.")
    return numbers


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """The entries of the header, and where it ends."""
    fields: dict[str, str] = {}
    with path.open("rb") as stream:
        while (line := stream.readline(_HEADER_BYTES)) and stream.tell() <= _HEADER_BYTES:
            key, _, value = line.decode("utf-8", errors="replace").partition("=")
            fields[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile":
                return fields, stream.tell()
    raise InputError(f"{path} cannot be read as MetaImage: its header names no ElementDataFile.", "The file may be damaged.")


def _true(value: str) -> bool:
    return value[:1] in ("T", "t", "1")


def _compressed_size(fields: dict[str, str], file: Path, path: Path) -> int | None:
    """Number of bytes that the compressed voxels take; None where they take a whole file of their own."""
    stated = fields.get("CompressedDataSize")
    if stated is None and file != path:
        return None
    if stated is None:
        raise InputError(
            f"{path} holds compressed voxels, but its header lacks CompressedDataSize, so they cannot be read to their end.",
            "Add this entry to the header, or export the file again.",
        )
    if not stated.isdecimal() or int(stated) == 0:
        raise InputError(
            f"{path} states the impossible CompressedDataSize {stated!r}.", "Correct the header, or export the file again."
        )
    return int(stated)


def _start(fields: dict[str, str], start: int, file: Path, wanted: int, path: Path) -> int:
    """Bytes of `file` before the voxels, by the entry HeaderSize: -1 means that they are the last of the file."""
    stated = fields.get("HeaderSize", "0")
    try:
        size = int(stated)
    except ValueError:
        size = -2
    if size < -1:
        raise InputError(f"{path} states the HeaderSize {stated!r}.", "Correct the header, or export the file again.")
    if size == -1 and file.is_file():
        return max(0, file.stat().st_size - wanted)
    return size if size > 0 else start
