"""The batches of a run: a pure function of the seed and the step, drawn in the background while the network works."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdm_core.training.course import Batch
from pdm_core.training.loss import draw_times
from pdm_core.training.pairs import Pairs, PairSampler
from pdm_core.training.recipe import Recipe

# Batches that wait while others are drawn, and the most threads that draw.
_AHEAD, _MOST_THREADS = 3, 8


@dataclass(frozen=True)
class PairBatch:
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

    def part(self, start: int, count: int) -> PairBatch:
        """`count` pairs from `start` on, or as many as there are."""
        chosen = slice(start, start + count)
        return PairBatch(self.pairs.part(chosen), self.times[chosen], self.noise[chosen])

    def to(self, device: torch.device) -> PairBatch:
        """The same on a device."""
        pairs = replace(self.pairs, x_hr=self.pairs.x_hr.to(device), x_lr=self.pairs.x_lr.to(device))
        return PairBatch(pairs, self.times, self.noise.to(device))


def draw_batch(sampler: PairSampler, recipe: Recipe, step: int, rank: int, size: int) -> PairBatch:
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
    return PairBatch(pairs, times[numbers], torch.from_numpy(stacked))


def drawing_threads(device: torch.device) -> int:
    """How many threads draw: on a CPU one, for the network wants the rest; beside a GPU this process's share of the cores."""
    if device.type == "cpu":
        return 1
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(_MOST_THREADS, (os.cpu_count() or 1) // processes))


class BatchStream:
    """The batches of the steps from `first` on, in their order, a few of them drawn ahead by other threads.

    Args:
        draw: gives the batch of a step.
        first: the first step that is asked for.
        threads: how many batches are drawn at a time.
    """

    def __init__(self, draw: Callable[[int], Batch], first: int, threads: int = 1) -> None:
        self._draw = draw
        self._next = first
        self._ahead = threads + _AHEAD
        self._all_here = threading.Barrier(threads + 1)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="batches", initializer=self._draw_alone)
        self._waiting: deque[Future[Batch]] = deque()

    def __enter__(self) -> BatchStream:
        """Start drawing."""
        threads = torch.get_num_threads()
        while len(self._waiting) < self._ahead:
            self._ask()
        self._all_here.wait()
        # What a thread sets for itself is also the beginning of all later threads.
        torch.set_num_threads(threads)
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

    def _draw_alone(self) -> None:
        """Keep torch from sharing out the work on one slice: its threads would wait for the network's, many times a batch.

        The numbers of a batch do not depend on the number of threads then either.
        """
        # Asked first: unasked, a thread would take over the common number at its first work, whatever it has set before.
        torch.get_num_threads()
        torch.set_num_threads(1)
        self._all_here.wait()
