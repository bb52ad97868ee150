"""Evaluation cases: which images of a split are restored, and which of their slices."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume import Volume, read_volume
from pdm_core.volume.robust_range import robust_range
from pdm_core.volume.slice_axis import slice_axis_of, slices_last

# The six central slices, all, or so many central ones.
SliceChoice = Literal["central", "all"] | int
# The cases that the project's calibration figures are averaged over.
CALIBRATION = ("ProstateX-0218", "Prostate3T-03-0004", "P158-test-001")
_CENTRAL = 6
_MULTIPLE = 4


@dataclass(frozen=True)
class Case:
    """One reference image.

    Attributes:
        name: for the tables.
        read: gives the volume.
    """

    name: str
    read: Callable[[], Volume]


def find_cases(root: Path, split: str = "test", names: tuple[str, ...] = CALIBRATION) -> list[Case]:
    """The transversal T2 volumes of the named cases of a split.

    Raises:
        InputError: a name is not in that split.
    """
    listing = {entry["case"]: entry for entry in json.loads((root / "splits.json").read_text(encoding="utf-8"))}
    cases = []
    for name in names:
        entry = listing.get(name)
        if entry is None or entry["split"] != split:
            raise InputError(f"The split {split} of {root / 'splits.json'} has no case {name}.")
        image = next((image for image in entry["images"] if image.startswith("t2_tra")), entry["images"][0])
        cases.append(Case(name, partial(read_slices, root / entry["path"] / image)))
    return cases


def read_slices(path: Path) -> Volume:
    """Read a volume with its slices along the third axis, whichever it has them along."""
    volume = read_volume(path)
    return slices_last(volume, slice_axis_of(volume))


def reference_volume(case: Case, slices: SliceChoice) -> Volume:
    """The reference in [0, 1] between its 0.1 and 99.9 percentiles (not clipped), its matrix cut to multiples of 4.

    The cut keeps first voxel and spacing: every factor up to 4 then gives whole matrices.
    """
    volume = case.read()
    low, high = robust_range(volume.array)
    array = (volume.array - np.float32(low)) / np.float32(high - low)
    count = {"central": _CENTRAL, "all": len(array)}[slices] if isinstance(slices, str) else slices
    first = max(0, (len(array) - count) // 2)
    chosen = array[first : first + count]
    rows, columns = (edge - edge % _MULTIPLE for edge in array.shape[1:])
    matrix = volume.ijk_to_ras.copy()
    matrix[:3, 3] += first * matrix[:3, 2]
    return Volume(chosen[:, :rows, :columns], matrix, {"source": case.name})
