"""NRRD (`.nrrd`, `.nhdr`), read without ITK, which ends the whole process at some damaged headers of this format."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.text_header import in_mm
from pdm_core.volume.volume import Matrix
from pdm_core.volume.voxel_data import ImageFile, VoxelData, three_dimensional

_HEADER_BYTES = 2**20
# Names of number formats without their optional words: "signed", a last "int" behind another word, "_t".
_FORMATS = {
    "char": "i1", "int8": "i1", "uchar": "u1", "unsigned char": "u1", "uint8": "u1",
    "short": "i2", "int16": "i2", "ushort": "u2", "unsigned short": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "unsigned int": "u4", "unsigned": "u4", "uint32": "u4",
    "longlong": "i8", "long long": "i8", "int64": "i8",
    "ulonglong": "u8", "unsigned long long": "u8", "uint64": "u8", "float": "f4", "double": "f8",
}  # fmt: skip
# Kinds of axes along which an image extends in space.
_SPATIAL = ("domain", "space", "none", "???")
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
    fields, keys, end = _fields(path)
    shape = three_dimensional(_spatial_sizes(fields, path), path)
    name = fields.get("datafile", "")
    if re.match(r"LIST\b", name) or "%" in name:
        raise InputError(f"{path} keeps its voxels in several files ({name}).", "Save it as one file.")
    encoding = _ENCODINGS.get(fields.get("encoding", "raw").lower())
    if encoding is None:
        raise InputError(f"{path} has the encoding {fields['encoding']}.", "Save it with the encoding gzip or raw.")
    dtype = _dtype(fields, path)
    file = path.parent / name if name else path
    start, skip = _skipped(fields, file, 0 if name else end, encoding, math.prod(shape) * dtype.itemsize)
    voxels = VoxelData(file, shape, dtype, encoding, start, skip=skip)
    label = {"intent": "label"} if "Segment0_ID" in keys or path.name.lower().endswith(".seg.nrrd") else {}
    matrix = in_mm(_matrix(fields, path), _units(fields, path), path)
    return ImageFile(voxels, matrix, tuple(_notes(fields, path)), label)


def _spatial_sizes(fields: dict[str, str], path: Path) -> list[int]:
    """Numbers of voxels along the axes in space, the quickest first.

    Raises:
        InputError: an axis of another kind has more than one entry, or the sizes do not fit the dimension.
    """
    sizes = [int(size) for size in _numbers(fields.get("sizes", "").split(), path)]
    if not sizes or fields.get("dimension", "") != str(len(sizes)):
        raise InputError(f"{path} states dimension {fields.get('dimension')} and sizes {sizes}.", "The file may be damaged.")
    spatial = _spatial(fields)
    if len(spatial) != len(sizes):
        raise InputError(f"{path} states {len(spatial)} kinds or directions of {len(sizes)} axes.", "The file may be damaged.")
    if any(size > 1 and not one for size, one in zip(sizes, spatial, strict=True)):
        raise InputError(
            f"{path} is a color or vector image, or holds several volumes.", "Super-resolution needs one gray value a voxel."
        )
    return [size for size, one in zip(sizes, spatial, strict=True) if one]


def _spatial(fields: dict[str, str]) -> list[bool]:
    """Of each axis, whether the image extends along it in space."""
    if directions := _directions(fields):
        return [direction.startswith("(") for direction in directions]
    kinds = fields.get("kinds", "").split()
    return [kind.lower() in _SPATIAL for kind in kinds] or [True] * len(fields.get("sizes", "").split())


def _directions(fields: dict[str, str]) -> list[str]:
    """The direction of each axis, `(x,y,z)` or `none`, as words; they need not be separated by blanks."""
    return re.findall(r"\([^)]*\)|[^\s(]+", fields.get("spacedirections", ""))


def _along(fields: dict[str, str], name: str, path: Path) -> list[str]:
    """What a field states of each axis in space, up to the third: an entry without quotes for each, or none at all.

    Raises:
        InputError: the field does not have as many entries as the image has axes.
    """
    words, spatial = _words(fields.get(name, "")), _spatial(fields)
    if words and len(words) != len(spatial):
        raise InputError(
            f"{path} states {len(words)} {name} of {len(spatial)} axes: {fields[name]}.", "The file may be damaged."
        )
    return [word for word, one in zip(words, spatial, strict=False) if one][:3]


def _words(text: str) -> list[str]:
    """Entries that are separated by blanks, or stand in quotes, which are taken off."""
    return [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', text)]


def _units(fields: dict[str, str], path: Path) -> list[str]:
    """Units of length: of the space for directions, and of each axis for spacings."""
    if "spacedirections" in fields:
        return _words(fields.get("spaceunits", ""))
    return _along(fields, "units", path)


def _dtype(fields: dict[str, str], path: Path) -> np.dtype[Any]:
    """Number format of the stored voxels."""
    words = fields.get("type", "").lower().removesuffix("_t").removeprefix("signed ")
    code = _FORMATS.get(words) or _FORMATS.get(words.removesuffix(" int"))
    if code is None:
        raise InputError(f"{path} holds voxels of the type {words or 'unknown'}.", "Super-resolution needs real gray values.")
    return np.dtype((">" if fields.get("endian", "little").lower() == "big" else "<") + code)


def _matrix(fields: dict[str, str], path: Path) -> Matrix:
    """`ijk_to_ras` in the units of the file; a 2-D slice lies in the plane S = 0."""
    matrix = _by_directions(fields, path) if "spacedirections" in fields else _by_spacings(fields, path)
    signs = _PATIENT_SPACES.get(fields.get("space", "").lower(), _LPS)
    return np.asarray(np.diag([*signs, 1.0]) @ matrix)


def _by_directions(fields: dict[str, str], path: Path) -> Matrix:
    """Voxel index to the space of the file, by a vector for each axis in space."""
    vectors = [_numbers(text.strip("()").split(","), path) for text in _directions(fields) if text.startswith("(")]
    used = len(vectors)
    origin = _numbers(fields.get("spaceorigin", ",".join(["0"] * used)).strip("()").split(","), path)
    if used not in (2, 3) or any(len(vector) != used for vector in (*vectors, origin)):
        raise InputError(f"{path} states directions that do not fit its axes in space.", "Correct the header.")
    matrix = np.eye(4)
    matrix[:used, :used] = np.array(vectors).T
    matrix[:used, 3] = origin
    return matrix


def _by_spacings(fields: dict[str, str], path: Path) -> Matrix:
    """Voxel index to the space of the file, by the voxel sizes along its axes and where they begin.

    As in ITK, an unknown voxel size is 1, and where any number is unknown the first voxel lies in the origin.
    """
    matrix = np.eye(4)
    sizes, mins = _along(fields, "spacings", path), _along(fields, "axismins", path)
    nodes = _along(fields, "centers" if "centers" in fields else "centerings", path)
    for axis, spacing in enumerate(_numbers(["1" if _is_unknown(word) else word for word in sizes], path)):
        matrix[axis, axis] = spacing
    if any(map(_is_unknown, (*sizes, *mins))):
        return matrix
    for axis, least in enumerate(_numbers(mins, path)):
        # Axis minima are borders of voxels, unless the axis is said to be sampled at nodes.
        half = 0.0 if nodes[axis : axis + 1] == ["node"] else matrix[axis, axis] / 2
        matrix[axis, 3] = least + half
    return matrix


def _is_unknown(word: str) -> bool:
    """Whether a word stands for a number that is not known."""
    return word.lower() == "nan"


def _numbers(words: list[str], path: Path) -> list[float]:
    """Finite numbers of a header, or `InputError`."""
    try:
        numbers = [float(word) for word in words]
    except ValueError as error:
        raise InputError(f"{path} has odd numbers in its header: {error}.", "Correct the header.") from error
    if not np.isfinite(numbers).all():
        raise InputError(f"{path} has numbers in its header that are not finite: {', '.join(words)}.", "Correct the header.")
    return numbers


def _notes(fields: dict[str, str], path: Path) -> list[str]:
    """What a user should know of a header that leaves out sizes or space."""
    notes = []
    sizes = [word for word in _along(fields, "spacings", path) if not _is_unknown(word)]
    if "spacedirections" in fields:
        sizes = [direction for direction in _directions(fields) if direction.startswith("(")]
    if len(sizes) < min(3, sum(_spatial(fields))):
        notes.append(_NO_SIZES)
    if fields.get("space", "").lower() not in _PATIENT_SPACES:
        notes.append(_NO_SPACE)
    return notes


def _fields(path: Path) -> tuple[dict[str, str], set[str], int]:
    """Fields (by their names in lower case without spaces), the keys of free entries, and where the header ends.

    Free entries (`key:=value`) may have the names of fields, whose meaning they do not have.
    """
    fields: dict[str, str] = {}
    keys: set[str] = set()
    with path.open("rb") as stream:
        if not stream.readline(_HEADER_BYTES).startswith(b"NRRD000"):
            raise InputError(f"{path} cannot be read as NRRD: it does not begin as such a file.", "The file may be damaged.")
        while (line := stream.readline(_HEADER_BYTES).decode("utf-8", errors="replace")) and line.strip():
            if line.startswith("#"):
                continue
            key, free, _ = line.partition(":=")
            name, separator, value = line.partition(":")
            if free and ": " not in key:
                keys.add(key)
            elif separator:
                fields[name.replace(" ", "").lower()] = value.strip()
        return fields, keys, stream.tell()


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
