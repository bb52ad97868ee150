"""Writing volumes: complete or not at all, never over an input, never clipped."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pdm_core.atomic import remove, scratch_beside
from pdm_core.errors import InputError, PdmError
from pdm_core.volume.checks import refuse_sheared
from pdm_core.volume.images import NIFTI, data_files, image_suffix, refuse_incomplete, write_image
from pdm_core.volume.names import checked_new_name
from pdm_core.volume.volume import Volume

DTYPES = ("float32", "float64", "int16", "uint16", "int32", "uint8")
_WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_WRITABLE = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")


def write_volume(
    volume: Volume,
    path: str | Path,
    *,
    dtype: str = "float32",
    keys: Mapping[str, str] | None = None,
    ready: Callable[[Path], None] | None = None,
) -> Path:
    """Write `volume` as NIfTI, NRRD or MetaImage, chosen by the name's ending.

    Args:
        volume: what to write; its geometry is kept exactly (in NIfTI to the float32 of its header).
        path: `.nii`, `.nii.gz`, `.nrrd`, `.mha` or `.mhd`; the file appears when it is complete.
        dtype: number format; integers are rounded, and refused where they would clip.
        keys: more entries of the header, which NRRD can hold.
        ready: called with the complete file before it takes its place; what it raises keeps the file from it.

    Raises:
        InputError: unknown ending or format, missing folder, values beyond the format, axes that NIfTI cannot hold.
        PdmError: the disk is full or fails.
    """
    target = checked_output(path)
    if image_suffix(target) in NIFTI:
        refuse_sheared(volume.ijk_to_ras, volume.shape, f"{target} cannot be written: the volume")
    array = _in_format(volume.array, dtype, target)
    # MetaImage's header names its data file, so the pair keeps its final names inside a temporary folder.
    scratch = scratch_beside(target)
    try:
        scratch.mkdir()
        write_image(array, volume.ijk_to_ras, scratch / target.name, keys or {})
        refuse_incomplete(scratch / target.name)
        if ready is not None:
            ready(scratch / target.name)
        for part in sorted(scratch.iterdir(), key=lambda part: part.name == target.name):
            os.replace(part, target.parent / part.name)
    except (RuntimeError, OSError) as error:
        raise PdmError(f"{target} could not be written: {error}.", "Check the disk's space and rights.") from error
    finally:
        remove(scratch)
    return target


def checked_output(path: str | Path) -> Path:
    """Return `path` when a volume can be written there, or raise `InputError`; for use before long work."""
    target = Path(path)
    suffix = image_suffix(target)
    if suffix not in _WRITABLE or not target.name.endswith(suffix):
        raise InputError(f"{target} has no ending for an image.", f"Use one of: {', '.join(_WRITABLE)}, in lower case.")
    if not target.parent.is_dir():
        raise InputError(f"The folder {target.parent} for the output does not exist.", "Create it first.")
    if target.is_dir():
        raise InputError(f"The output {target} is a folder.", "Give the name of a file.")
    if target.exists() and not target.stat().st_mode & _WRITE_BITS:
        # A rename would replace it all the same.
        raise InputError(f"The output {target} exists and is write-protected.", "Choose another name, or remove it first.")
    return checked_new_name(target)


def refuse_overwriting_input(source: str | Path, output: str | Path) -> None:
    """Raise `InputError` when `output` is the file `source`, a link to it, or would land inside the DICOM folder `source`.

    So it is when the voxels would take the place of those of `source`, which lie in a file of their own.
    """
    origin, target = Path(source).resolve(), Path(output).resolve()
    same = target.exists() and origin.exists() and os.path.samefile(origin, target)
    if same or origin == target:
        raise InputError(f"The output {output} is the input.", "Choose another name: an input is never overwritten.")
    if any(os.path.samefile(own, new) for own in data_files(origin) for new in _data_files_of(target) if new.exists()):
        raise InputError(f"The voxels of {output} would overwrite those of the input {source}.", "Choose another name.")
    if origin.is_dir() and target.is_relative_to(origin):
        raise InputError(f"The output {output} lies inside the input folder {source}.", "Choose another folder.")


def check_dtype(dtype: str) -> np.dtype[Any]:
    """The number format of that name, or `InputError`; for use before long work."""
    if dtype not in DTYPES:
        raise InputError(f"There is no output format {dtype!r}.", f"Choose one of: {', '.join(DTYPES)}.")
    return np.dtype(dtype)


def _in_format(array: np.ndarray[Any, Any], dtype: str, target: Path) -> np.ndarray[Any, Any]:
    kind = check_dtype(dtype)
    if kind.kind == "f":
        return array.astype(kind)
    low, high = np.rint(array.min()), np.rint(array.max())
    limits = np.iinfo(kind)
    if low < limits.min or high > limits.max:
        raise InputError(
            f"{target}: the values {low:g} to {high:g} do not fit {dtype} ({limits.min} to {limits.max}).",
            "Write float32: nothing is clipped silently.",
        )
    return np.asarray(np.rint(array).astype(kind))


def _data_files_of(output: Path) -> tuple[Path, ...]:
    """Where the voxels of a new image may come to lie, when its header is a file of its own."""
    return (output.with_suffix(".zraw"), output.with_suffix(".raw")) if image_suffix(output) == ".mhd" else ()
