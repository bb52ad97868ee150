"""What a scanner measures of a slice: a k-space matrix, seen through a shutter and a filter, of a whole or a cut slice.

With F the Fourier transform and m(k) = shutter x filter the low-resolution image is y = F⁻¹ m F D x, where D crops k-space to
the measured matrix (see `kspace`, whose conventions hold here: the last two dimensions, the mean kept, aligned at index 0).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from pdm_core.degradation.kspace import Size, downsample, upsample
from pdm_core.errors import InputError

FilterKind = Literal["none", "hamming", "tukey", "fermi"]
Borders = Literal["wrap", "cut"]


@dataclass(frozen=True)
class Shutter:
    """An ellipse with a soft rim, which leaves the corners of the k-space box empty.

    Attributes:
        begin: radius at which the transfer starts to fall; 1 is the edge of the box along each axis.
        end: radius from which on nothing is measured. The transfer falls linearly in between.
    """

    begin: float
    end: float

    def __post_init__(self) -> None:
        if not 0.0 < self.begin < self.end:
            raise InputError(f"A shutter from {self.begin:g} to {self.end:g} is not possible.", "Use 0 < begin < end.")

    def transfer(self, rows: Tensor, columns: Tensor) -> Tensor:
        """The share that passes at distances (h, 1) and (1, w) from the center of k-space."""
        return ((self.end - torch.hypot(rows, columns)) / (self.end - self.begin)).clamp(0.0, 1.0)


@dataclass(frozen=True)
class Filter:
    """A filter on the raw data, as vendors use it against ringing.

    Attributes:
        kind: "none"; "hamming", per axis, w + (1 - w) cos(pi k); "tukey", per axis, flat and then half a cosine down to 0 at
            the edge; or "fermi", radial, 1 / (1 + exp((r - radius) / width)).
        weight: w of "hamming": 0.54 is the full Hamming window, 0.5 a Hann window, 1 no filter.
        taper: share of each half axis that "tukey" tapers.
        radius: r at which "fermi" falls to one half.
        width: of that fall.

    Raises:
        InputError: the kind is unknown or a number is outside its range.
    """

    kind: FilterKind = "none"
    weight: float = 0.54
    taper: float = 0.5
    radius: float = 0.9
    width: float = 0.05

    def __post_init__(self) -> None:
        if self.kind not in get_args(FilterKind):
            raise InputError(f"Unknown filter {self.kind!r}.", f"Choose one of: {', '.join(get_args(FilterKind))}.")
        possible = {
            f"weight {self.weight:g} must lie in [0.5, 1]": 0.5 <= self.weight <= 1.0,
            f"taper {self.taper:g} must lie in [0, 1]": 0.0 <= self.taper <= 1.0,
            f"radius {self.radius:g} and width {self.width:g} must be positive": min(self.radius, self.width) > 0.0,
        }
        for complaint, fine in possible.items():
            if not fine:
                raise InputError(f"The {self.kind} filter is not possible: its {complaint}.")

    def transfer(self, rows: Tensor, columns: Tensor) -> Tensor:
        """The share that passes at distances (h, 1) and (1, w) from the center of k-space; 1 at the center."""
        transfers: dict[FilterKind, Callable[[], Tensor]] = {
            "none": lambda: torch.ones_like(rows * columns),
            "hamming": lambda: self._hamming(rows) * self._hamming(columns),
            "tukey": lambda: self._tukey(rows) * self._tukey(columns),
            "fermi": lambda: self._fermi(torch.hypot(rows, columns)),
        }
        return transfers[self.kind]()

    def _hamming(self, distance: Tensor) -> Tensor:
        return self.weight + (1.0 - self.weight) * torch.cos(math.pi * distance)

    def _tukey(self, distance: Tensor) -> Tensor:
        if self.taper == 0.0:
            return torch.ones_like(distance)
        beyond = ((distance - 1.0) / self.taper + 1.0).clamp(0.0, 1.0)
        return 0.5 * (1.0 + torch.cos(math.pi * beyond))

    def _fermi(self, distance: Tensor) -> Tensor:
        passed = torch.sigmoid((self.radius - distance) / self.width)
        return passed / torch.sigmoid(torch.tensor(self.radius / self.width, dtype=distance.dtype))


@dataclass(frozen=True)
class Acquisition:
    """How a scanner measures slices.

    Attributes:
        matrix: rows and columns that are measured.
        shutter: of k-space; None measures its corners too.
        filter: of the raw data.
        borders: "wrap" for slices that show the whole field of view, which to the Fourier transform is a torus; "cut" for
            those cut out of a larger one, as oversampling along the readout is removed. What lies beyond a cut is not
            known: it is taken to be the mirror image.
    """

    matrix: Size
    shutter: Shutter | None = None
    filter: Filter = Filter()
    borders: Borders = "wrap"

    def __post_init__(self) -> None:
        if self.borders not in get_args(Borders):
            raise InputError(f"Unknown borders {self.borders!r}.", f"Choose one of: {', '.join(get_args(Borders))}.")

    @property
    def box(self) -> bool:
        """Whether the whole matrix is measured alike, m = 1."""
        return self.shutter is None and self.filter.kind == "none"

    @property
    def words(self) -> str:
        """The acquisition for a person, as "an elliptical shutter (0.92 to 1.00) and a Hamming filter (0.80)"."""
        parts = [] if self.shutter is None else [f"an elliptical shutter ({self.shutter.begin:.2f} to {self.shutter.end:.2f})"]
        numbers = {
            "hamming": f"a Hamming filter ({self.filter.weight:.2f})",
            "tukey": f"a Tukey filter ({self.filter.taper:.2f})",
            "fermi": f"a Fermi filter ({self.filter.radius:.2f}, {self.filter.width:.2f})",
        }
        parts += [numbers[self.filter.kind]] if self.filter.kind in numbers else []
        return " and ".join(parts) or "the whole of its k-space box"

    def on(self, matrix: Size) -> Acquisition:
        """The same on another matrix, as that of slices with margins."""
        return replace(self, matrix=matrix)

    def transfer(self, size: Size | None = None) -> Tensor:
        """m(k), float64 (h, w), in the order of `torch.fft.fft2`; on another grid of the same band where `size` is given."""
        rows, columns = (2.0 * torch.fft.fftfreq(n, dtype=torch.float64).abs() for n in size or self.matrix)
        return self.transfer_at(rows[:, None], columns[None, :])

    def transfer_at(self, rows: Tensor, columns: Tensor) -> Tensor:
        """m at distances (h, 1) and (1, w) from the center of k-space; 1 is the edge of the matrix along an axis."""
        passed = self.filter.transfer(rows, columns)
        return passed if self.shutter is None else passed * self.shutter.transfer(rows, columns)

    def reduce(self, x: Tensor) -> Tensor:
        """What the scanner gives of `x` (..., H, W), real or complex: (..., h, w)."""
        if self.borders == "wrap":
            return self.filtered(downsample(x, self.matrix))
        rows, columns = self.matrix
        low = downsample(_mirrored(x), (2 * rows, 2 * columns))
        return _multiplied(low, self.transfer((2 * rows, 2 * columns)))[..., :rows, :columns]

    def filtered(self, low: Tensor) -> Tensor:
        """F⁻¹ m F of images `low` (..., h, w) on the measured matrix."""
        return low if self.box else _multiplied(low, self.transfer())

    def consistent(self, x: Tensor, low: Tensor) -> Tensor:
        """`x` (..., H, W) moved towards what was measured of it, `low` (..., h, w): x + U m (low - reduced x).

        Frequencies that were measured fully (m = 1) become those of `low`, and those that were not (m = 0) stay as they are.
        In between the error that is left of an exact measurement is 1 - m² of what it was, and noise is never amplified.
        """
        return x + upsample(self.filtered(low - self.reduce(x)), (x.shape[-2], x.shape[-1]))


def _multiplied(image: Tensor, transfer: Tensor) -> Tensor:
    """Images (..., h, w) whose spectrum is multiplied by a real, even `transfer` (h, w)."""
    if image.is_complex():
        return torch.complex(_multiplied(image.real, transfer), _multiplied(image.imag, transfer))
    spectrum = torch.fft.rfft2(image)
    passed: Tensor = torch.fft.irfft2(spectrum * transfer[:, : spectrum.shape[-1]].to(image), s=image.shape[-2:])
    return passed


def _mirrored(x: Tensor) -> Tensor:
    """Images (..., 2 H, 2 W): `x` and its mirror images about the outer faces of the last row and column."""
    wide = torch.cat((x, x.flip(-1)), dim=-1)
    return torch.cat((wide, wide.flip(-2)), dim=-2)
