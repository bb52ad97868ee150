"""Writing volumes: complete or not at all, never over an input, never clipped."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.images import image_suffix, write_image
from pdm_core.volume.volume import Volume

DTYPES = ("float32", "float64", "int16", "uint16", "int32", "uint8")
_WRITABLE = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")


def write_volume(volume: Volume, path: str | Path, *, dtype: str = "float32", keys: Mapping[str, str] | None = None) -> Path:
    """Write `volume` as NIfTI, NRRD or MetaImage, chosen by the name's ending.

    Args:
        volume: what to write; its geometry is kept exactly (in NIfTI to the float32 of its header).
        path: `.nii`, `.nii.gz`, `.nrrd`, `.mha` or `.mhd`; the file appears when it is complete.
        dtype: number format; integers are rounded, and refused where they would clip.
        keys: more entries of the header, which NRRD can hold.

    Raises:
        InputError: unknown ending or format, missing folder, values beyond the format, disk trouble.
    """
    target = checked_output(path)
    array = _in_format(volume.array, dtype, target)
    # MetaImage's header names its data file, so the pair keeps its final names inside a temporary folder.
    scratch = target.parent / f".{target.name}.{os.getpid()}.part"
    try:
        scratch.mkdir()
        write_image(array, volume.ijk_to_ras, scratch / target.name, keys or {})
        for part in sorted(scratch.iterdir(), key=lambda part: part.name == target.name):
            os.replace(part, target.parent / part.name)
    except (RuntimeError, OSError) as error:
        raise InputError(f"{target} could not be written: {error}.", "Check the disk's space and rights.") from error
    finally:
        _remove(scratch)
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
    return target


def refuse_overwriting_input(source: str | Path, output: str | Path) -> None:
    """Raise `InputError` when `output` is the file `source`, a link to it, or would land inside the DICOM folder `source`."""
    origin, target = Path(source).resolve(), Path(output).resolve()
    same = target.exists() and origin.exists() and os.path.samefile(origin, target)
    if same or origin == target:
        raise InputError(f"The output {output} is the input.", "Choose another name: an input is never overwritten.")
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


def _remove(folder: Path) -> None:
    if folder.is_dir():
        for part in folder.iterdir():
            part.unlink()
        folder.rmdir()
