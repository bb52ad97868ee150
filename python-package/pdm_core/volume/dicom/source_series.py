"""The headers of the series that an image was made from: who and what it shows, checked before any work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.errors import InputError
from pdm_core.volume.dicom.frames import Frame
from pdm_core.volume.dicom.geometry import ordered
from pdm_core.volume.dicom.headers import read_header
from pdm_core.volume.dicom.reader import dicom_stacks, read_stack
from pdm_core.volume.dicom.stacks import Stack, choose_stack
from pdm_core.volume.dicom.values import UnreadableValueError, items_of, standard_element
from pdm_core.volume.images import image_suffix
from pdm_core.volume.volume import Volume

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

_NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")
_ONE_OF_EACH = ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID")
# What classic headers call otherwise than the functional groups of enhanced ones.
_ENHANCED_NAMES = {"EchoTime": "EffectiveEchoTime", "ImagedNucleus": "ResonantNucleus"}


@dataclass(frozen=True, eq=False)
class SourceHeader:
    """What is said of one slice.

    Attributes:
        dataset: the header of its file, without pixels.
        frame: index in a multi-frame file; None in a classic one.
    """

    dataset: Dataset
    frame: int | None

    def element(self, keyword: str) -> DataElement | None:
        """The element that holds a value for `keyword`: of the file, else of the frame, else what all frames share.

        A damaged one counts as absent: an image is not lost for a fact beside it.
        """
        found = (standard_element(holder, keyword) for holder in (self.dataset, *self._groups()))
        return next((element for element in found if element is not None), None)

    def value(self, keyword: str) -> Any:
        """The value of `keyword`, under its enhanced name where that is the one in use; None where there is none."""
        found = self.element(keyword)
        if found is None and keyword in _ENHANCED_NAMES and self.frame is not None:
            found = self.element(_ENHANCED_NAMES[keyword])
        return None if found is None else found.value

    def _groups(self) -> Iterator[Dataset]:
        for name, number in (("PerFrameFunctionalGroupsSequence", self.frame or 0), ("SharedFunctionalGroupsSequence", 0)):
            with suppress(UnreadableValueError):
                for group in items_of(self.dataset, name)[number : number + 1]:
                    yield from (item for keyword in group.dir() for item in _first_item(group, keyword))


def _first_item(group: Dataset, keyword: str) -> list[Dataset]:
    """The first item of a sequence, or none where there is no sequence that can be read."""
    with suppress(UnreadableValueError):
        return items_of(group, keyword)[:1]
    return []


@dataclass(frozen=True, eq=False)
class SourceSeries:
    """A stack of slices that an image can be derived from in DICOM.

    Attributes:
        path: the file or folder that was searched.
        stack: its slices.
        headers: one a slice, in the order of the volume's axis K.
        steps: distance between stored values of each slice, in intensities.
    """

    path: Path
    stack: Stack
    headers: tuple[SourceHeader, ...]
    steps: tuple[float, ...]

    @property
    def frames(self) -> list[Frame]:
        """The slices in the order of the volume's axis K, as `headers` are."""
        return ordered(self.stack.frames)

    def read(self) -> Volume:
        """The volume of these slices.

        Raises:
            InputError: see `read_stack`.
        """
        return read_stack(self.stack, self.path)

    def common(self, keyword: str) -> Any:
        """The value of `keyword` where all slices have it and agree; else None."""
        first = self.headers[0].value(keyword)
        return first if all(header.value(keyword) == first for header in self.headers[1:]) else None


def open_series(path: str | Path, series: str | None = None) -> SourceSeries:
    """Find the series that a derived one will refer to.

    Args:
        path: a DICOM file or folder, as given to `read_volume`.
        series: which of its series, as given to `read_volume`.

    Raises:
        InputError: no DICOM, no MR, a choice is needed, or the headers do not say which patient and study it is.
    """
    source = Path(path)
    if not source.exists():
        raise InputError(f"{source} does not exist.", "Check the path.")
    if source.is_file() and image_suffix(source) is not None:
        raise InputError(
            f"{source} is no DICOM: it does not say which patient and study a DICOM series of the result would belong to.",
            "Give the DICOM file or folder itself as the input, or leave out the DICOM output.",
        )
    stack = choose_stack(dicom_stacks(source), series, source)
    if stack.problem is not None:
        raise stack.problem
    found = _with_headers(source, stack)
    _check(found)
    return found


def _with_headers(source: Path, stack: Stack) -> SourceSeries:
    frames = ordered(stack.frames)
    datasets = {path: read_header(path) for path in {frame.path for frame in frames}}
    headers = tuple(SourceHeader(datasets[frame.path], frame.number) for frame in frames)
    return SourceSeries(source, stack, headers, tuple(abs(frame.slope) for frame in frames))


def _check(source: SourceSeries) -> None:
    name = f"{source.path}, series {source.stack.id}"
    missing = next((keyword for keyword in _NEEDED for header in source.headers if not header.value(keyword)), None)
    if missing is not None:
        raise InputError(f"{name}: the headers hold no {missing}.", "A DICOM series cannot be derived from it.")
    modality = source.common("Modality")
    if modality != "MR":
        raise InputError(f"{name} has the modality {modality or 'unknown'}, not MR.", "Leave out the DICOM output.")
    for keyword in _ONE_OF_EACH:
        if len({str(header.value(keyword)) for header in source.headers}) > 1:
            raise InputError(
                f"{name}: its slices do not agree in {keyword}.",
                "Slices of several patients or studies may be mixed in it.",
            )
