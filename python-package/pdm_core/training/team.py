"""Several processes that train one model: what `torchrun` starts, or a single process as a team of one.

Every member draws its share of each batch, so that the model does not depend on how many there are; the gradients are
averaged after each step, and only the leader writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

# Gradients travel in buckets of this many numbers.
_BUCKET = 4_000_000


@dataclass(frozen=True)
class Team:
    """The processes of a run.

    Attributes:
        rank: this one's number.
        size: how many there are.
        device: this one's.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def mean(self, values: Sequence[float]) -> list[float]:
        """Mean over the processes of each number."""
        return [value / self.size for value in self.total(values)]

    def total(self, values: Sequence[float]) -> list[float]:
        """Sum over the processes of each number."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(sums)
        return [float(value) for value in sums]

    def any(self, flag: bool) -> bool:
        """Whether the flag is raised in at least one process."""
        return self.total([float(flag)])[0] > 0.0 if self.size > 1 else flag

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the processes."""
        if self.size == 1:
            return
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            distributed.all_reduce(flat)
            for tensor, total in zip(bucket, torch.split(flat, [tensor.numel() for tensor in bucket]), strict=True):
                tensor.copy_(total.view_as(tensor))

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def team_on(device: torch.device) -> Iterator[Team]:
    """Join the team that `torchrun` has started, or be one alone.

    Args:
        device: of this process; "cuda" without a number takes the one of the process's local rank.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Team(0, 1, device)
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Team(distributed.get_rank(), size, device)
    finally:
        distributed.destroy_process_group()


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    for tensor in tensors:
        if bucket and sum(item.numel() for item in bucket) + tensor.numel() > _BUCKET:
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket
