"""One record a slice, whether it is a classic file or a frame of an enhanced multi-frame object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from sys import intern
from typing import TYPE_CHECKING

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.dicom.frame_header import FrameHeader
from pdm_core.volume.dicom.image_kinds import NotASliceError, refuse_other_images
from pdm_core.volume.dicom.values import UnreadableValueError, items_of, needed_integer, optional_number, optional_text
from pdm_core.volume.volume import Matrix

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SINGLE_SLICES = "Export it as single slices, or as NIfTI with the right distance."
# What no scanner measures: positions beyond 100 m, pixels larger than 1 m.
_FARTHEST_MM, _LARGEST_PIXEL_MM, _SMALLEST_PIXEL_MM = 1e5, 1e3, 1e-6


@dataclass(frozen=True, eq=False)
class Frame:
    """A slice before its pixels are read.

    Attributes:
        path: the file.
        number: index of the frame in a multi-frame file; None in a classic one.
        position: center of the first pixel, mm, LPS.
        orientation: unit vectors along a row and down a column, (2, 3), LPS.
        spacing: mm between rows and between columns.
        size: rows and columns.
        slope, intercept: stored value to intensity.
        kind: what else tells two stacks of one series apart (echo, component, b-value, time), name to value.
        instance_uid: SOPInstanceUID of the file; empty where it has none.
        instance_number: InstanceNumber of the file.
        reference_uid: FrameOfReferenceUID, of the space that positions are stated in; empty where the file has none.
    """

    path: Path
    number: int | None
    position: Matrix
    orientation: Matrix
    spacing: tuple[float, float]
    size: tuple[int, int]
    slope: float
    intercept: float
    kind: tuple[tuple[str, str], ...]
    instance_uid: str = ""
    instance_number: int | None = None
    reference_uid: str = ""

    @cached_property
    def normal(self) -> Matrix:
        """Unit vector along which slices are ordered."""
        return np.asarray(np.cross(self.orientation[0], self.orientation[1]))

    @property
    def along(self) -> float:
        """Position along the normal, mm."""
        return float(self.position @ self.normal)

    @cached_property
    def center(self) -> Matrix:
        """Center of the slice, mm, LPS."""
        across, down = (self.size[1] - 1) * self.spacing[1] / 2, (self.size[0] - 1) * self.spacing[0] / 2
        return np.asarray(self.position + across * self.orientation[0] + down * self.orientation[1])


def frames_of(dataset: Dataset, path: Path) -> list[Frame]:
    """The frames of a header.

    Raises:
        NotASliceError: it is not a slice of a volume.
        InputError: its place in the patient is not given, a value that is needed cannot be understood, the number of frames
            does not agree with their headers, or it is a mosaic.
    """
    refuse_other_images(dataset, path)
    count = needed_integer(dataset, "NumberOfFrames", path, range(0, 2**31)) or 1
    try:
        per_frame = items_of(dataset, "PerFrameFunctionalGroupsSequence")
    except UnreadableValueError as error:
        raise error.as_input_error(path) from error
    if not per_frame:
        if count > 1:
            return list(_frames_without_groups(dataset, path, count))
        return [_frame(FrameHeader(dataset, None, path), None)]
    if len(per_frame) != count:
        raise InputError(
            f"{path} is damaged: it states {count} frames and describes {len(per_frame)}.", "Copy or export it again."
        )
    headers = [FrameHeader(dataset, group, path) for group in per_frame]
    frames = [_frame(header, number) for number, header in enumerate(headers)]
    _refuse_one_place_for_all(headers, frames)
    return frames


def _frames_without_groups(dataset: Dataset, path: Path, count: int) -> Iterator[Frame]:
    """Frames of a multi-frame file without functional groups, stacked along the normal at the stated distances."""
    first = _frame(FrameHeader(dataset, None, path), 0)
    offsets = _offsets(dataset, path, count)
    for number, offset in enumerate(offsets):
        yield replace(first, number=number, position=first.position + offset * first.normal)


def _offsets(dataset: Dataset, path: Path, count: int) -> list[float]:
    """Distances of the frames from the first one, mm along the normal.

    Raises:
        InputError: the header does not state them; the thickness of a slice is not the distance between two.
    """
    header = FrameHeader(dataset, None, path)
    if "GridFrameOffsetVector" in dataset:
        vector = header.numbers("GridFrameOffsetVector", count)
        if vector is not None:
            return [offset - vector[0] for offset in vector]
    step = header.numbers("SpacingBetweenSlices", 1)
    # Readers disagree on the direction that a negative distance means.
    if not step or not 0 < step[0] <= _LARGEST_PIXEL_MM:
        raise InputError(
            f"{path} holds {count} frames, but neither their positions nor the distance between them "
            "(SpacingBetweenSlices); the thickness of a slice is not that distance.",
            _SINGLE_SLICES,
        )
    return [number * step[0] for number in range(count)]


def _refuse_one_place_for_all(headers: list[FrameHeader], frames: list[Frame]) -> None:
    """Frames that differ in nothing and share one position are slices whose places were lost."""
    alike = len({frame.kind for frame in frames}) == 1
    if len(frames) > 1 and alike and not any(header.has_own("ImagePositionPatient") for header in headers):
        raise InputError(
            f"{frames[0].path} holds {len(frames)} frames and one position for all of them.",
            _SINGLE_SLICES,
        )


def _frame(header: FrameHeader, number: int | None) -> Frame:
    dataset, path = header.dataset, header.path
    position, orientation = header.numbers("ImagePositionPatient", 3), header.numbers("ImageOrientationPatient", 6)
    if position is None or orientation is None:
        missing = "ImagePositionPatient (0020,0032)" if position is None else "ImageOrientationPatient (0020,0037)"
        refusal = InputError if optional_text(dataset, "Modality") == "MR" else NotASliceError
        raise refusal(
            f"{path} does not say where its slice lies in the patient: {missing} is missing.",
            "Export the series again; if the file is no slice of it, such as a screen save, remove this file.",
        )
    if max(map(abs, position)) > _FARTHEST_MM or max(map(abs, orientation)) > 2:
        raise InputError(
            f"{path}: the position {position} or orientation {orientation} is not one in a scanner.",
            "Correct ImagePositionPatient (0020,0032) and ImageOrientationPatient (0020,0037), or export the series again.",
        )
    return Frame(
        path=path,
        number=number,
        position=np.array(position),
        orientation=np.array(orientation).reshape(2, 3),
        spacing=_spacing(header),
        size=_size(dataset, path),
        slope=(header.numbers("RescaleSlope", 1) or (1.0,))[0],
        intercept=(header.numbers("RescaleIntercept", 1) or (0.0,))[0],
        kind=_kind(header),
        instance_uid=optional_text(dataset, "SOPInstanceUID") or "",
        instance_number=_instance_number(dataset),
        reference_uid=intern(optional_text(dataset, "FrameOfReferenceUID") or ""),
    )


def _spacing(header: FrameHeader) -> tuple[float, float]:
    found = header.numbers("PixelSpacing", 2) or header.numbers("ImagerPixelSpacing", 2)
    if found is None:
        raise InputError(f"{header.path} has no PixelSpacing (0028,0030).", "Choose another series.")
    if min(found) < _SMALLEST_PIXEL_MM or max(found) > _LARGEST_PIXEL_MM:
        raise InputError(
            f"{header.path} states a PixelSpacing (0028,0030) of {found[0]:g} x {found[1]:g} mm.", "Correct the header."
        )
    return found[0], found[1]


def _size(dataset: Dataset, path: Path) -> tuple[int, int]:
    sides = [needed_integer(dataset, keyword, path, range(1, 2**16)) for keyword in ("Rows", "Columns")]
    if sides[0] is None or sides[1] is None:
        raise InputError(f"{path} does not state its Rows (0028,0010) and Columns (0028,0011).", "Export it again.")
    return sides[0], sides[1]


def _instance_number(dataset: Dataset) -> int | None:
    number = optional_number(dataset, "InstanceNumber")
    return None if number is None else int(number)


def _kind(header: FrameHeader) -> tuple[tuple[str, str], ...]:
    """What tells stacks of one series apart besides their orientation."""
    image_type = header.text("FrameType") or header.text("ImageType") or ""
    facts = {
        "echo time": _as_text(header.number("EffectiveEchoTime") or header.number("EchoTime")),
        "image type": "/".join(image_type.split("/")[2:]) or None,
        "component": header.text("ComplexImageComponent"),
        "b-value": _as_text(header.number("DiffusionBValue")),
        "time": _as_text(header.number("TemporalPositionIndex") or header.number("TemporalPositionIdentifier")),
    }
    return tuple((name, fact) for name, fact in facts.items() if fact)


def _as_text(number: float | None) -> str | None:
    """The same text for all ways to write a number (101, 101.0)."""
    return None if number is None else f"{number:.6g}"
