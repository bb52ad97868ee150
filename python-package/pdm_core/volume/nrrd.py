"""NRRD (`.nrrd`, `.nhdr`): where the voxels are and how they are stored, and in which units and space they lie."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.itk_header import in_mm, read_itk_header, refuse_odd_numbers
from pdm_core.volume.volume import Matrix
from pdm_core.volume.voxel_data import ImageFile, VoxelData

_HEADER_BYTES = 2**20
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


def nrrd_image(path: Path) -> ImageFile:
    """What an NRRD header says.

    Raises:
        InputError: the header is damaged, or describes something else than one scalar volume in one file.
    """
    fields, end = _fields(path)
    refuse_odd_numbers(fields, _GEOMETRY, path)
    header = read_itk_header(path)
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
