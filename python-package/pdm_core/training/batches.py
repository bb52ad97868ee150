"""The batches of a run: a pure function of the seed and the step, drawn in the background while the network works."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdm_core.training.loss import draw_times
from pdm_core.training.pairs import Pairs, PairSampler
from pdm_core.training.recipe import Recipe

_AHEAD = 4


@dataclass(frozen=True)
class Batch:
    """One process's share of a step.

    Attributes:
        pairs: x_HR, x_LR and the factors.
        times: u of each pair.
        noise: eps of each pair.
    """

    pairs: Pairs
    times: NDArray[np.float64]
    noise: Tensor

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.times)

    def part(self, start: int, count: int) -> Batch:
        """`count` pairs from `start` on, or as many as there are."""
        chosen = slice(start, start + count)
        return Batch(self.pairs.part(chosen), self.times[chosen], self.noise[chosen])

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        pairs = replace(self.pairs, x_hr=self.pairs.x_hr.to(device), x_lr=self.pairs.x_lr.to(device))
        return Batch(pairs, self.times, self.noise.to(device))


def draw_batch(sampler: PairSampler, recipe: Recipe, step: int, rank: int, size: int) -> Batch:
    """The share of process `rank` out of `size` of the batch of `step`; all shares together do not depend on `size`."""
    pairs = sampler.draw(recipe.batch, (recipe.seed, step), rank, size)
    shared = np.random.default_rng((recipe.seed, step))
    times = draw_times(recipe.batch, recipe.start_share, shared)
    numbers = sampler.share(recipe.batch, rank, size)
    shape = pairs.x_hr.shape[1:]
    noise = [
        np.random.default_rng((recipe.seed, step, 1, number)).standard_normal(shape, dtype=np.float32) for number in numbers
    ]
    stacked = np.stack(noise) if noise else np.empty((0, *shape), np.float32)
    return Batch(pairs, times[numbers], torch.from_numpy(stacked))


class BatchStream:
    """The batches of the steps from `first` on, a few of them drawn ahead by another thread.

    Args:
        draw: gives the batch of a step.
        first: the first step that is asked for.
    """

    def __init__(self, draw: Callable[[int], Batch], first: int) -> None:
        self._draw = draw
        self._next = first
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        self._waiting: deque[Future[Batch]] = deque()

    def __enter__(self) -> BatchStream:
        """Start drawing."""
        while len(self._waiting) < _AHEAD:
            self._ask()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop drawing."""
        self._pool.shutdown(cancel_futures=True)

    def take(self) -> Batch:
        """The next step's batch."""
        self._ask()
        return self._waiting.popleft().result()

    def _ask(self) -> None:
        self._waiting.append(self._pool.submit(self._draw, self._next))
        self._next += 1
