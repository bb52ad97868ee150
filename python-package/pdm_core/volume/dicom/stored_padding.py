"""The padding that a DICOM header declares: a stored value, or a range of them, that stands where there is no data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_VALUES, _SIGN = 2**16, 2**15


@dataclass(frozen=True)
class StoredPadding:
    """Stored values before rescale that are no data.

    Attributes:
        value: Pixel Padding Value.
        limit: Pixel Padding Range Limit, the other end of the range, below or above; the value itself where there is none.
    """

    value: int
    limit: int

    @classmethod
    def of(cls, dataset: Dataset) -> StoredPadding | None:
        """What the header of an image declares; None where it declares nothing or what is declared is not a number."""
        value = _stored_number(dataset, "PixelPaddingValue")
        if value is None:
            return None
        limit = _stored_number(dataset, "PixelPaddingRangeLimit")
        return cls(value, value if limit is None else limit)


def _stored_number(dataset: Dataset, keyword: str) -> int | None:
    """An element of VR US or SS as a stored value; writers often get the VR wrong, but not the 16 bits."""
    try:
        value = dataset[keyword].value
        if isinstance(value, bytes):
            # An ambiguous VR that pydicom has left alone.
            value = int.from_bytes(value, "little") if len(value) == 2 else None
        number = int(value)
        signed = bool(int(dataset.get("PixelRepresentation") or 0))
    except Exception:
        # A damaged declaration declares nothing: the image is not lost for a fact beside it.
        return None
    bits = number % _VALUES
    return bits - _VALUES if signed and bits >= _SIGN else bits
