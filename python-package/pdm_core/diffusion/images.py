"""What a denoiser's images hold: magnitudes, or complex values as two channels, their real and imaginary part.

D, U and P are linear with real coefficients: they act on both channels alike, and what they keep of them is the measured block
of the complex k-space.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

import torch
from torch import Tensor


class ImageKind(Protocol):
    """How values, magnitudes in the range of about [-1, 1] or complex ones, become what a denoiser works on, and back.

    Attributes:
        channels: C of the denoiser's images (N, C, H, W).
    """

    channels: ClassVar[int]

    def of(self, values: Tensor) -> Tensor:
        """Images (..., C, H, W) of values (..., 1, H, W)."""
        ...

    def like(self, values: Tensor, images: Tensor) -> Tensor:
        """Values (..., 1, H, W) of images (..., C, H, W): complex where `values` are complex, else magnitudes."""
        ...

    def varied(self, images: Tensor, gain: float, offset: float) -> Tensor:
        """Images as another scaling would have made them."""
        ...


class Magnitudes:
    """Images as they are stored, one channel."""

    channels: ClassVar[int] = 1

    def of(self, values: Tensor) -> Tensor:
        """The magnitudes themselves."""
        return values

    def like(self, values: Tensor, images: Tensor) -> Tensor:
        """The images themselves."""
        return images

    def varied(self, images: Tensor, gain: float, offset: float) -> Tensor:
        """With gain and offset: both percentiles of the scaling may lie elsewhere."""
        return images * gain + offset


class ComplexImages:
    """Complex values as real and imaginary part.

    Their modulus lies in about [0, 2]: the range of magnitudes, moved so that the darkest of a scan, its air, is nought. Noise
    levels thus mean the same for both kinds. A magnitude has the phase zero.
    """

    channels: ClassVar[int] = 2

    def of(self, values: Tensor) -> Tensor:
        """Both parts of complex values; of magnitudes these, from nought on, and no imaginary part."""
        if values.is_complex():
            return torch.cat((values.real, values.imag), dim=-3)
        return torch.cat((values + 1.0, torch.zeros_like(values)), dim=-3)

    def like(self, values: Tensor, images: Tensor) -> Tensor:
        """The parts put together, or the modulus on the scale of the magnitudes."""
        real, imaginary = images.chunk(2, dim=-3)
        return torch.complex(real, imaginary) if values.is_complex() else torch.hypot(real, imaginary) - 1.0

    def varied(self, images: Tensor, gain: float, offset: float) -> Tensor:
        """With the gain alone: where there is no signal there is none on another scale."""
        return images * gain


MAGNITUDES, COMPLEX = Magnitudes(), ComplexImages()


def with_phase(magnitudes: Tensor, phase: Tensor) -> Tensor:
    """Complex values of magnitudes in the range of about [-1, 1] and their phase in radians."""
    m = magnitudes + 1.0
    return torch.complex(m * phase.cos(), m * phase.sin())
