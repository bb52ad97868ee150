"""The window in which a derived image is shown: as the source was shown, or one for all but the extremes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pdm_core.volume.dicom.encoding import decimal_string
from pdm_core.volume.dicom.source_series import SourceSeries
from pdm_core.volume.volume import Volume

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def add_window(header: Dataset, volume: Volume, source: SourceSeries) -> None:
    """Set the window of `header`: the source's where it has one for all slices that shows this image, else a new one."""
    measured = volume.array if volume.padding is None else volume.array[~volume.padding.mask]
    low, high = (float(value) for value in np.percentile(measured, (0.5, 99.5)))
    center, width = _window_of(source)
    if center is not None and width >= 1 and abs(center - (low + high) / 2) < (width + high - low) / 2:
        header.WindowCenter, header.WindowWidth = decimal_string(center), decimal_string(width)
        return
    header.WindowCenter = decimal_string(float(f"{(low + high) / 2:.6g}"))
    header.WindowWidth = decimal_string(max(1.0, float(f"{high - low:.6g}")))


def _window_of(source: SourceSeries) -> tuple[float | None, float]:
    """Center and width of the source's window over the intensities as they are read; no center where slices differ."""
    center, width = source.common("WindowCenter"), source.common("WindowWidth")
    if not _is_number(center) or not _is_number(width):
        return None, 0.0
    if str(source.common("PhotometricInterpretation")) != "MONOCHROME1":
        return float(center), float(width)
    turned = {_turning_sum(source, number) for number in range(len(source.headers))}
    # The linear window of DICOM reaches from half a step below the center on.
    return (turned.pop() - float(center) + 1.0 if len(turned) == 1 else None), float(width)


def _turning_sum(source: SourceSeries, number: int) -> float:
    """What a value of a MONOCHROME1 slice as stored and the same turned over to white-is-high add up to, after rescale."""
    frame, header = source.frames[number], source.headers[number]
    lowest_and_highest = -1 if int(header.value("PixelRepresentation") or 0) else 2 ** int(header.value("BitsStored")) - 1
    return lowest_and_highest * frame.slope + 2.0 * frame.intercept


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
