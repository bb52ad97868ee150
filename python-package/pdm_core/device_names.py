"""The names of the devices that a run may be asked for, checked without torch."""

from __future__ import annotations

import re

from pdm_core.errors import InputError

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def check_device(name: object) -> None:
    """Raise `InputError` when `name` is no name of a device; whether the machine has it is found out with torch."""
    if not (isinstance(name, str) and _DEVICE.fullmatch(name)):
        raise InputError(f"There is no device {name!r}.", "Use auto, cpu, cuda, cuda:N or mps.")
