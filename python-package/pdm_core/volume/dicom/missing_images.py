"""Notes on series of which fewer images are here than their headers speak of; a gap within a stack is refused elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pdm_core.volume.dicom.frames import Frame
from pdm_core.volume.dicom.stacks import Stack
from pdm_core.volume.dicom.values import optional_number

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PHILIPS_GROUP, _PHILIPS_CREATOR, _PHILIPS_SLICES = 0x2001, "Philips Imaging DD 001", 0x18
# Images of one slice, and the share by which a distance may differ from the stated one.
_SAME_PLACE_MM, _DISTANCE_SHARE = 0.02, 0.1
_REMEDY = "Check that the series is complete."


class StatedCounts:
    """What the headers of one series say of its number of images.

    None of these numbers is certain: some scanners count the images of a whole acquisition, some number them from elsewhere,
    and a part of a series may have been exported on purpose. They are said, and nothing is refused for them.
    """

    def __init__(self) -> None:
        self._files = self._frames = 0
        self._in_acquisition: float | None = None
        self._slices: int | None = None

    def add(self, dataset: Dataset, frames: int) -> None:
        """Count a file with so many frames."""
        self._files += 1
        self._frames += frames
        if self._files == 1:
            self._in_acquisition = optional_number(dataset, "ImagesInAcquisition")
            self._slices = _philips_slices(dataset)

    def note(self, stacks: list[Stack]) -> None:
        """Add to the notes of stacks what seems to be missing; the number of files says nothing of one given on purpose."""
        for stack in stacks:
            stack.notes.extend(_another_distance(stack))
        if self._files == 1:
            return
        places = len({_place(frame) for stack in stacks for frame in stack.frames})
        for stack in stacks:
            if self._slices is not None and places < self._slices:
                stack.notes.append(f"The scanner counted {self._slices} slices, and {places} are here. {_REMEDY}")
            elif self._in_acquisition is not None and self._frames < self._in_acquisition:
                stack.notes.append(
                    f"The scanner counted {self._in_acquisition:.0f} images, and {self._frames} are here. {_REMEDY}"
                )
            elif len(stacks) == 1:
                stack.notes.extend(_gaps(stack))


def _place(frame: Frame) -> tuple[float, ...]:
    """The plane of a frame, to be told from the others of its series."""
    return (*(round(float(value), 2) for value in frame.normal), round(frame.along, 2))


def _gaps(stack: Stack) -> list[str]:
    """A note where the numbers of the images do not begin with 1 or leave some out."""
    numbers = sorted(frame.instance_number for frame in stack.frames if frame.instance_number is not None)
    if len(numbers) < len(stack.frames) or len(set(numbers)) < len(numbers):
        return []
    if numbers[0] <= 1 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return []
    return [
        f"The {len(numbers)} images of the series are numbered from {numbers[0]} to {numbers[-1]}: "
        f"others may be missing at its ends. {_REMEDY}"
    ]


def _another_distance(stack: Stack) -> list[str]:
    """A note where the slices do not lie as far apart as SpacingBetweenSlices says, from center to center.

    Some writers state the gap between the edges of two slices instead, which is mostly small.
    """
    stated, thickness = stack.facts.get("spacing_between_slices_mm"), stack.facts.get("slice_thickness_mm") or 0.0
    distances = np.diff(sorted(frame.position @ stack.frames[0].normal for frame in stack.frames))
    distances = distances[distances >= _SAME_PLACE_MM]
    if stated is None or not distances.size:
        return []
    found = float(np.median(distances))
    meant = stated + thickness if stated < thickness / 2 else stated
    if min(abs(found - stated) / stated, abs(found - meant) / meant) <= _DISTANCE_SHARE:
        return []
    return [
        f"The slices lie {found:.4g} mm apart, but SpacingBetweenSlices (0018,0088) is {stated:.4g} mm: "
        f"some of them may be missing. {_REMEDY}"
    ]


def _philips_slices(dataset: Dataset) -> int | None:
    """Number of slices of a stack as scanners of Philips state it (2001,1018)."""
    try:
        value = dataset.private_block(_PHILIPS_GROUP, _PHILIPS_CREATOR)[_PHILIPS_SLICES].value
        return int.from_bytes(value[:4], "little") if isinstance(value, bytes) else int(value)
    except Exception:  # An absent or odd private element is no reason to refuse an image.
        return None
