"""The place of a stack in the patient: slices ordered along the normal, and refused when they form no regular grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.dicom.frames import Frame
from pdm_core.volume.volume import Matrix

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Headers round positions to a few micrometres; a share of the spacing covers coarser writers.
_TOLERANCE_MM, _TOLERANCE_SHARE = 0.02, 0.01
_TILT_DEGREES = 0.3
# By so much of a pixel a slice may lie beside the line through the others.
_ASIDE_SHARE = 0.1


def ordered(frames: Sequence[Frame]) -> list[Frame]:
    """Frames by their position along the normal, never by name or number."""
    normal = frames[0].normal
    return sorted(frames, key=lambda frame: float(frame.position @ normal))


def same_place(first: float, second: float) -> bool:
    """Whether two positions along a normal, in mm, are those of one slice."""
    return abs(second - first) < _TOLERANCE_MM


def aside_tolerance(frame: Frame) -> float:
    """By so many mm a slice may lie beside the line through the others of its stack."""
    return max(_TOLERANCE_MM, _ASIDE_SHARE * min(frame.spacing))


def stack_matrix(frames: Sequence[Frame], source: str, thickness: float | None) -> Matrix:
    """ijk_to_ras of ordered frames.

    Args:
        frames: in their order along the normal.
        source: for messages.
        thickness: slice thickness in mm, the third spacing of a single slice.

    Raises:
        InputError: duplicate positions, a missing slice, uneven spacing, a tilted gantry or slices beside each other.
    """
    first = frames[0]
    _check_normal_matrix(first, source)
    step = first.normal * (thickness or max(first.spacing))
    if len(frames) > 1:
        _check_distances(frames, source)
        step = (frames[-1].position - first.position) / (len(frames) - 1)
        _check_tilt(step, first.normal, source)
        _check_line(frames, step, source)
    matrix = np.eye(4)
    matrix[:3, 0] = first.orientation[0] * first.spacing[1]
    matrix[:3, 1] = first.orientation[1] * first.spacing[0]
    matrix[:3, 2] = step
    matrix[:3, 3] = first.position
    return np.asarray(_LPS_TO_RAS @ matrix)


def _check_normal_matrix(frame: Frame, source: str) -> None:
    lengths, across = np.linalg.norm(frame.orientation, axis=1), float(frame.orientation[0] @ frame.orientation[1])
    if np.abs(lengths - 1.0).max() > 1e-2 or abs(across) > 1e-2:
        raise InputError(f"{source}: the image orientation {frame.orientation.ravel().tolist()} is not a right angle.")


def _check_distances(frames: Sequence[Frame], source: str) -> None:
    positions = np.array([frame.position @ frames[0].normal for frame in frames])
    distances = np.diff(positions)
    usual = float(np.median(distances))
    if distances.min() < _TOLERANCE_MM:
        twice, first = int((distances < _TOLERANCE_MM).sum()), positions[int(distances.argmin())]
        raise InputError(
            f"{source}: {twice} of {len(frames)} slices lie where another slice lies (first at {first:.2f} mm).",
            "The series holds several images of a place (repeats, phases or maps): export one of them.",
        )
    allowed = max(_TOLERANCE_MM, _TOLERANCE_SHARE * usual)
    worst = int(np.abs(distances - usual).argmax())
    if abs(distances[worst] - usual) <= allowed:
        return
    ratio = distances[worst] / usual
    where = f"between {positions[worst]:.2f} and {positions[worst + 1]:.2f} mm along the normal"
    if len(frames) > 3 and ratio > 1.5 and abs(ratio - round(ratio)) < 0.1:
        raise InputError(f"{source}: {round(ratio) - 1} slice(s) are missing {where}.", "Load the complete series.")
    raise InputError(
        f"{source}: the slices are unevenly spaced, {distances.min():.2f} to {distances.max():.2f} mm ({where}).",
        "Load the complete series, or resample it to even spacing first.",
    )


def _check_tilt(step: Matrix, normal: Matrix, source: str) -> None:
    cosine = float(step @ normal / np.linalg.norm(step))
    degrees = float(np.degrees(np.arccos(min(1.0, cosine))))
    if degrees > _TILT_DEGREES:
        raise InputError(
            f"{source}: the slices are shifted sideways, as by a gantry tilt of {degrees:.1f} degrees.",
            "Correct the tilt first; the voxels do not form a rectangular grid.",
        )


def _check_line(frames: Sequence[Frame], step: Matrix, source: str) -> None:
    """No slice may lie beside the line from the first to the last, as slices of two stacks that were joined do."""
    first = frames[0]
    aside = [frame.position - first.position - number * step for number, frame in enumerate(frames)]
    distances = [float(np.linalg.norm(gap - (gap @ first.normal) * first.normal)) for gap in aside]
    worst = int(np.argmax(distances))
    if distances[worst] > aside_tolerance(first):
        raise InputError(
            f"{source}: the slice at {float(frames[worst].position @ first.normal):.2f} mm lies {distances[worst]:.2f} mm "
            "beside the line through the others.",
            "The series was joined from several stacks: export one of them.",
        )


@dataclass(frozen=True, eq=False)
class Plane:
    """The place of one slice of a volume, as DICOM says it.

    Attributes:
        k: index of the slice in the volume.
        position: centre of the first pixel, mm, LPS.
        orientation: unit vectors along a row and down a column, (2, 3), LPS.
    """

    k: int
    position: Matrix
    orientation: Matrix


def planes_of(ijk_to_ras: Matrix, slices: int) -> list[Plane]:
    """The planes of a volume in the order of their normals, whatever the handedness of the volume."""
    lps = _LPS_TO_RAS @ ijk_to_ras
    orientation = np.stack([lps[:3, axis] / np.linalg.norm(lps[:3, axis]) for axis in (0, 1)])
    planes = [Plane(k, lps[:3, 3] + k * lps[:3, 2], orientation) for k in range(slices)]
    along = float(lps[:3, 2] @ np.cross(orientation[0], orientation[1]))
    return planes if along > 0 else planes[::-1]
