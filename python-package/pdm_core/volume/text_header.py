"""What the text headers of NRRD and MetaImage have in common: numbers, and units of length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.volume import Matrix

# Both formats state places in LPS.
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_UNITS_MM = {
    "": 1.0, "?": 1.0, "???": 1.0, "mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "cm": 10.0, "centimeter": 10.0,
    "centimetre": 10.0, "m": 1e3, "meter": 1e3, "metre": 1e3, "um": 1e-3, "\u00b5m": 1e-3, "\u03bcm": 1e-3, "micrometer": 1e-3,
    "micrometre": 1e-3, "micron": 1e-3,
}  # fmt: skip


def in_mm(ijk_to_ras: Matrix, units: Sequence[str], path: Path) -> Matrix:
    """A matrix in mm, of a file that states these units of length for its axes.

    Raises:
        InputError: a unit is unknown, or the axes have different units.
    """
    words = [unit.strip().lower() for unit in units]
    factors = {_UNITS_MM.get(word.removesuffix("s") if len(word) > 3 else word) for word in words} or {1.0}
    factor = factors.pop()
    if factor is None or factors:
        raise InputError(f"{path} states the units of length {', '.join(units)}.", "Convert it to mm first.")
    return np.diag([factor, factor, factor, 1.0]) @ ijk_to_ras
