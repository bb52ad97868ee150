"""What a DICOM file says of one of its frames, wherever classic and enhanced objects keep it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pdm_core.volume.dicom.values import (
    UnreadableValueError,
    items_of,
    needed_numbers,
    optional_number,
    optional_text,
)

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
class FrameHeader:
    """The header of a frame: its own functional groups, those that all frames share, and the top of the file, in this order.

    Attributes:
        dataset: the header of the file.
        group: the functional groups of the frame; None in files without.
        path: the file, for messages.
    """

    dataset: Dataset
    group: Dataset | None
    path: Path

    def numbers(self, keyword: str, count: int) -> tuple[float, ...] | None:
        """`count` numbers that are needed where they are stated; None where no holder has them.

        Raises:
            InputError: what is stated cannot be understood.
        """
        try:
            holders = list(self._holders(keyword))
        except UnreadableValueError as error:
            raise error.as_input_error(self.path) from error
        for holder in holders:
            found = needed_numbers(holder, keyword, count, self.path)
            if found is not None:
                return found
        return None

    def number(self, keyword: str) -> float | None:
        """A number that is not needed: None where nobody states it, or it cannot be understood."""
        found = (optional_number(holder, keyword) for holder in self._readable_holders(keyword))
        return next((value for value in found if value is not None), None)

    def text(self, keyword: str) -> str | None:
        """A text that is not needed, several values joined by slashes."""
        found = (optional_text(holder, keyword) for holder in self._readable_holders(keyword))
        return next((value for value in found if value), None)

    def has_own(self, keyword: str) -> bool:
        """Whether the functional groups of this very frame state `keyword`."""
        if self.group is None:
            return False
        return any(keyword in item for item in items_of(self.group, _GROUPS[keyword])[:1])

    def _holders(self, keyword: str) -> Iterator[Dataset]:
        name = _GROUPS.get(keyword)
        if name is not None:
            shared = items_of(self.dataset, "SharedFunctionalGroupsSequence")[:1]
            for groups in (self.group, *shared):
                if groups is not None:
                    yield from items_of(groups, name)[:1]
        yield self.dataset

    def _readable_holders(self, keyword: str) -> Iterator[Dataset]:
        """The holders without damaged sequences: no image is lost for a fact beside it."""
        name = _GROUPS.get(keyword)
        try:
            yield from self._holders(keyword)
        except UnreadableValueError:
            if name is not None:
                yield self.dataset
