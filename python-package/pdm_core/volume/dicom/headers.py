"""Headers of DICOM images among other files, and files that may be such images but cannot be read."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pdm_core.errors import InputError
from pdm_core.volume.dicom.file_start import DICOM_ENDINGS, holds_compressed_dicom, is_bare_data_set, is_compressed, is_marked
from pdm_core.volume.dicom.values import optional_text
from pdm_core.volume.file_kinds import START_BYTES, is_companion, is_dangling, is_other_kind, is_placeholder

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.uid import UID

_DICOMDIR = "1.2.840.10008.1.3.10"
# Names as scanners and archives give them to slices: a number, letters and a number, or a UID.
_SLICE_NAME = re.compile(r"(?:[a-z]{0,5}[-_.]?\d+|.*\d+(?:\.\d+){4,})", re.IGNORECASE)
_FETCH = "Fetch its content, copy or export the series again, or remove it."


class DoubtfulFileError(InputError):
    """A file that may be a damaged slice, or of a kind that is not known: only the files around it can tell."""


def image_header(path: Path) -> Dataset | None:
    """The header of a DICOM image, or None for a file that is positively of another kind.

    A file is judged by its content: texts, documents, pictures, archives, other image formats and DICOM objects without
    pixels are of another kind; companions of macOS and Windows are known by their names.

    Raises:
        DoubtfulFileError: the file is of no kind that is known, of another kind under a name as slices have, or a compressed
            slice.
        InputError: the file cannot be opened, it is a DICOM image that ends within its header, it has an ending of DICOM and
            another content, it is empty under a name as slices have, or it is a link without a target.
    """
    if is_companion(path.name):
        return None
    if is_dangling(path):
        # Whatever its name: it may have stood for the folder of a whole study.
        raise InputError(f"{path} is a link whose target does not exist.", _FETCH)
    try:
        with path.open("rb") as file:
            start = file.read(START_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror or error}.", "Check your rights to read it.") from error
    marked = is_marked(start)
    if not marked and not is_bare_data_set(start):
        _refuse_doubtful(path, start)
        return None
    try:
        dataset = read_header(path)
    except OSError as error:
        # An error of no system call is pydicom's: the file ends within an element.
        if error.errno is None:
            raise _damaged(path) from error
        raise InputError(f"{path} cannot be opened: {error.strerror or error}.", "Check your rights to read it.") from error
    except Exception as error:
        raise _damaged(path) from error
    if "Rows" in dataset and "Columns" in dataset:
        return dataset
    if _should_be_image(dataset):
        raise _damaged(path) if marked else _doubtful(path, "is damaged, or not a DICOM file")
    return None


def may_be_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do, or cannot be opened, which its reader will say."""
    try:
        with path.open("rb") as file:
            start = file.read(START_BYTES)
    except OSError:
        return True
    return is_marked(start) or is_bare_data_set(start)


def read_header(path: Path) -> Dataset:
    """The data elements of a DICOM file before its pixels, also where it has no preamble or does not say its syntax."""
    return _read(path, stop_before_pixels=True)


def read_whole(path: Path) -> Dataset:
    """All data elements of a DICOM file, as `read_header` reads them."""
    return _read(path)


def _read(path: Path, **settings: bool) -> Dataset:
    import pydicom

    with warnings.catch_warnings():
        # What cannot be understood is refused or left out where it is used.
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, force=True, **settings)


def transfer_syntax(dataset: Dataset, path: Path) -> UID:
    """The syntax that a file states, else the one that it was found to have.

    Raises:
        InputError: its pixels are compressed, and it does not say how.
    """
    from pydicom import uid

    stated = optional_text(dataset.file_meta, "TransferSyntaxUID")
    if stated is not None:
        return uid.UID(stated)
    if "PixelData" in dataset and dataset["PixelData"].is_undefined_length:
        raise InputError(
            f"{path} has compressed pixels, and no TransferSyntaxUID (0002,0010) says how.", "Export the series again."
        )
    found = getattr(dataset, "original_encoding", None) or (dataset.is_implicit_VR, dataset.is_little_endian)
    if not found[1]:
        return uid.ExplicitVRBigEndian
    return uid.ImplicitVRLittleEndian if found[0] else uid.ExplicitVRLittleEndian


def is_slice_name(path: Path) -> bool:
    """Whether the name of a file that cannot be read is one that slices have."""
    return path.suffix.lower() in DICOM_ENDINGS or _SLICE_NAME.fullmatch(path.name) is not None


def is_compressed_slice(path: Path) -> bool:
    """Whether a compressed file holds a DICOM file, or has the name of a slice before the ending of its format."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError:
        return False
    return is_compressed(start) and (is_slice_name(path.with_suffix("")) or holds_compressed_dicom(path))


def _refuse_doubtful(path: Path, start: bytes) -> None:
    """Pass over a file of another kind, or raise for one that may be a slice."""
    if path.suffix.lower() in DICOM_ENDINGS:
        raise _damaged(path)
    if not start:
        raise _absent(path, "is empty")
    if is_placeholder(start):
        raise _absent(path, "only stands for a file whose content has not been fetched")
    if is_compressed_slice(path):
        raise DoubtfulFileError(
            f"{path} is a compressed file that seems to hold a slice: the slice would be missing.", "Unpack it, or remove it."
        )
    if not is_other_kind(start) or is_slice_name(path):
        raise _doubtful(path, "is damaged, or not a DICOM file")


def _should_be_image(dataset: Dataset) -> bool:
    """Whether a header without a matrix is that of an image, as its first lines say, or ends before it says so."""
    from pydicom.uid import UID

    if optional_text(dataset.file_meta, "MediaStorageSOPClassUID") == _DICOMDIR:
        return False
    kind = optional_text(dataset, "SOPClassUID")
    return kind is None or "SOPInstanceUID" not in dataset or "Image Storage" in UID(kind).name


def _absent(path: Path, what: str) -> InputError:
    """The refusal of a file without content, which is a slice for certain where its name is that of one."""
    error = _doubtful(path, what)
    return InputError(error.message, error.hint) if is_slice_name(path) else error


def _doubtful(path: Path, what: str) -> DoubtfulFileError:
    return DoubtfulFileError(f"{path} {what}: its slice would be missing.", _FETCH)


def _damaged(path: Path) -> InputError:
    return InputError(
        f"{path} is damaged, or not a DICOM file: its slice would be missing.",
        "Copy or export the series again, or remove it.",
    )
