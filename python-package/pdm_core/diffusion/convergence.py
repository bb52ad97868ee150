"""How near the noised low- and high-resolution image have come at step t, and which K follows (Fig. 2, SCIENCE §0.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdm_core.diffusion.schedule import PARENT_STEPS, alpha_bar

# t out of 2000 at which the curves are measured: dense where they fall.
STEPS = (0, 5, 10, 20, 30, 50, 70, 100, 140, 200, 260, 300, 340, 400, 460, 500, 560, 600, 700, 800, 1000, 1400, 2000)
_BINS = 256
_PSEUDO_COUNT = 1e-10
# The histograms are as close as chance allows when their divergence is within this share of that of two noises alone.
_FLOOR_MARGIN = 1.25
# A residual of a tenth of the noise: 0.1² / 2 nats a pixel.
_PAIRED_LIMIT = 0.005


@dataclass(frozen=True)
class Convergence:
    """Divergences between the latents of one factor over time; means over slices.

    Attributes:
        factor: of the low-resolution images.
        steps: t out of 2000.
        histogram: Kullback-Leibler divergence of the latents' histograms, mean of both directions, in nats (Fig. 2);
            blind to where in the image something lies.
        floor: the same between two latents of one image with different noise: what the estimate cannot fall below.
        paired: Kullback-Leibler divergence of the two Gaussians of a pair, in nats a pixel; sees what lies where, and has no
            floor. Infinite at t = 0.
    """

    factor: float
    steps: tuple[int, ...]
    histogram: tuple[float, ...]
    floor: tuple[float, ...]
    paired: tuple[float, ...]

    @property
    def start_by_histogram(self) -> int:
        """t from which on the histograms differ by no more than chance: the paper's choice."""
        apart = [value > _FLOOR_MARGIN * floor for value, floor in zip(self.histogram, self.floor, strict=True)]
        return self._first_after(apart)

    @property
    def start_by_pairs(self) -> int:
        """t from which on the residual x_HR - x_LR is at most a tenth of the noise."""
        return self._first_after([value > _PAIRED_LIMIT for value in self.paired])

    @property
    def start(self) -> int:
        """The later of both, out of 2000."""
        return max(self.start_by_histogram, self.start_by_pairs)

    def _first_after(self, apart: Sequence[bool]) -> int:
        last = max((index for index, value in enumerate(apart) if value), default=-1)
        return self.steps[min(last + 1, len(self.steps) - 1)]


def recommended_start(curves: Sequence[Convergence], steps: int) -> int:
    """K for a bridge of `steps` steps that serves every factor of `curves`."""
    latest = max(curve.start for curve in curves)
    return min(steps, max(1, -(-latest * steps // PARENT_STEPS)))


def convergence(
    pairs: Sequence[tuple[Tensor, Tensor]],
    factor: float,
    generator: torch.Generator,
    advance: Callable[[], None] = lambda: None,
) -> Convergence:
    """Follow pairs of slices through the schedule.

    Args:
        pairs: x_HR and x_LR = P x_HR of each slice, (H, W) each, in about [-1, 1].
        factor: for the record.
        generator: of the noise, which differs between the two latents of a pair as between two images.
        advance: called after every pair.
    """
    rows = []
    for x_hr, x_lr in pairs:
        rows.append([_at(step, x_hr, x_lr, generator) for step in STEPS])
        advance()
    histogram, floor, paired = (tuple(float(value) for value in curve) for curve in np.mean(rows, axis=0).T)
    return Convergence(factor, STEPS, histogram, floor, paired)


def _at(step: int, x_hr: Tensor, x_lr: Tensor, generator: torch.Generator) -> tuple[float, float, float]:
    """Divergence of the histograms, its floor, and the paired divergence at one step for one pair."""
    abar = float(alpha_bar(step / PARENT_STEPS))
    latents = []
    for image in (x_hr, x_lr, x_hr):
        noise = torch.randn(image.shape, generator=generator, dtype=image.dtype)
        latents.append(abar**0.5 * image + (1.0 - abar) ** 0.5 * noise)
    high, low, again = latents
    energy = float((x_hr - x_lr).double().square().mean())
    paired = abar * energy / (2.0 * (1.0 - abar)) if step else np.inf
    return _divergence(high, low), _divergence(high, again), paired


def _divergence(first: Tensor, second: Tensor) -> float:
    """Mean of both Kullback-Leibler divergences of two images' histograms with shared edges."""
    low, high = (float(edge) for edge in torch.aminmax(torch.stack((first, second))))
    p, q = (_frequencies(image, low, high) for image in (first, second))
    return float(0.5 * np.sum((p - q) * np.log(p / q)))


def _frequencies(image: Tensor, low: float, high: float) -> NDArray[np.float64]:
    counts = torch.histc(image.float(), _BINS, low, high).double().numpy() + _PSEUDO_COUNT
    return np.asarray(counts / counts.sum())
