"""SwinIR (Liang et al., ICCV Workshops 2021): regression by transformers whose attention stays within shifted windows."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pdm_core.networks.blocks import reflected_to_multiple
from pdm_core.networks.swin_blocks import SwinBlock, outside_window
from pdm_core.networks.upsampling import check_scale, shuffle_layers

# Features of the classical upsampler.
_SHUFFLED = 64


class SwinIR(nn.Module):
    """SwinIR with one channel; without stochastic depth.

    Args:
        features: channels of the body.
        depths: transformer blocks of each residual group.
        heads: of the attention.
        window: edge of the windows in pixels.
        scale: how many times finer the outcome is: 1, 2 or 4.
        direct: one convolution and one pixel shuffle at the end (the article's lightweight network) instead of one of each
            a doubling (its classical one).
    """

    def __init__(
        self,
        features: int = 180,
        depths: Sequence[int] = (6, 6, 6, 6, 6, 6),
        heads: int = 6,
        window: int = 8,
        scale: int = 2,
        direct: bool = False,
    ) -> None:
        super().__init__()
        self.scale, self.window = scale, window
        self.head = nn.Conv2d(1, features, 3, padding=1)
        self.norm_in = nn.LayerNorm(features)
        self.groups = nn.ModuleList(_Group(features, depth, heads, window) for depth in depths)
        self.norm_out = nn.LayerNorm(features)
        self.end = nn.Conv2d(features, features, 3, padding=1)
        self.finer = _direct(features, scale) if direct else _classical(features, scale)

    def forward(self, image: Tensor) -> Tensor:
        """Map images (N, 1, h, w), any h and w, padded by reflection, to (N, 1, scale h, scale w)."""
        height, width = (self.scale * length for length in image.shape[-2:])
        first: Tensor = self.head(reflected_to_multiple(image, self.window))
        outside = outside_window(first.shape[2], first.shape[3], self.window, device=image.device)
        x = self.norm_in(first.permute(0, 2, 3, 1))
        for group in self.groups:
            x = group(x, outside)
        out: Tensor = self.finer(first + self.end(self.norm_out(x).permute(0, 3, 1, 2)))
        return out[..., :height, :width]


class _Group(nn.Module):
    """Transformer blocks, every second one with shifted windows, a convolution, and the way around them."""

    def __init__(self, features: int, depth: int, heads: int, window: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            SwinBlock(features, heads, window, shift=window // 2 if number % 2 else 0) for number in range(depth)
        )
        self.conv = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor, outside: Tensor) -> Tensor:
        """Map features (N, H, W, C), and the mask of shifted windows, to the same shape."""
        mixed = x
        for block in self.blocks:
            mixed = block(mixed, outside)
        out: Tensor = x + self.conv(mixed.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return out


def _classical(features: int, scale: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(features, _SHUFFLED, 3, padding=1),
        nn.LeakyReLU(0.01),
        shuffle_layers(_SHUFFLED, scale),
        nn.Conv2d(_SHUFFLED, 1, 3, padding=1),
    )


def _direct(features: int, scale: int) -> nn.Sequential:
    check_scale(scale)
    return nn.Sequential(nn.Conv2d(features, scale**2, 3, padding=1), nn.PixelShuffle(scale))
