"""Headers of DICOM images among other files, and files that should be one and are damaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pdm_core.errors import InputError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_ENDINGS = (".dcm", ".ima")


def image_header(path: Path) -> Dataset | None:
    """Header of a DICOM image, or None for any other file.

    Raises:
        InputError: the file cannot be opened, or it is a DICOM image that ends within its header.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
    except InvalidDicomError as error:
        # Files of macOS beside others are named ._NAME and hold no image.
        if path.suffix.lower() in _ENDINGS and not path.name.startswith("."):
            raise _damaged(path) from error
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror or error}.", "Check your rights to read it.") from error
    except Exception as error:
        raise _damaged(path) from error
    if "Rows" in dataset and "Columns" in dataset:
        return dataset
    if _should_be_image(dataset):
        raise _damaged(path)
    return None


def _should_be_image(dataset: Dataset) -> bool:
    """Whether a header without a matrix is that of an image, as its first lines say, or ends before it says so."""
    kind = dataset.file_meta.get("MediaStorageSOPClassUID") or dataset.get("SOPClassUID")
    return kind is None or "Image Storage" in kind.name


def _damaged(path: Path) -> InputError:
    return InputError(
        f"{path} is damaged, or no DICOM file: its slice would be missing.", "Copy or export the series again, or remove it."
    )
