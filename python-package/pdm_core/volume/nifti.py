"""Headers of NIfTI (one file or a pair, version 1 or 2) and of FreeSurfer's MGH, as nibabel reads them."""

from __future__ import annotations

import logging
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.nifti_place import nifti_place
from pdm_core.volume.voxel_data import ImageFile, VoxelData, encoding_of, opened, three_dimensional

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

# What a header is refused for, in nibabel's levels: lesser faults are mended as the standard says.
_REFUSED = 40
_HEADER_BYTES = 540
# The numbers of an MGH header, and the flag among them that the place is known; nibabel sets it where it fills in a place.
_MGH_BYTES, _MGH_PLACED = 110, 28
_PAIR, _PAIR_2 = b"ni1", b"ni2"
_LABEL_INTENT = 1002
_UNSTATED_MGH = (
    "The file does not state its place in the patient. It was taken as coronal, as FreeSurfer takes it; do not trust left and "
    "right."
)
_DAMAGED = "The file may be damaged: copy or export it again."


def nifti_image(path: Path) -> ImageFile:
    """What a NIfTI header says; of a pair, `path` is the header.

    Raises:
        InputError: it is not a NIfTI header, is damaged, or states no place that can be used.
    """
    stated, header = _nifti_headers(path)
    pair = bytes(header["magic"].item()).startswith((_PAIR, _PAIR_2))
    if pair != path.name.lower().endswith(".hdr"):
        raise InputError(
            f"{path} is {'a part of a pair' if pair else 'a single file'} by its content, but not by its name.",
            "Name single files .nii, and pairs .hdr and .img.",
        )
    with _readable(path, "NIfTI"):
        shape = three_dimensional(header.get_data_shape(), path)
        slope, intercept = header.get_slope_inter()
        dtype = header.get_data_dtype()
        matrix, notes, facts = nifti_place(stated, header, shape, path)
    file = pair_voxels(path) if pair else path
    voxels = VoxelData(
        file, shape, dtype, _encoding(file), skip=_offset(header, path), slope=slope or 1.0, intercept=intercept or 0.0
    )
    return ImageFile(voxels, matrix, notes, {**facts, **_facts(header)})


def mgh_image(path: Path) -> ImageFile:
    """What the header of an `.mgz` or `.mgh` file says.

    Raises:
        InputError: it is damaged.
    """
    from nibabel.freesurfer.mghformat import DATA_OFFSET, MGHHeader

    with _readable(path, "MGH"):
        with opened(path) as stream:
            # The scan's parameters, which follow the voxels, are not needed.
            block = stream.read(DATA_OFFSET)[:_MGH_BYTES]
        header = MGHHeader(block, check=False)
        header.check_fix(logger=_silent(), error_level=_REFUSED)
        shape = three_dimensional([int(number) for number in header["dims"]], path)
        dtype = np.dtype(header.get_data_dtype()).newbyteorder(">")
        matrix = np.asarray(header.get_affine(), dtype=np.float64)
        (placed,) = struct.unpack_from(">h", block, _MGH_PLACED)
    voxels = VoxelData(path, shape, dtype, encoding_of(path), skip=DATA_OFFSET, alone=False)
    return ImageFile(voxels, matrix, () if placed else (_UNSTATED_MGH,))


def pair_voxels(header: Path) -> Path:
    """The file of voxels that belongs to the header of a pair, `.img` or, where the header is `.HDR`, `.IMG`."""
    return header.with_suffix(".IMG" if header.suffix.isupper() else ".img")


def _nifti_headers(path: Path) -> tuple[Nifti1Header, Nifti1Header]:
    """The header as it is in the file, and with the repairs of lesser faults that the standard allows."""
    from nibabel.analyze import AnalyzeHeader
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    with _readable(path, "NIfTI"):
        with opened(path) as stream:
            block = stream.read(_HEADER_BYTES)
        kind = next((kind for kind in (Nifti1Header, Nifti2Header) if kind.may_contain_header(block)), None)
        if kind is None and AnalyzeHeader.may_contain_header(block):
            raise InputError(
                f"{path} is an Analyze 7.5 file, which does not state left and right.",
                "Convert it to NIfTI with a program that knows where it comes from.",
            )
        if kind is None:
            raise InputError(f"{path} cannot be read as NIfTI: it does not begin as such a file.", _DAMAGED)
        stated = kind(block[: kind.sizeof_hdr], check=False)
        mended = stated.copy()
        mended.check_fix(logger=_silent(), error_level=_REFUSED)
    return stated, mended


@contextmanager
def _readable(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever nibabel raises for a damaged header into `InputError`: its errors have no common class."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path} cannot be read as {kind}: {error}.", _DAMAGED) from error


def _offset(header: Nifti1Header, path: Path) -> int:
    """Bytes before the first voxel. Writers that leave 0 mean the least that a single file can have."""
    offset = float(header["vox_offset"])
    if not (math.isfinite(offset) and offset >= 0):
        raise InputError(f"{path} states the offset {offset:g} of its voxels (vox_offset).", _DAMAGED)
    return int(offset) or int(header.single_vox_offset if header["magic"].item()[1:2] == b"+" else 0)


def _encoding(file: Path) -> str:
    return encoding_of(file) if file.is_file() else "raw"


def _facts(header: Nifti1Header) -> dict[str, Any]:
    """Entries for the metadata: the axis across the slices, and that the values are labels."""
    _, _, slice_axis = header.get_dim_info()
    facts: dict[str, Any] = {} if slice_axis is None else {"slice_axis": int(slice_axis)}
    if int(header["intent_code"]) == _LABEL_INTENT:
        facts["intent"] = "label"
    return facts


def _silent() -> logging.Logger:
    """nibabel says what it mends in a log that goes to the user's terminal."""
    logger = logging.getLogger("pdm_core.nifti")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
