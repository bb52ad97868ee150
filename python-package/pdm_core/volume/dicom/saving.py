"""DICOM files out, the same with every version of pydicom that is supported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def save_dataset(dataset: Dataset, path: Path, transfer_syntax: str) -> None:
    """Write a data set whose SOP class and instance are set, with preamble and file meta information.

    Args:
        dataset: its file meta information is replaced.
        path: of the new file.
        transfer_syntax: UID of a syntax of explicit VR in little endian; pixel data are there in that syntax already.
    """
    import pydicom
    from pydicom.dataset import FileMetaDataset

    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(transfer_syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    if int(pydicom.__version_info__[0]) >= 3:
        dataset.save_as(path, enforce_file_format=True)
        return
    dataset.is_little_endian, dataset.is_implicit_VR = True, False
    dataset.save_as(path, write_like_original=False)
