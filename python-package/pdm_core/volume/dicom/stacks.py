"""Stacks: the frames of a folder grouped by series, orientation, echo and kind, with short names to choose by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.dicom.frames import Frame, first_value, frames_of
from pdm_core.volume.dicom.headers import image_header

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SAME_DIRECTION = _SAME_SPACING = 1e-3
_FACTS = {
    "modality": "Modality",
    "image_type": "ImageType",
    "series_description": "SeriesDescription",
    "series_number": "SeriesNumber",
    "series_uid": "SeriesInstanceUID",
    "manufacturer": "Manufacturer",
    "scanner": "ManufacturerModelName",
    "field_strength_t": "MagneticFieldStrength",
    "repetition_time_ms": "RepetitionTime",
    "echo_time_ms": "EchoTime",
    "slice_thickness_mm": "SliceThickness",
    "spacing_between_slices_mm": "SpacingBetweenSlices",
    "body_part": "BodyPartExamined",
}


@dataclass(eq=False)
class Stack:
    """Frames that belong together: one series, orientation, matrix and kind.

    Attributes:
        facts: what the headers say, free of the patient's identity.
        frames: in the order found.
        id: short name, unique in its folder; set when the folder has been searched through.
        problem: a file beside the frames that should be one of them and cannot be.
    """

    facts: dict[str, Any]
    frames: list[Frame] = field(default_factory=list)
    id: str = ""
    problem: InputError | None = None

    def describe(self) -> str:
        """One line to choose by."""
        rows, columns = self.frames[0].size
        parts = [f"{len(self.frames)} slices of {columns} x {rows}", self.plane]
        parts += [f"{name} {value}" for name, value in self.frames[0].kind if name != "image type"]
        return f"{self.id}: {self.facts.get('series_description') or 'no description'} ({', '.join(parts)})"

    @property
    def plane(self) -> str:
        """Nearest anatomical plane."""
        return ("sagittal", "coronal", "axial")[int(np.abs(self.frames[0].normal).argmax())]

    def takes(self, frame: Frame, series_uid: str) -> bool:
        """Whether `frame` of that series belongs here."""
        first = self.frames[0]
        return bool(
            self.facts["series_uid"] == series_uid
            and (first.number is None) == (frame.number is None)
            and (frame.number is None or first.path == frame.path)
            and first.size == frame.size
            and first.kind == frame.kind
            and np.allclose(first.spacing, frame.spacing, rtol=_SAME_SPACING, atol=0.0)
            and float(np.abs(first.orientation - frame.orientation).max()) < _SAME_DIRECTION
        )


def find_stacks(files: Iterable[Path]) -> list[Stack]:
    """Group the frames of all DICOM images among `files`; other files are passed over.

    A damaged file, or an image of a stack's series that does not say where it lies, becomes the stack's problem: without it
    a slice would be missing, and at either end of a stack no one would see that.

    Raises:
        InputError: there are images, but all are damaged, in colour or do not say where they lie; a report beside a series
            is passed over.
    """
    stacks: list[Stack] = []
    unusable: list[tuple[InputError, Path, str | None]] = []
    for path in files:
        series = None
        try:
            dataset = image_header(path)
            if dataset is None:
                continue
            facts = _facts(dataset, path)
            series = facts["series_uid"]
            frames = frames_of(dataset, path)
        except InputError as error:
            unusable.append((error, path, series))
            continue
        for frame in frames:
            home = next((stack for stack in stacks if stack.takes(frame, series)), None)
            if home is None:
                home = Stack(facts)
                stacks.append(home)
            home.frames.append(frame)
    if unusable and not stacks:
        raise unusable[0][0]
    for stack in stacks:
        stack.problem = next((error for error, path, series in unusable if _concerns(stack, path, series)), None)
    _name(stacks)
    return stacks


def choose_stack(stacks: list[Stack], wanted: str | None, source: Path) -> Stack:
    """The one stack there is, or the one that `wanted` names by id, series UID, number or description.

    Raises:
        InputError: there is none, or a choice is needed; the message lists the stacks.
    """
    if not stacks:
        raise InputError(f"{source} holds no DICOM image.", "Give a folder with the slices of one series.")
    named = [stack for stack in stacks if stack.id == wanted]
    if wanted is not None and not named:
        named = [
            stack
            for stack in stacks
            if wanted
            in (stack.facts["series_uid"], str(stack.facts.get("series_number")), stack.facts.get("series_description"))
        ]
    candidates = stacks if wanted is None else named
    if len(candidates) == 1:
        return candidates[0]
    complaint = f"{source} holds {len(stacks)} stacks of slices" + (
        "" if wanted is None else f", and {wanted!r} names {len(named)}"
    )
    listing = "; ".join(stack.describe() for stack in (candidates or stacks))
    raise InputError(f"{complaint}: {listing}.", "Choose one with --series ID (series=... in Python).")


def _concerns(stack: Stack, path: Path, series: str | None) -> bool:
    """Whether a file that cannot be used may be one of a stack's slices; `series` is None where that is not known."""
    if series is not None:
        return bool(stack.facts["series_uid"] == series)
    return any(frame.path.parent == path.parent for frame in stack.frames)


def _facts(dataset: Dataset, path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {"format": "dicom", "path": str(path.parent)}
    for name, keyword in _FACTS.items():
        value = first_value(dataset, keyword)
        if value not in (None, ""):
            facts[name] = float(value) if isinstance(value, float) else _as_text(value)
    facts.setdefault("series_uid", str(path))
    return facts


def _as_text(value: Any) -> str:
    """A value, or several parted by slashes."""
    return str(value) if isinstance(value, str) or not isinstance(value, Iterable) else "/".join(map(str, value))


def _name(stacks: list[Stack]) -> None:
    """Ids: the series number, and a letter behind it where several stacks share that number."""
    numbers = [str(stack.facts.get("series_number", "0")) for stack in stacks]
    seen: dict[str, int] = {}
    for stack, number in zip(stacks, numbers, strict=True):
        seen[number] = seen.get(number, 0) + 1
        stack.id = number if numbers.count(number) == 1 else f"{number}.{seen[number]}"
