"""Where a NIfTI file says that it lies: ITK passes over a second place in silence, and over that of a single slice."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, cast

import numpy as np

from pdm_core.volume.volume import Matrix, Volume

APART = "places_apart_mm"
_HEADER_BYTES = 348
# Two places that differ by less are the same one, rounded.
_SAME_MM = 0.1
# Units of length by their codes: metres and micrometres; anything else is taken as mm.
_MM = {1: 1e3, 3: 1e-3}


@contextmanager
def with_its_place(path: Path) -> Iterator[Path]:
    """The file, or a copy where ITK would lose its place in the patient: a slice in two dimensions becomes one in three."""
    header = bytearray(_header(path))
    order = _byte_order(header)
    if order is None or struct.unpack_from(f"{order}h", header, 40)[0] != 2:
        yield path
        return
    with _opened(path) as stream:
        rest = stream.read()[_HEADER_BYTES:]
    struct.pack_into(f"{order}h", header, 40, 3)
    struct.pack_into(f"{order}5h", header, 46, 1, 1, 1, 1, 1)
    if struct.unpack_from(f"{order}f", header, 88)[0] <= 0:
        struct.pack_into(f"{order}f", header, 88, 1.0)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "slice.nii"
        copy.write_bytes(bytes(header) + rest)
        yield copy


def other_place(path: Path, volume: Volume) -> dict[str, float]:
    """An entry for the metadata: by how many mm the place that was not taken lies apart; empty where there is none."""
    header = _header(path)
    order = _byte_order(header)
    if order is None:
        return {}
    slices, rows, columns = volume.shape
    corners = np.array([(i, j, k, 1) for i in (0, columns - 1) for j in (0, rows - 1) for k in (0, slices - 1)])
    gaps = [corners @ (place - volume.ijk_to_ras).T for place in _places(header, order)]
    apart = max((float(np.linalg.norm(gap, axis=1).max()) for gap in gaps), default=0.0)
    return {APART: round(apart, 2)} if apart > _SAME_MM else {}


def notes_on_places(metadata: Mapping[str, Any]) -> Iterator[str]:
    """What to say of a volume whose file states two places."""
    if APART in metadata:
        yield (
            f"The file states two places in the patient, up to {metadata[APART]:g} mm apart (its qform and its sform). That "
            "which Slicer takes was taken, and the result has it alone; other programs may show the input in the other place."
        )


def _places(header: bytes, order: str) -> Iterator[Matrix]:
    """ijk_to_ras by the qform and by the sform, as far as the header has them."""
    by_quaternion, by_matrix = struct.unpack_from(f"{order}2h", header, 252)
    to_mm = np.diag([*[_MM.get(header[123] & 7, 1.0)] * 3, 1.0])
    if by_quaternion > 0:
        spacing = struct.unpack_from(f"{order}4f", header, 76)
        yield to_mm @ _of_quaternion(struct.unpack_from(f"{order}6f", header, 256), spacing)
    if by_matrix > 0:
        yield to_mm @ np.vstack([np.reshape(struct.unpack_from(f"{order}12f", header, 280), (3, 4)), [0, 0, 0, 1]])


def _of_quaternion(quaternion: tuple[float, ...], spacing: tuple[float, ...]) -> Matrix:
    """The matrix of b, c, d and an offset; the first of the spacings is the handedness."""
    b, c, d, *offset = quaternion
    a = np.sqrt(max(0.0, 1 - b * b - c * c - d * d))
    rotation = [
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ]
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(rotation) * (spacing[1], spacing[2], spacing[3] * (-1 if spacing[0] < 0 else 1))
    matrix[:3, 3] = offset
    return matrix


def _header(path: Path) -> bytes:
    """The first bytes of a file, as far as it can be read; what is damaged is said where its voxels are read."""
    try:
        with _opened(path) as stream:
            return stream.read(_HEADER_BYTES)
    except (OSError, EOFError, zlib.error):
        return b""


def _byte_order(header: bytes | bytearray) -> str | None:
    """Of a whole NIfTI-1 header; None for anything else."""
    whole = len(header) == _HEADER_BYTES
    return next((order for order in "<>" if whole and header[:4] == struct.pack(f"{order}i", _HEADER_BYTES)), None)


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb"))
