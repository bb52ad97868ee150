"""A RescaleSlope of 0, which no scanner means: it would make one value of all pixels."""

from __future__ import annotations

from dataclasses import replace

from pdm_core.errors import InputError
from pdm_core.volume.dicom.stacks import Stack

_ELEMENT = "RescaleSlope (0028,1053)"


def settle_slopes(stack: Stack) -> None:
    """Take a slope of 0 as 1, as ITK does, where all slices state it; where some do, that is the problem of the stack."""
    without = [frame for frame in stack.frames if frame.slope == 0]
    if without and len(without) == len(stack.frames):
        stack.frames = [replace(frame, slope=1.0) for frame in stack.frames]
        stack.notes.append(f"The {_ELEMENT} of all slices is 0; it was taken as 1.")
    elif without:
        frame = without[0]
        where = str(frame.path) if frame.number is None else f"{frame.path}, frame {frame.number + 1}"
        stack.problem = stack.problem or InputError(
            f"{where}: {_ELEMENT} is 0, while other slices of the series have another slope.",
            "Correct the header, or export the series again.",
        )
