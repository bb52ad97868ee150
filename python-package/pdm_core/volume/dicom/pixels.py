"""Intensities of DICOM frames, whatever their transfer syntax."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.background import declared_padding
from pdm_core.volume.dicom.bits import PixelBits
from pdm_core.volume.dicom.frames import Frame
from pdm_core.volume.dicom.headers import read_whole, transfer_syntax
from pdm_core.volume.dicom.image_kinds import photometric_interpretation
from pdm_core.volume.dicom.saving import save_dataset
from pdm_core.volume.dicom.stored_padding import StoredPadding
from pdm_core.volume.dicom.values import needed_integer
from pdm_core.volume.padding import Mask, Padding
from pdm_core.volume.volume import FloatArray

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# What says how pixels are stored, and nothing of what they mean.
_STORAGE = (
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
)


def read_pixels(frames: Iterable[Frame], size: tuple[int, int, int]) -> tuple[FloatArray, Padding | None]:
    """Intensities `[K, J, I]` of `frames` in their order, rescaled; each file is opened once for a run of its frames.

    Returns:
        The intensities, and the padding that the headers declare, see `declared_padding`.

    Raises:
        InputError: a file cannot be decoded.
    """
    planes = _planes(frames, size[1:])
    # A header may state any size: memory is taken when the first file has been decoded.
    first = next(planes)
    array, declared = np.empty(size, dtype=np.float32), np.zeros(size, dtype=bool)
    values: list[float] = []
    silent: list[int] = []
    for slot, (plane, padded, value) in enumerate(chain([first], planes)):
        array[slot] = plane
        if padded is not None:
            declared[slot] = padded
            values.append(value)
        else:
            silent.append(slot)
    if not values:
        return array, None
    # Some exports declare the padding in a part of the headers only: what it is there it is in the others too.
    levels = np.append(array[declared], values)
    declared[silent] = (array[silent] >= levels.min()) & (array[silent] <= levels.max())
    return array, declared_padding(array, declared, values[0])


@dataclass(frozen=True, eq=False)
class _Stored:
    """Pixels of a file before rescale.

    Attributes:
        values: `[frame, J, I]`.
        padded: where they are what the header declares as padding; None where it declares nothing.
        padding_value: the declared value.
        turned_at: sum of a stored value and the one shown for it; None where they are the same.
    """

    values: np.ndarray[Any, Any]
    padded: Mask | None = None
    padding_value: int = 0
    turned_at: int | None = None


def _planes(frames: Iterable[Frame], size: tuple[int, int]) -> Iterator[tuple[FloatArray, Mask | None, float]]:
    """Of each frame the intensities, where they are declared as padding, and the intensity of that padding."""
    turned: tuple[int, Path] | None = None
    for path, run in groupby(frames, key=lambda frame: frame.path):
        stored = _stored_values(path, size)
        if stored.turned_at is not None:
            turned = turned or (stored.turned_at, path)
            if stored.turned_at != turned[0]:
                raise InputError(
                    f"{turned[1]} and {path} are MONOCHROME1, but do not agree in BitsStored (0028,0101) or "
                    "PixelRepresentation (0028,0103), so that their white is not the same value.",
                    "Export the series as MONOCHROME2.",
                )
        for frame in run:
            number = frame.number or 0
            padded = None if stored.padded is None else stored.padded[number]
            value = float(_rescaled(np.array(stored.padding_value), frame))
            yield _rescaled(stored.values[number], frame), padded, value


def _rescaled(stored: np.ndarray[Any, Any], frame: Frame) -> FloatArray:
    with np.errstate(over="ignore"):
        # Beyond the range of float32 lie infinities, which are refused with the other voxels that are not numbers.
        return np.asarray((stored.astype(np.float64) * frame.slope + frame.intercept).astype(np.float32))


def _stored_values(path: Path, size: tuple[int, int]) -> _Stored:
    """Decode a file: pydicom for raw and RLE data, GDCM (in SimpleITK) for the JPEG families."""
    import pydicom

    name = "unknown syntax"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = read_whole(path)
            bits = PixelBits.of(dataset, path)
            stated = needed_integer(dataset, "NumberOfFrames", path, range(0, 2**31)) or 1
            syntax = transfer_syntax(dataset, path)
            name = syntax.name
            if "PixelData" in dataset and not dataset.PixelData:
                raise InputError(f"{path} has no pixels: its PixelData (7fe0,0010) is empty.", "Copy or export it again.")
            # One number that is repeated counts as one, but not in the decoders.
            dataset.NumberOfFrames, (dataset.Rows, dataset.Columns) = stated, size
            if syntax.is_compressed and syntax != pydicom.uid.RLELossless:
                words = _decoded_by_gdcm(dataset, syntax)
            else:
                words = _decoded_by_pydicom(dataset, syntax, bits)
            found = max(words.size, 0 if syntax.is_compressed else _raw_words(dataset, bits)) // (size[0] * size[1])
        if found != stated:
            raise InputError(f"{path} holds the pixels of {found} frames, but states {stated}.", "Copy or export it again.")
        bits.refuse_bits_below(words, dataset, path)
        return _without_unused_bits(words.reshape(stated, *size), dataset, bits)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"The pixels of {path} ({name}) cannot be decoded: {error}.", "The file may be damaged.") from error


def _without_unused_bits(words: np.ndarray[Any, Any], dataset: Dataset, bits: PixelBits) -> _Stored:
    """The values in decoded words, with white high, and which of them are padding.

    A padding value may lie outside the range of BitsStored: it is looked for in the whole words as well, and kept whole.
    """
    values, padding = bits.values(words), StoredPadding.of(dataset)
    shown, turned_at = _white_is_high(values, dataset, bits), _turning_sum(values, dataset, bits)
    if padding is None or words.dtype.kind not in "iu":
        return _Stored(shown, turned_at=turned_at)
    low, high = sorted((padding.value, padding.limit))
    padded, beyond = (values >= low) & (values <= high), (words >= low) & (words <= high)
    shown_padding = int(_white_is_high(np.array(padding.value), dataset, bits))
    return _Stored(np.where(beyond & ~padded, shown_padding, shown), padded | beyond, shown_padding, turned_at)


def _raw_words(dataset: Dataset, bits: PixelBits) -> int:
    """How many words a file really holds: pydicom leaves out what is beyond the frames that are stated."""
    return 8 * len(dataset.PixelData) // bits.allocated if "PixelData" in dataset else 0


def _decoded_by_pydicom(dataset: Dataset, syntax: str, bits: PixelBits) -> np.ndarray[Any, Any]:
    """Whole words: versions of pydicom differ in what they do with bits beyond those of the value."""
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.BitsStored, dataset.HighBit = bits.allocated, bits.allocated - 1
    dataset.PixelRepresentation = int(bits.signed)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, photometric_interpretation(dataset)
    return np.asarray(dataset.pixel_array)


def _decoded_by_gdcm(dataset: Dataset, syntax: str) -> np.ndarray[Any, Any]:
    """Stored values by SimpleITK.

    Its reader would rescale by one slope for all frames and turn MONOCHROME1 over, so it is given the bare pixels.
    """
    import pydicom
    import SimpleITK as sitk

    bare = pydicom.Dataset()
    for keyword in _STORAGE:
        if keyword in dataset:
            bare[keyword] = dataset[keyword]
    bare.PhotometricInterpretation = "MONOCHROME2"
    bare.SOPClassUID = pydicom.uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    bare.SOPInstanceUID = pydicom.uid.generate_uid()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "bare.dcm"
        save_dataset(bare, file, syntax)
        return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(file))))


def _white_is_high(stored: np.ndarray[Any, Any], dataset: Dataset, bits: PixelBits) -> np.ndarray[Any, Any]:
    """Stored values with MONOCHROME1, where low is white, turned over as in ITK and Slicer."""
    turned_at = _turning_sum(stored, dataset, bits)
    return stored if turned_at is None else turned_at - stored.astype(np.int64)


def _turning_sum(stored: np.ndarray[Any, Any], dataset: Dataset, bits: PixelBits) -> int | None:
    """Sum of a stored value and the one shown for it; None where values are shown as they are stored."""
    is_shown = photometric_interpretation(dataset) != "MONOCHROME1" or stored.dtype.kind == "f"
    return None if is_shown else bits.reversed_from
