"""Voxels of a NIfTI file that are not numbers: ITK's reader turns them into zeros without a word, so they are counted here."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

_FLOATS = {16: "f4", 64: "f8"}
_HEADER_BYTES = 348
_BLOCK = 2**22


def count_not_numbers(path: Path) -> int:
    """Number of NaN and infinite voxels in a NIfTI-1 file of floating-point values; 0 for any other file."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with cast(BinaryIO, opener(path, "rb")) as stream:
        header = stream.read(_HEADER_BYTES)
        order = next((order for order in "<>" if struct.unpack(f"{order}i", header[:4])[0] == _HEADER_BYTES), None)
        if order is None or len(header) < _HEADER_BYTES:
            return 0
        (datatype,) = struct.unpack(f"{order}h", header[70:72])
        (offset,) = struct.unpack(f"{order}f", header[108:112])
        if datatype not in _FLOATS:
            return 0
        stream.read(int(offset) - _HEADER_BYTES)
        kind = np.dtype(order + _FLOATS[datatype])
        bad = 0
        while block := stream.read(_BLOCK):
            values = np.frombuffer(block[: len(block) - len(block) % kind.itemsize], dtype=kind)
            bad += values.size - int(np.isfinite(values).sum())
        return bad
