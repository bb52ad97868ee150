"""One record a slice, whether it is a classic file or a frame of an enhanced multi-frame object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.volume import Matrix

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# Where enhanced objects keep, in functional groups, what classic ones keep at the top.
_GROUPS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "EffectiveEchoTime": "MREchoSequence",
    "FrameType": "MRImageFrameTypeSequence",
    "ComplexImageComponent": "MRImageFrameTypeSequence",
    "DiffusionBValue": "MRDiffusionSequence",
    "TemporalPositionIndex": "FrameContentSequence",
}


@dataclass(frozen=True, eq=False)
class Frame:
    """A slice before its pixels are read.

    Attributes:
        path: the file.
        number: index of the frame in a multi-frame file; None in a classic one.
        position: centre of the first pixel, mm, LPS.
        orientation: unit vectors along a row and down a column, (2, 3), LPS.
        spacing: mm between rows and between columns.
        size: rows and columns.
        slope, intercept: stored value to intensity.
        kind: what else tells two stacks of one series apart (echo, component, b-value, time), name to value.
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

    @property
    def normal(self) -> Matrix:
        """Unit vector along which slices are ordered."""
        return np.asarray(np.cross(self.orientation[0], self.orientation[1]))


def frames_of(dataset: Dataset, path: Path) -> list[Frame]:
    """The frames of a header.

    Raises:
        InputError: it is a colour image, or its place in the patient is not given.
    """
    if int(dataset.get("SamplesPerPixel", 1)) != 1:
        raise InputError(f"{path} is a colour image.", "Super-resolution needs one grey value a pixel.")
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence")
    if per_frame is None:
        count = int(dataset.get("NumberOfFrames", 1) or 1)
        if count > 1:
            return _frames_without_groups(dataset, path, count)
        return [_frame(dataset, None, path, None)]
    return [_frame(dataset, group, path, number) for number, group in enumerate(per_frame)]


def first_value(dataset: Dataset, keyword: str) -> Any:
    """What the first frame says of `keyword`, wherever an enhanced or a classic object keeps it; None where it does not."""
    groups = dataset.get("PerFrameFunctionalGroupsSequence") or [None]
    return _lookup(dataset, groups[0], keyword, None) if keyword in _GROUPS else dataset.get(keyword)


def _frames_without_groups(dataset: Dataset, path: Path, count: int) -> list[Frame]:
    """Frames of a multi-frame file without functional groups: stacked along the normal at the stated spacing."""
    first = _frame(dataset, None, path, 0)
    step = dataset.get("SpacingBetweenSlices") or dataset.get("SliceThickness")
    if not step:
        raise InputError(f"{path} has {count} frames but does not say where they lie.", "Export it as single slices.")
    return [
        Frame(**{**first.__dict__, "number": number, "position": first.position + number * float(step) * first.normal})
        for number in range(count)
    ]


def _frame(dataset: Dataset, group: Dataset | None, path: Path, number: int | None) -> Frame:
    def value(keyword: str, default: Any = None) -> Any:
        return _lookup(dataset, group, keyword, default)

    position, orientation = value("ImagePositionPatient"), value("ImageOrientationPatient")
    if position is None or orientation is None:
        raise InputError(f"{path} does not say where its slice lies in the patient.", "Choose another series.")
    spacing = value("PixelSpacing") or dataset.get("ImagerPixelSpacing")
    if spacing is None or min(float(item) for item in spacing) <= 0:
        raise InputError(f"{path} has no pixel spacing.", "Choose another series.")
    return Frame(
        path=path,
        number=number,
        position=np.array([float(item) for item in position]),
        orientation=np.array([float(item) for item in orientation]).reshape(2, 3),
        spacing=(float(spacing[0]), float(spacing[1])),
        size=(int(dataset.Rows), int(dataset.Columns)),
        slope=float(value("RescaleSlope", 1.0)),
        intercept=float(value("RescaleIntercept", 0.0)),
        kind=_kind(dataset, value),
    )


def _kind(dataset: Dataset, value: Any) -> tuple[tuple[str, str], ...]:
    """What tells stacks of one series apart besides their orientation."""
    image_type = value("FrameType") or dataset.get("ImageType") or ()
    facts = {
        "echo time": value("EffectiveEchoTime") or dataset.get("EchoTime"),
        "image type": "/".join(str(item) for item in image_type[2:]) or None,
        "component": value("ComplexImageComponent"),
        "b-value": value("DiffusionBValue"),
        "time": value("TemporalPositionIndex") or dataset.get("TemporalPositionIdentifier"),
    }
    return tuple((name, str(fact)) for name, fact in facts.items() if fact not in (None, ""))


def _lookup(dataset: Dataset, group: Dataset | None, keyword: str, default: Any) -> Any:
    """A value from the frame's own group, the shared groups or the top of the header, in this order."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or [None]
    for holder in (group, shared[0]):
        sequence = holder.get(_GROUPS[keyword]) if holder is not None else None
        if sequence and sequence[0].get(keyword) not in (None, ""):
            return sequence[0].get(keyword)
    found = dataset.get(keyword)
    return default if found in (None, "") else found
