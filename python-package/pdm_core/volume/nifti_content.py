"""What ITK's NIfTI reader passes over in silence: a file that ends too early becomes zeros, and so does what is no number."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from pdm_core.errors import InputError

_FLOATS = {16: "f4", 64: "f8"}
_BLOCK = 2**22
_HEADER_BYTES = 348


@dataclass(frozen=True)
class _Layout:
    """What a header says of the voxels: byte order, type code, bits of one, number."""

    order: str
    datatype: int
    bits: int
    voxels: int


def count_not_numbers(path: Path) -> int:
    """Read a NIfTI file through and count its NaN and infinite voxels.

    Raises:
        InputError: the file ends before its last voxel, or its compression is damaged.
    """
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with cast(BinaryIO, opener(path, "rb")) as stream:
            return _checked(stream, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is damaged: {error}.", "Copy or export the file again.") from error


def _checked(stream: BinaryIO, path: Path) -> int:
    layout = _layout(stream.read(4), stream)
    if layout is None:
        return 0
    wanted = layout.voxels * layout.bits // 8
    kind = np.dtype(layout.order + _FLOATS[layout.datatype]) if layout.datatype in _FLOATS else None
    found = bad = 0
    while found < wanted and (block := stream.read(min(_BLOCK, wanted - found))):
        found += len(block)
        if kind is not None:
            values = np.frombuffer(block[: len(block) - len(block) % kind.itemsize], dtype=kind)
            bad += values.size - int(np.isfinite(values).sum())
    if found < wanted:
        raise InputError(
            f"{path} is cut off: it holds {found} of the {wanted} bytes that its voxels need.", "Copy or export it again."
        )
    # Behind the last voxel lies the checksum of what is compressed.
    stream.read(1)
    return bad


def _layout(size: bytes, stream: BinaryIO) -> _Layout | None:
    """The layout that the header announces, with the stream moved to the first voxel; None for what is no NIfTI-1."""
    order = next((order for order in "<>" if size == struct.pack(f"{order}i", _HEADER_BYTES)), None)
    if order is None:
        return None
    header = size + stream.read(_HEADER_BYTES - len(size))
    if len(header) < _HEADER_BYTES:
        raise EOFError("it ends within its header")
    dimensions = struct.unpack(f"{order}8h", header[40:56])
    datatype, bits = struct.unpack(f"{order}2h", header[70:74])
    (offset,) = struct.unpack(f"{order}f", header[108:112])
    stream.read(int(offset) - _HEADER_BYTES)
    return _Layout(order, datatype, bits, math.prod(dimensions[1 : 1 + dimensions[0]]))
