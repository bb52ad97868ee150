"""The true bandwidth of an image: how much of its k-space a scanner measured before it interpolated by zero filling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
Profile = NDArray[np.float64]

# A step of the spectrum counts as an edge of zero filling when the power falls, within 8 % of the axis, by half a decade
# more than the trend before it predicts. Of 36 series looked at, the interpolated ones reach 0.54 to 1.67, the others 0.48.
_EDGE_DECADES = 0.5
_WINDOW = 0.04
_SEARCH = (0.25, 0.92)
_LOW_BAND = 0.25
# A Hann window carries the power of one frequency over to the next two; on a logarithmic scale that is seen.
_SMEARED = 2


@dataclass(frozen=True)
class Bandwidth:
    """Share (0, 1] of the k-space box that carries measured signal, along rows (J) and columns (I)."""

    rows: float
    columns: float

    @property
    def interpolated(self) -> bool:
        """Whether the image lies on a finer grid than its scanner measured."""
        return min(self.rows, self.columns) < 1.0

    def true_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The matrix (h, w) that holds all that was measured of an image of `size` = (H, W)."""
        return max(1, round(size[0] * self.rows)), max(1, round(size[1] * self.columns))


def true_bandwidth(array: FloatArray, slices: int = 8) -> Bandwidth:
    """Detect a scanner's own zero filling by the step that it leaves in the power spectrum.

    Args:
        array: intensities `[K, J, I]`; up to `slices` of the central ones are looked at.

    Returns:
        The measured share of each in-plane axis; 1.0 where no step stands out.
    """
    count = array.shape[0]
    first = max(0, (count - slices) // 2)
    central = np.asarray(array[first : first + slices], dtype=np.float64)
    if min(central.shape[1:]) < 64:
        return Bandwidth(1.0, 1.0)
    return Bandwidth(_measured_share(_power_profile(central, 1)), _measured_share(_power_profile(central, 2)))


def _power_profile(slices: Profile, axis: int) -> Profile:
    """log10 power against |k| along one axis, the median over low frequencies of the other axis; length N//2 + 1."""
    centred = np.moveaxis(slices - slices.mean(axis=(1, 2), keepdims=True), axis, 1)
    length, across = centred.shape[1:]
    window = np.hanning(length)[:, None] * np.hanning(across)[None, :]
    power = (np.abs(np.fft.fft2(centred * window)) ** 2).mean(axis=0)
    low = np.abs(np.fft.fftfreq(across)) * 2 < _LOW_BAND
    profile = np.median(power[: length // 2 + 1, low], axis=1)
    return np.asarray(np.log10(profile + 1e-12 * profile.max()))


def _measured_share(profile: Profile) -> float:
    width = max(2, round(_WINDOW * len(profile)))
    first, last = (round(edge * len(profile)) for edge in _SEARCH)
    centres = np.arange(max(first, 3 * width), min(last, len(profile) - 2 * width))
    if not len(centres):
        return 1.0
    excess = np.array([_excess_drop(profile, int(centre), width) for centre in centres])
    best = int(excess.argmax())
    if excess[best] < _EDGE_DECADES:
        return 1.0
    return float(min(1.0, _edge(profile, int(centres[best]), width) / (len(profile) - 1)))


def _edge(profile: Profile, centre: int, width: int) -> int:
    """The last measured frequency of a step about `centre`: half-way down the profile, less what the window smears."""
    before, after = profile[centre - width : centre].mean(), profile[centre + width : centre + 2 * width].mean()
    below = np.flatnonzero(profile[centre - width : centre + 2 * width] < (before + after) / 2.0)
    return centre - width + int(below[0]) - _SMEARED


def _excess_drop(profile: Profile, centre: int, width: int) -> float:
    """Fall of the profile across `centre` beyond the fall over an equal stretch just before."""
    earlier, before, after = (
        profile[centre + offset : centre + offset + width].mean() for offset in (-3 * width, -width, width)
    )
    return float((before - after) - max(0.0, earlier - before))
