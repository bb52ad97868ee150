"""What a denoiser's images hold: magnitudes, or complex values as two channels, their real and imaginary part.

D, U and P are linear with real coefficients: they act on both channels alike, and what they keep of them is the measured block
of the complex k-space.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

import torch
from torch import Tensor


class ImageKind(Protocol):
    """How magnitudes in the range of about [-1, 1] become what a denoiser works on, and back.

    Attributes:
        channels: C of the denoiser's images (N, C, H, W).
    """

    channels: ClassVar[int]

    def of(self, magnitudes: Tensor, phase: Tensor | None = None) -> Tensor:
        """Images (..., C, H, W) of magnitudes (..., 1, H, W) and their phase, radians likewise; none is a phase of zero."""
        ...

    def magnitude(self, images: Tensor) -> Tensor:
        """Magnitudes (..., 1, H, W) of images (..., C, H, W)."""
        ...

    def varied(self, images: Tensor, gain: float, offset: float) -> Tensor:
        """Images as another scaling would have made them."""
        ...


class Magnitudes:
    """Images as they are stored, one channel."""

    channels: ClassVar[int] = 1

    def of(self, magnitudes: Tensor, phase: Tensor | None = None) -> Tensor:
        """The magnitudes themselves; they have no phase."""
        return magnitudes

    def magnitude(self, images: Tensor) -> Tensor:
        """The images themselves."""
        return images

    def varied(self, images: Tensor, gain: float, offset: float) -> Tensor:
        """With gain and offset: both percentiles of the scaling may lie elsewhere."""
        return images * gain + offset


class ComplexImages:
    """m exp(i phi) as its real and imaginary part; m is nought where the scaling puts -1, at the darkest of a scan, its air.

    So m lies in [0, 2]: as wide as the magnitudes' own range, and the noise levels mean the same for both.
    """

    channels: ClassVar[int] = 2

    def of(self, magnitudes: Tensor, phase: Tensor | None = None) -> Tensor:
        """m cos phi and m sin phi."""
        m = magnitudes + 1.0
        parts = (m, torch.zeros_like(m)) if phase is None else (m * phase.cos(), m * phase.sin())
        return torch.cat(parts, dim=-3)

    def magnitude(self, images: Tensor) -> Tensor:
        """The modulus, on the scale of the magnitudes."""
        modulus: Tensor = torch.linalg.vector_norm(images, dim=-3, keepdim=True)
        return modulus - 1.0

    def varied(self, images: Tensor, gain: float, offset: float) -> Tensor:
        """With the gain alone: where there is no signal there is none on another scale."""
        return images * gain


MAGNITUDES, COMPLEX = Magnitudes(), ComplexImages()
