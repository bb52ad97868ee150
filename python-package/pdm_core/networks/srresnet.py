"""SRResNet, the generator of SRGAN (Ledig et al., CVPR 2017)."""

from __future__ import annotations

from torch import Tensor, nn

from pdm_core.networks.upsampling import shuffle_layers


class SRResNet(nn.Module):
    """Residual blocks with batch normalisation, then pixel shuffles, with one channel.

    Args:
        features: channels of the body.
        blocks: residual blocks.
        scale: how many times finer the outcome is: 1, 2 or 4.
        ends: edge in pixels of the first and last convolution.
    """

    def __init__(self, features: int = 64, blocks: int = 16, scale: int = 4, ends: int = 9) -> None:
        super().__init__()
        self.scale = scale
        self.head = nn.Sequential(nn.Conv2d(1, features, ends, padding=ends // 2), nn.PReLU())
        self.body = nn.ModuleList(_block(features) for _ in range(blocks))
        self.end = nn.Sequential(nn.Conv2d(features, features, 3, padding=1), nn.BatchNorm2d(features))
        self.finer = shuffle_layers(features, scale, after=nn.PReLU)
        self.tail = nn.Conv2d(features, 1, ends, padding=ends // 2)

    def forward(self, image: Tensor) -> Tensor:
        """Map images (N, 1, h, w) to (N, 1, scale h, scale w)."""
        first: Tensor = self.head(image)
        x = first
        for block in self.body:
            x = x + block(x)
        out: Tensor = self.tail(self.finer(first + self.end(x)))
        return out


def _block(features: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(features, features, 3, padding=1),
        nn.BatchNorm2d(features),
        nn.PReLU(),
        nn.Conv2d(features, features, 3, padding=1),
        nn.BatchNorm2d(features),
    )
