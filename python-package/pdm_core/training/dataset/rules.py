"""Which volumes are taken: rules on what the headers and names say, and on the grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdm_core.errors import InputError
from pdm_core.training.dataset.candidates import Candidate
from pdm_core.volume.volume import Matrix

PLANES = ("sagittal", "coronal", "axial")


@dataclass(frozen=True)
class SelectionRules:
    """Rules for a dataset; words are looked for in the series description and in the name of the file or folder.

    Attributes:
        include: at least one of these words must occur; empty takes all.
        exclude: none of these words may occur.
        planes: nearest anatomical planes to take.
        min_slices: slices that a volume must have.
        min_matrix: pixels that each side of a slice must have, a scanner's own interpolation taken back.

    Raises:
        InputError: an unknown plane, or a limit below one.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ("localizer", "localiser", "scout", "survey", "mask", "label", "segmentation")
    planes: tuple[str, ...] = PLANES
    min_slices: int = 3
    min_matrix: int = 96

    def __post_init__(self) -> None:
        unknown = sorted(set(self.planes) - set(PLANES))
        if unknown or not self.planes:
            raise InputError(f"{', '.join(unknown) or 'Nothing'} is no plane.", f"Choose among {', '.join(PLANES)}.")
        if min(self.min_slices, self.min_matrix) < 1:
            raise InputError("The least number of slices and of pixels must be positive.")

    def refusal_unread(self, candidate: Candidate) -> str | None:
        """Why `candidate` is not even read, or None."""
        if candidate.source.problem is not None:
            return candidate.source.problem.message
        if candidate.modality not in (None, "MR"):
            return f"the modality is {candidate.modality}"
        words = candidate.description.lower()
        if self.include and not any(word.lower() in words for word in self.include):
            return f"none of the words {', '.join(self.include)} occurs"
        found = [word for word in self.exclude if word.lower() in words]
        return f"the word {found[0]} occurs" if found else None

    def refusal(self, shape: tuple[int, int, int], plane: str) -> str | None:
        """Why a volume that could be read, with (K, H, W) true pixels in that plane, is not taken; or None."""
        slices, rows, columns = shape
        if slices < self.min_slices:
            return f"only {slices} slices"
        if min(rows, columns) < self.min_matrix:
            return f"a true matrix of only {columns} x {rows}"
        return None if plane in self.planes else f"the plane is {plane}"


def plane_of(ijk_to_ras: Matrix) -> str:
    """The anatomical plane nearest to the slices."""
    normal = np.cross(ijk_to_ras[:3, 0], ijk_to_ras[:3, 1])
    return PLANES[int(np.abs(normal).argmax())]
