"""How DICOM files begin, plain or within a compressed file."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any

DICOM_ENDINGS = (".dcm", ".ima", ".dicom")
_MARK, _MARK_END = b"DICM", 132
# Groups and lengths with which a data set without a preamble may begin.
_FIRST_GROUPS, _LONGEST_FIRST_VALUE = (0x0002, 0x0008), 256
_OPENERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_ZIP = b"PK\3\4"
# So many members of an archive are looked at; a folder of slices has them among the first.
_LOOKED_AT = 20


def is_marked(start: bytes) -> bool:
    """Whether a file begins with the preamble and the mark of a DICOM file."""
    return start[128:_MARK_END] == _MARK


def is_bare_data_set(start: bytes) -> bool:
    """Whether a file without a preamble begins with a data element of one of the first groups."""
    if len(start) < 8:
        return False
    for order in "<>":
        group, _, length = struct.unpack_from(f"{order}HHI", start)
        explicit = start[4:6].isalpha() and start[4:6].isupper()
        if group in _FIRST_GROUPS and (explicit or length <= _LONGEST_FIRST_VALUE):
            return True
    return False


def holds_compressed_dicom(path: Path) -> bool:
    """Whether a file of gzip, bzip2, xz or ZIP holds a DICOM file, by its first bytes or its members' names.

    A file that cannot be unpacked holds none.
    """
    with suppress(
        OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, lzma.LZMAError, zipfile.BadZipFile
    ):
        with path.open("rb") as file:
            start = file.read(8)
        if start.startswith(_ZIP):
            return _is_zip_of_dicom(path)
        for magic, opener in _OPENERS.items():
            if start.startswith(magic):
                with opener(path) as stream:
                    return _is_dicom(stream)
    return False


def is_compressed(start: bytes) -> bool:
    """Whether a file is one that `holds_compressed_dicom` can look into, by its first bytes."""
    return start.startswith((_ZIP, *_OPENERS))


def _is_zip_of_dicom(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        for member in islice((member for member in archive.infolist() if not member.is_dir()), _LOOKED_AT):
            if member.filename.lower().endswith(DICOM_ENDINGS):
                return True
            with archive.open(member) as stream:
                if _is_dicom(stream):
                    return True
    return False


def _is_dicom(stream: IO[bytes]) -> bool:
    start = stream.read(_MARK_END)
    return is_marked(start) or is_bare_data_set(start)
