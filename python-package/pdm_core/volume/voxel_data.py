"""Voxels of an image file, decoded block by block: every byte is accounted for, and damage is always an error."""

from __future__ import annotations

import bz2
import gzip
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.volume import NOTES, FloatArray, Matrix

_BLOCK = 2**22
_GZIP_MAGIC = b"\x1f\x8b"
# How many bytes of voxels one byte of a file can stand for, by encoding. What exceeds it is known without reading.
_MOST = {"raw": 1.0, "hex": 0.5, "text": 4.0, "gzip": 1040.0, "zlib": 1040.0, "bzip2": 2.0**20}


@dataclass(frozen=True)
class VoxelData:
    """Where the voxels of an image lie and how they are stored.

    Attributes:
        path: the file that holds the voxels, which need not be the file of the header.
        shape: number of voxels `(K, J, I)`; `i` varies fastest in the file.
        dtype: number format of a stored voxel, with its byte order.
        encoding: `raw`, `gzip`, `zlib`, `bzip2`, `hex` or `text`.
        start: bytes of the file before the encoded data.
        size: number of encoded bytes that have to be used up exactly, where the header states it.
        skip: decoded bytes before the first voxel.
        slope: factor from stored to real values.
        intercept: what is added to the scaled values.
        alone: nothing but padding may follow the voxels.
    """

    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    encoding: str = "raw"
    start: int = 0
    size: int | None = None
    skip: int = 0
    slope: float = 1.0
    intercept: float = 0.0
    alone: bool = True

    def read(self) -> FloatArray:
        """The scaled voxels as float32 `[K, J, I]`.

        Raises:
            InputError: the data are damaged, end before the last voxel, or hold more than the header announces (a part of a
                slice is padding, unless the format knows none).
        """
        scaled = (self.slope, self.intercept) != (1.0, 0.0)
        blocks = self._blocks()
        image = np.empty(math.prod(self.shape), np.float32)
        filled = 0
        with np.errstate(over="ignore"):
            for block in blocks:
                values = block * np.float64(self.slope) + self.intercept if scaled else block
                image[filled : filled + block.size] = values
                filled += block.size
        return image.reshape(self.shape)

    def check(self) -> None:
        """Read the voxels through without keeping them; raises what `read` raises."""
        for _ in self._blocks():
            pass

    def _blocks(self) -> Iterator[np.ndarray[Any, Any]]:
        """Stored values in the order of the file. What can be refused at once is refused before anything is allocated."""
        wanted = math.prod(self.shape) * self.dtype.itemsize
        available = self.path.stat().st_size - self.start
        if wanted > available * _MOST[self.encoding] or (self.size or 0) > available:
            raise self._cut_off()
        return self._decoded(wanted)

    def _decoded(self, wanted: int) -> Iterator[np.ndarray[Any, Any]]:
        found, rest = -self.skip, b""
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.start)
                for piece in _decoded_bytes(stream, self):
                    voxels = piece[max(0, -found) : max(0, wanted - found)]
                    found += len(piece)
                    whole = len(rest + voxels) // self.dtype.itemsize
                    if whole:
                        yield np.frombuffer(rest + voxels, self.dtype, whole)
                    rest = (rest + voxels)[whole * self.dtype.itemsize :]
        except (EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
            raise InputError(f"{self.path} is damaged: {error}.", "Copy or export the file again.") from error
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error}.", "Copy or export the file again.") from error
        if found < wanted:
            raise self._cut_off()
        spare = 0 if self.encoding == "zlib" else wanted // self.shape[0] - 1
        if self.alone and found - wanted > spare:
            raise InputError(
                f"{self.path} holds {found} bytes of voxels, its header announces {wanted}: slices would be left out.",
                "Correct the header, or export the file again.",
            )

    def _cut_off(self) -> InputError:
        wanted = math.prod(self.shape) * self.dtype.itemsize
        return InputError(
            f"{self.path} is cut off or damaged: it holds fewer than the {wanted} bytes that its voxels need.",
            "Copy or export the file again.",
        )


@dataclass(frozen=True)
class ImageFile:
    """What the header of an image file says.

    Attributes:
        voxels: where the voxels are.
        ijk_to_ras: 4x4; voxel index `(i, j, k, 1)` to mm in RAS.
        notes: what a user should know about the place in the patient, in sentences.
        facts: further entries for the metadata of the volume.
    """

    voxels: VoxelData
    ijk_to_ras: Matrix
    notes: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """The entries for the metadata of the volume."""
        return {**self.facts, **({NOTES: list(self.notes)} if self.notes else {})}


def three_dimensional(size: Sequence[int], path: Path) -> tuple[int, int, int]:
    """The shape `(K, J, I)` of an image of `size` `(I, J, K, 1, ...)`; a 2-D image is one slice.

    Raises:
        InputError: the image has one dimension, more than three, or a size that is not positive.
    """
    numbers = [int(number) for number in size]
    while len(numbers) > 3 and numbers[-1] == 1:
        numbers.pop()
    if len(numbers) not in (2, 3):
        raise InputError(f"{path} has {len(numbers)} dimensions.", "Split it into volumes of three dimensions first.")
    if min(numbers) < 1:
        raise InputError(f"{path} has the size {numbers}, which is impossible.", "The file may be damaged: export it again.")
    i, j, k = (*numbers, 1)[:3]
    return k, j, i


def opened(path: Path) -> BinaryIO:
    """The decompressed content of a file that may be compressed by gzip, whatever its name says."""
    return cast(BinaryIO, gzip.open(path, "rb") if encoding_of(path) == "gzip" else path.open("rb"))


def encoding_of(path: Path) -> str:
    """`gzip` or `raw`, by the first bytes of a file."""
    with path.open("rb") as stream:
        return "gzip" if stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC else "raw"


def _decoded_bytes(stream: BinaryIO, data: VoxelData) -> Iterator[bytes]:
    """Decoded bytes from where `stream` stands, to the end of the data."""
    if data.encoding == "zlib":
        yield from _inflated(stream, data.size)
    elif data.encoding == "hex":
        yield bytes.fromhex(stream.read().decode("ascii"))
    elif data.encoding == "text":
        yield _from_text(stream.read(), data.dtype)
    else:
        plain: Any = {
            "raw": lambda: stream,
            "gzip": lambda: gzip.GzipFile(fileobj=stream),
            "bzip2": lambda: bz2.BZ2File(stream),
        }
        yield from iter(partial(plain[data.encoding]().read, _BLOCK), b"")


def _inflated(stream: BinaryIO, size: int | None) -> Iterator[bytes]:
    """What a zlib or gzip stream of `size` bytes holds; it has to end where these bytes end."""
    engine = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
    left = size if size is not None else 2**63
    while left and (block := stream.read(min(_BLOCK, left))):
        left -= len(block)
        while piece := engine.decompress(block, _BLOCK):
            yield piece
            block = engine.unconsumed_tail
        if engine.unused_data:
            raise zlib.error("other bytes follow the end of the compressed voxels")
    if not engine.eof:
        raise EOFError("the compressed voxels end too early")


def _from_text(text: bytes, dtype: np.dtype[Any]) -> bytes:
    """Bytes of the numbers that a text lists."""
    numbers = np.array(text.split(), dtype=np.float64)
    with np.errstate(all="ignore"):
        stored = numbers.astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(stored, numbers):
        raise ValueError(f"it lists numbers that are not {dtype} values")
    return stored.tobytes()
