"""MetaImage (`.mha`, `.mhd`): where the voxels are and how they are stored."""

from __future__ import annotations

import math
from pathlib import Path

from pdm_core.errors import InputError
from pdm_core.volume.itk_header import in_mm, read_itk_header, refuse_odd_numbers
from pdm_core.volume.voxel_data import ImageFile, VoxelData

_HEADER_BYTES = 2**16
_LENGTHS = ("ElementSpacing", "ElementSize")
_GEOMETRY = ("Offset", "Position", "Origin", "TransformMatrix", "Orientation", "Rotation", *_LENGTHS)
_UNSTATED = "The file does not state its voxel sizes: 1 mm was assumed."


def metaimage(path: Path) -> ImageFile:
    """What a MetaImage header says.

    Raises:
        InputError: the header is damaged, or describes something else than one scalar volume in one file.
    """
    if path.suffix in (".MHA", ".MHD"):
        raise InputError(f"{path}: MetaImage files are found by an ending in lower case only.", "Rename the file.")
    fields, end = _fields(path)
    refuse_odd_numbers(fields, _GEOMETRY, path)
    header = read_itk_header(path)
    name = fields["ElementDataFile"]
    if name.split(" ")[0] == "LIST" or "%" in name:
        raise InputError(f"{path} keeps its voxels in several files ({name}).", "Save it as one file.")
    local = name in ("LOCAL", "Local", "local")
    file, start = (path, end) if local else (path.parent / name, 0)
    big = _true(fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "")))
    dtype = header.dtype.newbyteorder(">" if big else "<")
    encoding, size = "raw", None
    if not _true(fields.get("BinaryData", "True")):
        encoding = "text"
    elif _true(fields.get("CompressedData", "False")):
        encoding, size = "zlib", _compressed_size(fields, path)
    start = _start(fields, start, file, math.prod(header.shape) * dtype.itemsize, path)
    matrix = in_mm(header.matrix, [fields.get("DistanceUnits", "mm")], path)
    notes = () if any(field in fields for field in _LENGTHS) else (_UNSTATED,)
    return ImageFile(VoxelData(file, header.shape, dtype, encoding, start, size), matrix, notes)


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


def _compressed_size(fields: dict[str, str], path: Path) -> int:
    """Number of bytes that the compressed voxels take; without it ITK would read memory that nothing has filled."""
    stated = fields.get("CompressedDataSize", "")
    if not stated.isdecimal() or int(stated) == 0:
        raise InputError(
            f"{path} is damaged: its voxels are compressed, but CompressedDataSize is {stated or 'missing'}.",
            "Copy or export the file again.",
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
