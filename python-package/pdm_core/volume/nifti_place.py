"""Where a NIfTI file lies in the patient: its header can state this twice (sform and qform), once, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.checks import refuse_sheared
from pdm_core.volume.volume import Matrix

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

APART, MIRRORED = "places_apart_mm", "places_mirrored"
# Two places that differ by less are the same one, rounded.
_SAME_MM = 0.1
# Units of length by their codes: meters and micrometers; anything else is taken as mm.
_MM = {1: 1e3, 3: 1e-3}
# The code of an sform that gives the coordinates of the scanner.
_SCANNER = 1


def nifti_place(
    stated: Nifti1Header, mended: Nifti1Header, shape: tuple[int, int, int], path: Path
) -> tuple[Matrix, list[str], dict[str, Any]]:
    """`ijk_to_ras` of a NIfTI file, sentences to be said of it, and entries for the metadata.

    Of two usable statements the one is taken that ITK and so Slicer take: the sform where it gives the coordinates of the
    scanner (code 1) or says the same as the qform, otherwise the qform. A statement that is broken or sheared is passed over
    where the other one can be used. A file without a statement lies where Slicer puts it.

    Args:
        stated: the header as it is in the file.
        mended: the header with the repairs that nibabel makes; voxel sizes are positive there.
        shape: number of voxels `(K, J, I)`.
        path: of the file, for messages.

    Raises:
        InputError: no statement can be used.
    """
    usable, broken = _statements(stated, mended, shape, path)
    notes = [*_notes_on_zooms(stated), *(_notes_on_handedness(stated) if "qform" in usable else ())]
    if not usable and broken:
        raise next(iter(broken.values()))
    if not usable:
        return _unstated(stated, mended, shape, path), [*notes, _UNSTATED], {}
    notes += [f"One of two places that the file states cannot be used, so the other was taken. {error.message}"
              for error in broken.values()]  # fmt: skip
    places = list(usable.values())
    apart = _apart(places[0], places[-1], shape)
    by_sform = "sform" in usable and (len(places) == 1 or int(stated["sform_code"]) == _SCANNER or apart <= _SAME_MM)
    matrix = usable["sform" if by_sform else "qform"]
    facts: dict[str, Any] = {}
    if apart > _SAME_MM:
        facts[APART] = round(apart, 2)
        if np.linalg.det(places[0][:3, :3]) * np.linalg.det(places[1][:3, :3]) < 0:
            facts[MIRRORED] = True
    elif by_sform:
        notes += _notes_on_sizes(matrix, stated, shape)
    return matrix, notes, facts


def notes_on_places(metadata: Mapping[str, Any]) -> Iterator[str]:
    """What to say of a volume whose file states two places."""
    if APART in metadata:
        mirrored = " They are mirrored against each other: left and right are exchanged." if metadata.get(MIRRORED) else ""
        yield (
            f"The file states two places in the patient, up to {metadata[APART]:g} mm apart (its qform and its sform)."
            f"{mirrored} The result lies in the one that Slicer takes; other programs may show the input in the other place."
        )


_UNSTATED = (
    "The file does not state its place in the patient (its qform and sform codes are 0). It was placed as Slicer places it; "
    "other programs may show it mirrored, so do not trust left and right."
)


def _statements(
    stated: Nifti1Header, mended: Nifti1Header, shape: tuple[int, int, int], path: Path
) -> tuple[dict[str, Matrix], dict[str, InputError]]:
    """The places that the header states: those that can be used, and why the others cannot."""
    usable: dict[str, Matrix] = {}
    broken: dict[str, InputError] = {}
    for name, read in (("sform", mended.get_sform), ("qform", mended.get_qform)):
        if int(stated[f"{name}_code"]) <= 0:
            continue
        source = f"{path}: its {name}"
        try:
            if name == "qform":
                _refuse_no_sizes(stated, shape, source)
            matrix = _in_mm(np.asarray(read(), dtype=np.float64), stated)
            refuse_sheared(matrix, shape, source)
            usable[name] = matrix
        except InputError as error:
            broken[name] = error
        except ValueError as error:
            broken[name] = InputError(f"{source} is broken: {error}.", "Correct the header, or export the file again.")
    return usable, broken


def _unstated(stated: Nifti1Header, mended: Nifti1Header, shape: tuple[int, int, int], path: Path) -> Matrix:
    """The place that Slicer assumes: the first voxel in the origin, i towards the left, j towards the back."""
    _refuse_no_sizes(stated, shape, f"{path}: its header")
    matrix = np.diag([*np.array(mended["pixdim"][1:4], dtype=np.float64) * (-1, -1, 1), 1.0])
    matrix = _in_mm(matrix, stated)
    refuse_sheared(matrix, shape, str(path))
    return matrix


def _refuse_no_sizes(stated: Nifti1Header, shape: tuple[int, int, int], source: str) -> None:
    """Raise `InputError` where a voxel size that matters is 0 or not a number."""
    sizes = [float(size) for size in stated["pixdim"][1:4]]
    if any(number > 1 and not (np.isfinite(size) and size != 0) for number, size in zip(shape[::-1], sizes, strict=True)):
        raise InputError(
            f"{source} states the impossible voxel sizes {', '.join(f'{size:g}' for size in sizes)} (pixdim).",
            "Correct the header, or export the file again.",
        )


def _in_mm(matrix: Matrix, header: Nifti1Header) -> Matrix:
    factor = _MM.get(int(header["xyzt_units"]) & 7, 1.0)
    return np.array([[factor], [factor], [factor], [1.0]]) * matrix


def _apart(one: Matrix, other: Matrix, shape: tuple[int, int, int]) -> float:
    """By how many mm two places of a volume are apart at most, which is at a corner."""
    slices, rows, columns = shape
    corners = np.array([(i, j, k, 1) for i in (0, columns - 1) for j in (0, rows - 1) for k in (0, slices - 1)])
    return float(np.linalg.norm(corners @ (one - other).T, axis=1).max())


def _notes_on_zooms(stated: Nifti1Header) -> Iterator[str]:
    """What to say of negative voxel sizes, which the standard forbids."""
    sizes = [float(size) for size in stated["pixdim"][1:4]]
    if min(sizes) < 0:
        yield (
            f"The header states negative voxel sizes ({', '.join(f'{size:g}' for size in sizes)}). They were taken as "
            "positive, as nibabel takes them; Slicer may show the input mirrored, with left and right exchanged."
        )


def _notes_on_handedness(stated: Nifti1Header) -> Iterator[str]:
    """What to say of a negative sign for the slice axis of the qform that is not -1, the only one in the standard."""
    sign = float(stated["pixdim"][0])
    if sign < 0 and sign != -1:
        yield (
            f"The header states {sign:g} for the handedness of its qform (pixdim[0]), which has to be -1 or 1. It was taken "
            "as 1, as nibabel takes it; Slicer may show the input mirrored along its slice axis."
        )


def _notes_on_sizes(matrix: Matrix, stated: Nifti1Header, shape: tuple[int, int, int]) -> Iterator[str]:
    """What to say of an sform with other voxel sizes than the header states beside it."""
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    sizes = np.abs(np.diag(_in_mm(np.diag([*np.array(stated["pixdim"][1:4], dtype=np.float64), 1.0]), stated))[:3])
    if float((np.abs(spacing - sizes) * (np.array(shape[::-1]) - 1)).max()) > _SAME_MM:
        yield (
            f"The header states voxels of {' x '.join(f'{size:g}' for size in sizes)} mm, but its sform has voxels of "
            f"{' x '.join(f'{size:g}' for size in spacing)} mm, which were taken. Slicer may show the input in another size."
        )
