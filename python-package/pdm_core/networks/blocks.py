"""Building blocks of the U-Nets: residual block under an embedding, attention, embeddings of scalars, padding."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class WaveEmbedding(nn.Module):
    """Sines and cosines of scalars at given frequencies, through a two-layer perceptron.

    Args:
        frequency: in radians a unit, (F,).
        scalars: how many scalars condition the network.
        hidden: features between the layers.
        width: features of the embedding.
        drawn: the frequencies were drawn at random, so they belong to the weights.
        activated: SiLU after the second layer as well.
    """

    def __init__(
        self, frequency: Tensor, scalars: int, hidden: int, width: int, *, drawn: bool = False, activated: bool = True
    ) -> None:
        super().__init__()
        self.register_buffer("frequency", frequency, persistent=drawn)
        layers: list[nn.Module] = [
            nn.Linear(scalars * 2 * len(frequency), hidden),
            nn.SiLU(),
            nn.Linear(hidden, width),
        ]
        self.perceptron = nn.Sequential(*layers, *([nn.SiLU()] if activated else []))

    def forward(self, scalars: Tensor) -> Tensor:
        """Map scalars (N, S) to features (N, width)."""
        frequency: Tensor = self.get_buffer("frequency")
        phase = scalars[:, :, None] * frequency
        features: Tensor = self.perceptron(torch.cat((phase.sin(), phase.cos()), dim=-1).flatten(1))
        return features


class ScalarEmbedding(WaveEmbedding):
    """WaveGrad's positional encoding (SCIENCE §1.1) of scalars within some tenths of 1, in eight octaves.

    Args:
        scalars: how many scalars condition the network.
        width: features of the embedding.
        frequencies: sine-cosine pairs per scalar.
    """

    def __init__(self, scalars: int, width: int, frequencies: int = 32) -> None:
        octaves = torch.linspace(0.0, 1.0, frequencies, dtype=torch.float64)
        super().__init__((math.pi * 256.0**octaves).float(), scalars, width, width)


def transformer_frequencies(count: int, longest: float = 1e4) -> Tensor:
    """Frequencies (count,) of the transformer's positional encoding: from 1 down to nearly 1 / `longest`."""
    return torch.exp(-math.log(longest) * torch.arange(count, dtype=torch.float32) / count)


class ResidualBlock(nn.Module):
    """GroupNorm, SiLU, convolution, twice; the embedding enters between them.

    Args:
        inputs: features that enter.
        outputs: features that leave.
        embedding: features of the embedding.
        groups: of the normalisations, at most.
        added: the embedding is added before the second normalisation; otherwise it scales and shifts what that leaves.
        dropout: share of the features that the second convolution misses in training.
        resample: to another resolution, of the first convolution's input and of the skip connection alike.
        gain: of the sum of both ways.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        embedding: int,
        groups: int = 16,
        *,
        added: bool = False,
        dropout: float = 0.0,
        resample: nn.Module | None = None,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.added, self.gain = added, gain
        self.norm1 = nn.GroupNorm(math.gcd(groups, inputs), inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(embedding, outputs if added else 2 * outputs)
        self.norm2 = nn.GroupNorm(math.gcd(groups, outputs), outputs)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        self.resample = nn.Identity() if resample is None else resample
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Map features (N, C, H, W) and an embedding (N, E) to (N, C', H, W), or to the resolution of `resample`."""
        hidden = self.conv1(self.resample(functional.silu(self.norm1(x))))
        modulation = self.modulation(embedding)[:, :, None, None]
        if self.added:
            hidden = self.norm2(hidden + modulation)
        else:
            scale, offset = modulation.chunk(2, dim=1)
            hidden = self.norm2(hidden) * (1 + scale) + offset
        out: Tensor = self.skip(self.resample(x)) + self.conv2(self.dropout(functional.silu(hidden)))
        return self.gain * out if self.gain != 1.0 else out


class SelfAttention(nn.Module):
    """Self-attention over the pixels of a low level, with a residual connection.

    Args:
        channels: of the features.
        groups: of the normalisation, at most.
        heads: that the channels are shared among.
        gain: of the sum of features and attention.
    """

    def __init__(self, channels: int, groups: int = 16, *, heads: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        self.heads, self.gain = heads, gain
        self.norm = nn.GroupNorm(math.gcd(groups, channels), channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map features (N, C, H, W) to the same shape."""
        query, key, value = (
            part.flatten(2).unflatten(1, (self.heads, -1)).transpose(2, 3) for part in self.qkv(self.norm(x)).chunk(3, dim=1)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = x + self.out(mixed.transpose(2, 3).reshape(x.shape))
        return self.gain * out if self.gain != 1.0 else out


def reflected_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Images (N, C, H, W), mirrored at the bottom and right until H and W are multiples; repeated where too small for that."""
    height, width = image.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if not bottom and not right:
        return image
    mode = "reflect" if bottom < height and right < width else "replicate"
    return functional.pad(image, (0, right, 0, bottom), mode=mode)
