"""The files of one series while folders are searched through: its frames in stacks, and what must be the same in all files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.errors import InputError
from pdm_core.volume.dicom.facts import facts_of
from pdm_core.volume.dicom.frames import Frame
from pdm_core.volume.dicom.missing_images import StatedCounts
from pdm_core.volume.dicom.parts import arranged
from pdm_core.volume.dicom.slopes import settle_slopes
from pdm_core.volume.dicom.stacks import Stack
from pdm_core.volume.dicom.values import needed_integer, optional_text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_ONE_OF_EACH = ("PatientID", "PatientName", "StudyInstanceUID")


@dataclass(eq=False)
class Concatenation:
    """An enhanced object that was written as several files.

    Attributes:
        parts: number of a part to its file.
        total: how many parts there are; None where no file says it.
    """

    parts: dict[int, Path] = field(default_factory=dict)
    total: int | None = None

    @property
    def missing(self) -> list[int]:
        """Numbers of the parts that are not there."""
        return [number for number in range(1, (self.total or max(self.parts)) + 1) if number not in self.parts]


class SeriesFiles:
    """Collects the files of one series; their order does not matter, except for the order of the stacks.

    Attributes:
        is_named: whether the files state a SeriesInstanceUID.
    """

    def __init__(self) -> None:
        self._homes: dict[tuple[Any, ...], list[Stack]] = {}
        self._stacks: list[Stack] = []
        self._concatenations: dict[str, Concatenation] = {}
        self._stated: dict[str, dict[str, Path]] = {keyword: {} for keyword in _ONE_OF_EACH}
        self._counts = StatedCounts()
        self.is_named = True

    def add(self, dataset: Dataset, path: Path, frames: list[Frame]) -> None:
        """Take the frames of a file.

        Raises:
            InputError: it is part of a concatenation and does not say which.
        """
        self.is_named = optional_text(dataset, "SeriesInstanceUID") is not None
        source = self._source_of(dataset, path, len(frames))
        facts: dict[str, Any] | None = None
        for frame in frames:
            homes = self._homes.setdefault((source, frame.size, frame.kind), [])
            home = next((stack for stack in homes if stack.is_alongside(frame)), None)
            if home is None:
                facts = facts or facts_of(dataset, path)
                home = Stack(facts)
                homes.append(home)
                self._stacks.append(home)
            home.frames.append(frame)
        for keyword in _ONE_OF_EACH:
            value = optional_text(dataset, keyword)
            if value is not None:
                # Names are written with and without empty parts, and in capitals.
                self._stated[keyword].setdefault(value.rstrip("^ ").casefold(), path)
        self._counts.add(dataset, len(frames))

    def finish(self) -> list[Stack]:
        """The stacks, parts that belong together joined; those that cannot be read have their problem."""
        of_all = self._mixed() or self._torn()
        stacks = arranged(self._stacks)
        for stack in stacks:
            settle_slopes(stack)
            stack.problem = of_all or _of_several_places(stack) or stack.problem
        self._counts.note(stacks)
        return stacks

    def _source_of(self, dataset: Dataset, path: Path, frames: int) -> str:
        """What frames share that were acquired as one object; files of a single frame are taken as classic ones."""
        name = optional_text(dataset, "ConcatenationUID")
        if name is not None:
            number = needed_integer(dataset, "InConcatenationNumber", path, range(1, 2**16))
            if number is None:
                raise InputError(f"{path} is part of a concatenation, but does not say which.", "Export the series again.")
            concatenation = self._concatenations.setdefault(name, Concatenation())
            concatenation.parts.setdefault(number, path)
            total = needed_integer(dataset, "InConcatenationTotalNumber", path, range(1, 2**16))
            concatenation.total = max(concatenation.total or 0, total or 0) or None
            return name
        return "" if frames == 1 else str(path)

    def _mixed(self) -> InputError | None:
        return next((_disagreement(name, paths) for name, paths in self._stated.items() if len(paths) > 1), None)

    def _torn(self) -> InputError | None:
        for concatenation in self._concatenations.values():
            if concatenation.missing:
                path = next(iter(concatenation.parts.values()))
                parts = ", ".join(map(str, concatenation.missing))
                return InputError(
                    f"{path} is one of {concatenation.total or 'several'} files of one object (a concatenation); "
                    f"missing: {parts}.",
                    "Load the complete series.",
                )
        return None


def _of_several_places(stack: Stack) -> InputError | None:
    """The refusal of slices whose positions are stated in several spaces."""
    paths = {frame.reference_uid: frame.path for frame in reversed(stack.frames) if frame.reference_uid}
    return _disagreement("FrameOfReferenceUID", paths) if len(paths) > 1 else None


def _disagreement(keyword: str, paths: dict[str, Path]) -> InputError:
    """The refusal of files that state different values; it names the files, as the values may identify a patient."""
    first, second, *_ = paths.values()
    return InputError(
        f"{first} and {second} state the same series, but do not agree in {keyword}.",
        "Slices of several patients or studies may be mixed in it: separate them, or export the series again.",
    )
