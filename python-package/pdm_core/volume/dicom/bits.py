"""Where in a stored word the value of a pixel lies, by BitsAllocated, BitsStored, HighBit and PixelRepresentation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.dicom.values import needed_integer

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True)
class PixelBits:
    """The layout of the words that pixels are stored in.

    Attributes:
        allocated: bits of a word.
        stored: bits of the value.
        high: the value's highest bit, counted from 0.
        signed: whether the highest bit is a sign.
    """

    allocated: int
    stored: int
    high: int
    signed: bool

    @classmethod
    def of(cls, dataset: Dataset, path: Path) -> PixelBits:
        """The layout that a header states; whole words where it does not state the bits of the value.

        Raises:
            InputError: a number cannot be understood, or the value does not fit into its word.
        """
        allocated = needed_integer(dataset, "BitsAllocated", path, range(1, 65)) or 16
        stored = needed_integer(dataset, "BitsStored", path, range(1, 65)) or allocated
        stated = needed_integer(dataset, "HighBit", path, range(0, 64))
        high = stored - 1 if stated is None else stated
        signed = needed_integer(dataset, "PixelRepresentation", path, range(0, 2)) == 1
        if not stored <= high + 1 <= allocated:
            raise InputError(
                f"{path}: {stored} bits up to bit {high} do not lie in {allocated} bits (BitsStored, HighBit, BitsAllocated).",
                "Correct the header, or export the series again.",
            )
        return cls(allocated, stored, high, signed)

    def values(self, words: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The values in `words`: what lies in other bits, such as overlays, removed, and the sign extended."""
        if words.dtype.kind not in "iu" or self.stored == 8 * words.dtype.itemsize:
            return words
        words = words.astype(words.dtype.newbyteorder("="))
        unused = 8 * words.dtype.itemsize - 1 - self.high
        kind = f"{'i' if self.signed else 'u'}{words.dtype.itemsize}"
        upwards = np.left_shift(words.view(f"u{words.dtype.itemsize}"), unused)
        return np.asarray(np.right_shift(upwards.view(kind), unused + self.high + 1 - self.stored))

    def refuse_bits_below(self, words: np.ndarray[Any, Any], dataset: Dataset, path: Path) -> None:
        """Refuse words with bits below the value that are not those of overlays.

        Raises:
            InputError: nothing is stored there, so that a wrong HighBit would cut the values off.
        """
        below = self.high + 1 - self.stored
        if below == 0 or words.dtype.kind not in "iu":
            return
        overlays = {_overlay_bit(dataset, group) for group in range(0x6000, 0x6020, 2)}
        mask = sum(1 << bit for bit in range(below) if bit not in overlays)
        if np.any(words & words.dtype.type(mask)):
            raise InputError(
                f"{path}: HighBit (0028,0102) is {self.high} and BitsStored (0028,0101) is {self.stored}, "
                f"but the {below} bits below are in use: values would be cut off.",
                f"Correct the header (HighBit is mostly BitsStored - 1, here {self.stored - 1}), or export the series again.",
            )

    @property
    def reversed_from(self) -> int:
        """Sum of a value and the one that is as far from the other end of the range."""
        return -1 if self.signed else 2**self.stored - 1


def _overlay_bit(dataset: Dataset, group: int) -> int | None:
    """The bit of a pixel's word that holds an overlay; None where its group states none."""
    try:
        return int(dataset[group, 0x0102].value)
    except (KeyError, TypeError, ValueError):
        return None
