"""Building blocks of the U-Net: residual block with scale and shift, attention, embedding of scalars."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class ScalarEmbedding(nn.Module):
    """Sines and cosines of scalars (WaveGrad's positional encoding, SCIENCE §1.1) through a two-layer perceptron.

    Args:
        scalars: how many scalars condition the network.
        width: features of the embedding.
        frequencies: sine-cosine pairs per scalar.
    """

    def __init__(self, scalars: int, width: int, frequencies: int = 32) -> None:
        super().__init__()
        octaves = torch.linspace(0.0, 1.0, frequencies, dtype=torch.float64)
        self.register_buffer("frequency", (math.pi * 256.0**octaves).float(), persistent=False)
        self.perceptron = nn.Sequential(
            nn.Linear(scalars * 2 * frequencies, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )

    def forward(self, scalars: Tensor) -> Tensor:
        """Map scalars (N, S) to features (N, width)."""
        frequency: Tensor = self.get_buffer("frequency")
        phase = scalars[:, :, None] * frequency
        features: Tensor = self.perceptron(torch.cat((phase.sin(), phase.cos()), dim=-1).flatten(1))
        return features


class ResidualBlock(nn.Module):
    """GroupNorm, SiLU, convolution, twice; the embedding scales and shifts the second normalisation."""

    def __init__(self, inputs: int, outputs: int, embedding: int, groups: int = 16) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(math.gcd(groups, inputs), inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.norm2 = nn.GroupNorm(math.gcd(groups, outputs), outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Map features (N, C, H, W) and an embedding (N, E) to (N, C', H, W)."""
        hidden = self.conv1(functional.silu(self.norm1(x)))
        scale, offset = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)
        hidden = self.norm2(hidden) * (1 + scale) + offset
        out: Tensor = self.skip(x) + self.conv2(functional.silu(hidden))
        return out


class SelfAttention(nn.Module):
    """Single-head self-attention over the pixels of the lowest level, with a residual connection."""

    def __init__(self, channels: int, groups: int = 16) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(math.gcd(groups, channels), channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map features (N, C, H, W) to the same shape."""
        query, key, value = (part.flatten(2).transpose(1, 2) for part in self.qkv(self.norm(x)).chunk(3, dim=1))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = x + self.out(mixed.transpose(1, 2).reshape(x.shape))
        return out
