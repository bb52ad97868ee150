"""Training pairs: the low-resolution image is made from the whole slice, then both are cropped (SCIENCE §2.1, §5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pdm_core.degradation.kspace import downsample, lowres_size, project
from pdm_core.training.slices import SliceStack

# Factors that users ask for most; half of the pairs use one of them, the rest is log-uniform over the recipe's range.
_COMMON_FACTORS = (2.0, 4.0)
_MAX_BANDWIDTH_FACTOR = 1.6
_GAIN, _OFFSET = 0.2, 0.1
# Crops of each slice that is drawn.
_CROPS = 2


@dataclass(frozen=True)
class Pairs:
    """A batch: x_HR and x_LR = P x_HR, both (N, 1, crop, crop), and the factor of each pair."""

    x_hr: Tensor
    x_lr: Tensor
    factor: tuple[float, ...]


class PairSampler:
    """Draws random pairs.

    Args:
        stacks: the training slices.
        factors: smallest and largest factor.
        crop: edge of the crops in pixels.
        bandwidth_share: share of slices whose resolution is lowered before the pair is made.
    """

    def __init__(self, stacks: Sequence[SliceStack], factors: tuple[float, float], crop: int, bandwidth_share: float) -> None:
        self._stacks, self._factors, self._crop = stacks, factors, crop
        self._bandwidth_share = bandwidth_share
        weights = np.array([stack.weight * len(stack) for stack in stacks], dtype=np.float64)
        self._chances = weights / weights.sum()

    def draw(self, count: int, key: tuple[int, ...], rank: int = 0, size: int = 1) -> Pairs:
        """Draw `count` pairs, or of them the share of process `rank` out of `size`.

        Two crops are taken of each slice: the Fourier transforms of a slice cost more than a second crop.

        Args:
            count: pairs in all.
            key: decides them; the same key gives the same pairs, however they are shared out.
            rank: of this process.
            size: how many processes share the pairs.
        """
        crops: list[Tensor] = []
        factors: list[float] = []
        for group in range(rank, -(-count // _CROPS), size):
            random = np.random.default_rng((*key, 0, group))
            pair, factor = self._slice_pair(random)
            for _ in range(min(_CROPS, count - group * _CROPS)):
                crops.append(self._augmented_crop(pair, random))
                factors.append(factor)
        stacked = torch.stack(crops) if crops else torch.empty(0, 2, self._crop, self._crop)
        return Pairs(stacked[:, :1].contiguous(), stacked[:, 1:].contiguous(), tuple(factors))

    @staticmethod
    def share(count: int, rank: int, size: int) -> list[int]:
        """Numbers of the pairs that `draw` gives to process `rank` out of `size`."""
        return [number for number in range(count) if number // _CROPS % size == rank]

    def _slice_pair(self, random: np.random.Generator) -> tuple[Tensor, float]:
        """x_HR and x_LR of one whole slice as (2, H, W), and the factor."""
        stack = self._stacks[int(random.choice(len(self._stacks), p=self._chances))]
        x_hr = stack.take([int(random.integers(len(stack)))])[0]
        if random.random() < self._bandwidth_share:
            reduction = min(random.uniform(1.0, _MAX_BANDWIDTH_FACTOR), min(x_hr.shape) / self._crop)
            x_hr = downsample(x_hr, lowres_size((x_hr.shape[0], x_hr.shape[1]), max(1.0, reduction)))
        low, high = self._factors
        factor = math.exp(random.uniform(math.log(low), math.log(high)))
        common = [value for value in _COMMON_FACTORS if low <= value <= high]
        if common and random.random() < 0.5:
            factor = float(random.choice(common))
        size = lowres_size((x_hr.shape[0], x_hr.shape[1]), factor)
        return torch.stack((x_hr, project(x_hr, size))), factor

    def _augmented_crop(self, pair: Tensor, random: np.random.Generator) -> Tensor:
        """A random crop, flipped, transposed, with gain and offset; the image and its low resolution alike."""
        # To the Fourier transform the image is a torus, and an anatomy that is cut off at one border rings into the
        # opposite one: crops across the seam teach that too.
        rows, columns = ((int(random.integers(edge)) + torch.arange(self._crop)) % edge for edge in pair.shape[-2:])
        crop = pair[:, rows][:, :, columns]
        flips = [dim for dim in (-2, -1) if random.random() < 0.5]
        crop = torch.flip(crop, flips) if flips else crop
        crop = crop.transpose(-2, -1) if random.random() < 0.5 else crop
        gain = math.exp(random.uniform(-_GAIN, _GAIN))
        return crop * gain + random.uniform(-_OFFSET, _OFFSET)


def residual_spread(
    stacks: Sequence[SliceStack], factors: tuple[float, float], slices: int = 6
) -> tuple[tuple[float, float], ...]:
    """s_d of SCIENCE §0.4: standard deviation of x_HR - P x_HR at a few factors, over `slices` slices of each stack."""
    low, high = factors
    spread = []
    for factor in np.exp(np.linspace(math.log(low), math.log(high), 4)):
        power = [
            (x - project(x, lowres_size((x.shape[-2], x.shape[-1]), float(factor)))).square().mean().item()
            for x in (stack.take(range(0, len(stack), max(1, len(stack) // slices))) for stack in stacks)
        ]
        spread.append((round(float(factor), 4), float(np.sqrt(np.mean(power)))))
    return tuple(spread)
