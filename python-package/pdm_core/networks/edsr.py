"""EDSR: residual blocks without normalisation, for regression instead of diffusion."""

from __future__ import annotations

from torch import Tensor, nn


class Edsr(nn.Module):
    """The body of EDSR (Lim et al., CVPR Workshops 2017) on images that are interpolated already, so without its upsampler.

    It adds to the image what it expects to be missing; untrained it adds nothing.

    Args:
        features: channels of the body.
        blocks: residual blocks.
        scale: of what each block adds; below 1 it steadies wide bodies.
    """

    def __init__(self, features: int = 64, blocks: int = 16, scale: float = 1.0) -> None:
        super().__init__()
        self.head = nn.Conv2d(1, features, 3, padding=1)
        self.body = nn.ModuleList(_Block(features, scale) for _ in range(blocks))
        self.end = nn.Conv2d(features, features, 3, padding=1)
        self.tail = nn.Conv2d(features, 1, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """Map images (N, 1, H, W) to sharper ones of the same size."""
        first: Tensor = self.head(image)
        x = first
        for block in self.body:
            x = block(x)
        out: Tensor = image + self.tail(first + self.end(x))
        return out


class _Block(nn.Module):
    """Convolution, ReLU, convolution, and the way around them."""

    def __init__(self, features: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.layers = nn.Sequential(
            nn.Conv2d(features, features, 3, padding=1), nn.ReLU(), nn.Conv2d(features, features, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, C, H, W) to the same."""
        out: Tensor = x + self.scale * self.layers(x)
        return out
