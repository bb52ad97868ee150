"""Stacks: frames of one series, orientation, echo and kind, with short names to choose by."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.dicom.frames import Frame

_SAME_DIRECTION = _SAME_SPACING = 1e-3


@dataclass(eq=False)
class Stack:
    """Frames that belong together: one series, orientation, matrix and kind.

    Attributes:
        facts: what the headers say, free of the patient's identity.
        frames: in the order found.
        id: short name, unique among the stacks that were found together; set by `name_stacks`.
        problem: why the stack cannot be read, where that shows before reading: a damaged file among its own, parts that do
            not fit together, or slices of two patients.
        notes: what a user has to know of the stack, such as fewer images than the scanner has counted.
    """

    facts: dict[str, Any]
    frames: list[Frame] = field(default_factory=list)
    id: str = ""
    problem: InputError | None = None
    notes: list[str] = field(default_factory=list)

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

    @property
    def folder(self) -> Path:
        """The folder of the frames, or the nearest one that holds the folders of all."""
        folders = {frame.path.parent for frame in self.frames}
        return folders.pop() if len(folders) == 1 else Path(os.path.commonpath(folders))

    def is_alongside(self, frame: Frame) -> bool:
        """Whether `frame` has this stack's matrix, pixel spacing and orientation."""
        first = self.frames[0]
        return bool(
            first.size == frame.size
            and np.allclose(first.spacing, frame.spacing, rtol=_SAME_SPACING, atol=0.0)
            and float(np.abs(first.orientation - frame.orientation).max()) < _SAME_DIRECTION
        )


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


def name_stacks(stacks: Iterable[Stack]) -> None:
    """Set the ids: the series number, and a count behind it where several stacks share that number."""
    stacks = list(stacks)
    numbers = [str(stack.facts.get("series_number", "0")) for stack in stacks]
    seen: dict[str, int] = {}
    for stack, number in zip(stacks, numbers, strict=True):
        seen[number] = seen.get(number, 0) + 1
        stack.id = number if numbers.count(number) == 1 else f"{number}.{seen[number]}"
