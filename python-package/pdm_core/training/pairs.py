"""Training pairs: the low-resolution image is made from the whole slice, then both are cropped (SCIENCE §2.1, §5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pdm_core.degradation.kspace import downsample, lowres_size
from pdm_core.diffusion.images import COMPLEX, MAGNITUDES, ImageKind, with_phase
from pdm_core.training.degradations import Degradation, KspaceDegradation
from pdm_core.training.phase import smooth_phase
from pdm_core.training.slices import SliceStack

_MAX_BANDWIDTH_FACTOR = 1.6
_GAIN, _OFFSET = 0.2, 0.1
# Crops of each slice that is drawn.
_CROPS = 2


@dataclass(frozen=True)
class Pairs:
    """A batch.

    Attributes:
        x_hr: (N, C, crop, crop).
        x_lr: what remains of it on the same grid, P x_HR or interpolated slices.
        factor: of each pair.
        thickness: of each pair's slices as a share of their distance; empty for in-plane pairs.
    """

    x_hr: Tensor
    x_lr: Tensor
    factor: tuple[float, ...]
    thickness: tuple[float, ...] = ()

    @property
    def further(self) -> tuple[tuple[float, ...], ...]:
        """What a network is told of each pair besides noise level and factor."""
        return (self.thickness,) if self.thickness else ()

    def part(self, chosen: slice) -> Pairs:
        """Some of the pairs."""
        return Pairs(self.x_hr[chosen], self.x_lr[chosen], self.factor[chosen], self.thickness[chosen])


class PairSampler:
    """Draws random pairs.

    Args:
        stacks: the training slices.
        factors: smallest and largest factor.
        crop: edge of the crops in pixels.
        bandwidth_share: share of slices whose resolution is lowered before the pair is made.
        degradation: how the low resolution comes about; in k-space unless said.
        images: what the pairs hold; complex ones are given a phase of our own making, see `smooth_phase`.
    """

    def __init__(
        self,
        stacks: Sequence[SliceStack],
        factors: tuple[float, float],
        crop: int,
        bandwidth_share: float,
        degradation: Degradation | None = None,
        images: ImageKind = MAGNITUDES,
    ) -> None:
        self._stacks, self._factors, self._crop = stacks, factors, crop
        self._bandwidth_share = bandwidth_share
        self._degradation, self._images = degradation or KspaceDegradation(), images
        weights = np.array([stack.weight * len(stack) for stack in stacks], dtype=np.float64)
        self._chances = weights / weights.sum()

    def draw(self, count: int, key: tuple[int, ...], rank: int = 0, size: int = 1) -> Pairs:
        """Draw `count` pairs, or of them the share of process `rank` out of `size`.

        Two crops are taken of each slice: the degradation of a slice costs more than a second crop.

        Args:
            count: pairs in all.
            key: decides them; the same key gives the same pairs, however they are shared out.
            rank: of this process.
            size: how many processes share the pairs.
        """
        crops: list[Tensor] = []
        factors: list[float] = []
        thickness: list[float] = []
        for group in range(rank, -(-count // _CROPS), size):
            random = np.random.default_rng((*key, 0, group))
            pair, factor, thick = self._slice_pair(random)
            for _ in range(min(_CROPS, count - group * _CROPS)):
                crops.append(self._augmented_crop(pair, random))
                factors.append(factor)
                thickness += [] if thick is None else [thick]
        stacked = torch.stack(crops) if crops else torch.empty(0, 2, self._images.channels, self._crop, self._crop)
        return Pairs(stacked[:, 0].contiguous(), stacked[:, 1].contiguous(), tuple(factors), tuple(thickness))

    @staticmethod
    def share(count: int, rank: int, size: int) -> list[int]:
        """Numbers of the pairs that `draw` gives to process `rank` out of `size`."""
        return [number for number in range(count) if number // _CROPS % size == rank]

    def _slice_pair(self, random: np.random.Generator) -> tuple[Tensor, float, float | None]:
        """x_HR and x_LR of one whole slice as (2, C, H, W), the factor, and the thickness where there is one."""
        stack = self._stacks[int(random.choice(len(self._stacks), p=self._chances))]
        x_hr = stack.take([int(random.integers(len(stack)))])[0]
        if random.random() < self._bandwidth_share:
            reduction = min(random.uniform(1.0, _MAX_BANDWIDTH_FACTOR), min(x_hr.shape) / self._crop)
            x_hr = downsample(x_hr, lowres_size((x_hr.shape[0], x_hr.shape[1]), max(1.0, reduction)))
        low, high = self._factors
        factor = math.exp(random.uniform(math.log(low), math.log(high)))
        common = [value for value in self._degradation.favourites if low <= value <= high]
        if common and random.random() < 0.5:
            factor = float(random.choice(common))
        if self._images is COMPLEX:
            x_hr = COMPLEX.of(with_phase(x_hr, smooth_phase((x_hr.shape[0], x_hr.shape[1]), random))[None])
        pair, factor, thickness = self._degradation.pair(x_hr, factor, self._crop, random)
        return pair.reshape(2, self._images.channels, *pair.shape[-2:]), factor, thickness

    def _augmented_crop(self, pair: Tensor, random: np.random.Generator) -> Tensor:
        """A random crop, flipped, where it may be transposed, with gain and offset; image and low resolution alike."""
        rows, columns = (self._degradation.window(edge, self._crop, random) for edge in pair.shape[-2:])
        crop = pair[..., rows, :][..., columns]
        flips = [dim for dim in (-2, -1) if random.random() < 0.5]
        crop = torch.flip(crop, flips) if flips else crop
        crop = crop.transpose(-2, -1) if self._degradation.isotropic and random.random() < 0.5 else crop
        gain = math.exp(random.uniform(-_GAIN, _GAIN))
        return self._images.varied(crop, gain, random.uniform(-_OFFSET, _OFFSET))


def residual_spread(
    stacks: Sequence[SliceStack], factors: tuple[float, float], degradation: Degradation | None = None, slices: int = 6
) -> tuple[tuple[float, float], ...]:
    """s_d of SCIENCE §0.4: standard deviation of x_HR - x_LR at a few factors, over `slices` slices of each stack."""
    degradation = degradation or KspaceDegradation()
    low, high = factors
    spread = []
    for factor in np.exp(np.linspace(math.log(low), math.log(high), 4)):
        power = [
            (x - degradation.reduction((x.shape[-2], x.shape[-1]), float(factor)).low_resolution(x)).square().mean().item()
            for x in (stack.take(range(0, len(stack), max(1, len(stack) // slices))) for stack in stacks)
        ]
        spread.append((round(float(factor), 4), float(np.sqrt(np.mean(power)))))
    return tuple(spread)
