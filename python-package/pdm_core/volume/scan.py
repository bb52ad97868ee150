"""The input of a run as the stages work on it: slices along the third axis, and a value in every voxel without data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from pdm_core.volume.background import filled, notes_on_background, notes_on_padding, with_padding
from pdm_core.volume.slice_axis import AXES, LAST, slice_axis_of, slices_back, slices_last
from pdm_core.volume.volume import Volume

_ORDINALS = ("first", "second", "third")


@dataclass(frozen=True, eq=False)
class Scan:
    """A volume that was made ready.

    Attributes:
        axis: of the volume as it was given, along which its slices are stacked: 0 to 2 for i, j, k.
        known: the volume with its padding, slices along the third axis.
        work: the same without padding: what the stages work on.
    """

    axis: int
    known: Volume
    work: Volume

    @classmethod
    def of(cls, volume: Volume) -> Scan:
        """Find the slice axis and the voxels without data of `volume`, which is not changed."""
        axis = slice_axis_of(volume)
        known = with_padding(slices_last(volume, axis))
        return cls(axis, known, filled(known))

    def companion(self, volume: Volume) -> Volume:
        """Another volume on the grid of the input, such as its phase, made ready in the same way."""
        same = slices_last(volume, self.axis)
        return filled(replace(same, padding=self.known.padding if same.shape == self.known.shape else None))

    def given_back(self, result: Volume, value: float | None = None) -> Volume:
        """What a stage has made of `work` as the user gets it: in the storage order of the input, its padding in place.

        Args:
            result: on the grid of `work` or a finer one; its array may be changed.
            value: what stands in voxels without data; None for the value of the input.
        """
        padding = self.known.padding
        if padding is not None:
            padding = padding.on(self.work.ijk_to_ras, result.shape, result.ijk_to_ras)
            padding = padding if value is None else replace(padding, value=value)
            result.array[padding.mask] = padding.value
            result = replace(result, padding=padding)
        return slices_back(result, self.axis)

    @property
    def record(self) -> dict[str, Any]:
        """What the provenance says of the input, JSON-able."""
        padding = self.known.padding
        return {"slice_axis": AXES[self.axis], "padding": None if padding is None else padding.record}

    def notes(self) -> Iterator[str]:
        """What the user should know of how the input was taken."""
        if self.axis != LAST:
            yield (
                f"The slices are stacked along the {_ORDINALS[self.axis]} axis of the volume ({AXES[self.axis]}), as its "
                "spacing or header says: the planes across that axis are taken as slices, and the result keeps the order of "
                "the axes."
            )
        yield from notes_on_padding(self.known)
        yield from notes_on_background(self.known)
