"""EDSR (Lim et al., CVPR Workshops 2017): residual blocks without normalisation, for regression instead of diffusion."""

from __future__ import annotations

from torch import Tensor, nn

from pdm_core.networks.upsampling import shuffle_layers


class Edsr(nn.Module):
    """EDSR with one channel.

    With scale 1 it is the article's body on images that are interpolated already: it adds to the image what it expects to be
    missing; untrained it adds nothing.

    Args:
        features: channels of the body.
        blocks: residual blocks.
        residual_scale: of what each block adds; below 1 it steadies wide bodies.
        scale: how many times finer the outcome is: 1, 2 or 4.
    """

    def __init__(self, features: int = 64, blocks: int = 16, residual_scale: float = 1.0, scale: int = 1) -> None:
        super().__init__()
        self.scale = scale
        self.head = nn.Conv2d(1, features, 3, padding=1)
        self.body = nn.ModuleList(_Block(features, residual_scale) for _ in range(blocks))
        self.end = nn.Conv2d(features, features, 3, padding=1)
        self.finer = shuffle_layers(features, scale)
        self.tail = nn.Conv2d(features, 1, 3, padding=1)
        if scale == 1:
            nn.init.zeros_(self.tail.weight)
            nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """Map images (N, 1, h, w) to sharper ones (N, 1, scale h, scale w)."""
        first: Tensor = self.head(image)
        x = first
        for block in self.body:
            x = block(x)
        out: Tensor = self.tail(self.finer(first + self.end(x)))
        return image + out if self.scale == 1 else out


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
