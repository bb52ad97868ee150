"""Transformer block of the Swin transformer (Liu et al., ICCV 2021): attention within windows, which may be shifted."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class SwinBlock(nn.Module):
    """Attention within windows and a perceptron, each with normalisation before and a residual connection.

    Args:
        features: channels.
        heads: of the attention.
        window: edge of the windows in pixels.
        shift: of the windows in pixels, down and to the right; 0 or half a window.
        widening: of the perceptron.
    """

    def __init__(self, features: int, heads: int, window: int, shift: int, widening: int = 2) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.norm1 = nn.LayerNorm(features)
        self.attention = WindowAttention(features, heads, window)
        self.norm2 = nn.LayerNorm(features)
        self.perceptron = nn.Sequential(
            nn.Linear(features, widening * features), nn.GELU(), nn.Linear(widening * features, features)
        )

    def forward(self, x: Tensor, outside: Tensor) -> Tensor:
        """Map features (N, H, W, C), H and W multiples of the window, to the same; `outside` as of `outside_window`."""
        shift, size = self.shift, x.shape[1:3]
        moved = torch.roll(self.norm1(x), (-shift, -shift), dims=(1, 2)) if shift else self.norm1(x)
        mixed = self.attention(into_windows(moved, self.window), outside if shift else None)
        mixed = out_of_windows(mixed, self.window, size[0], size[1])
        x = x + (torch.roll(mixed, (shift, shift), dims=(1, 2)) if shift else mixed)
        out: Tensor = x + self.perceptron(self.norm2(x))
        return out


class WindowAttention(nn.Module):
    """Multi-head attention of the pixels of each window, with a learned bias for every offset between two pixels."""

    def __init__(self, features: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(features, 3 * features)
        self.out = nn.Linear(features, features)
        self.bias = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        self.register_buffer("offsets", _offset_numbers(window), persistent=False)
        nn.init.trunc_normal_(self.bias, std=0.02)

    def forward(self, windows: Tensor, outside: Tensor | None) -> Tensor:
        """Map windows (N, M, L, C) of L pixels to the same; where `outside` (M, L, L) is true nothing is taken over."""
        images, count, length, features = windows.shape
        # Windows and heads are one axis, so that the bias serves all images without copies.
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(2, 3).flatten(1, 2) for part in self.qkv(windows).chunk(3, dim=-1)
        )
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=self._bias(count, outside).to(query.dtype)
        )
        mixed = mixed.reshape(images, count, self.heads, length, -1).transpose(2, 3).reshape(images, count, length, features)
        out: Tensor = self.out(mixed)
        return out

    def _bias(self, count: int, outside: Tensor | None) -> Tensor:
        """What is added to the logits, (1, M heads, L, L)."""
        bias = self.bias[self.get_buffer("offsets")].permute(2, 0, 1)
        bias = bias.expand(count, *bias.shape)
        if outside is not None:
            bias = bias.masked_fill(outside[:, None], float("-inf"))
        return bias.flatten(0, 1)[None]


def into_windows(x: Tensor, window: int) -> Tensor:
    """Features (N, H, W, C), H and W multiples of the window, as windows (N, M, window^2, C), row by row."""
    images, height, width, features = x.shape
    split = x.reshape(images, height // window, window, width // window, window, features)
    return split.transpose(2, 3).reshape(images, -1, window**2, features)


def out_of_windows(windows: Tensor, window: int, height: int, width: int) -> Tensor:
    """The inverse of `into_windows`: windows (N, M, window^2, C) as features (N, H, W, C)."""
    split = windows.reshape(len(windows), height // window, width // window, window, window, -1)
    return split.transpose(2, 3).reshape(len(windows), height, width, -1)


def outside_window(height: int, width: int, window: int, device: torch.device | None = None) -> Tensor:
    """Which pixels of windows shifted by half are no neighbours, but come from the opposite border: (M, L, L)."""
    rows, columns = (_regions(length, window, device) for length in (height, width))
    numbers = rows[:, None] * 3 + columns[None, :]
    pixels = into_windows(numbers[None, :, :, None], window)[0, :, :, 0]
    return pixels[:, :, None] != pixels[:, None, :]


def _regions(length: int, window: int, device: torch.device | None) -> Tensor:
    """Numbers of the parts of a line that the last window mixes: before it, its own half, and what came round the border."""
    place = torch.arange(length, device=device)
    return (place >= length - window).long() + (place >= length - window // 2).long()


def _offset_numbers(window: int) -> Tensor:
    """The number, (L, L), of the offset between two pixels of a window, among its (2 window - 1)^2."""
    row, column = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    down, right = (line.flatten()[:, None] - line.flatten()[None, :] + window - 1 for line in (row, column))
    return down * (2 * window - 1) + right
