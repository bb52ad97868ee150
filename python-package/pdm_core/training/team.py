"""Several processes that train one model: what `torchrun` starts, or a single process as a team of one.

Every member draws its share of each batch, so that the model does not depend on how many there are; the gradients are
averaged after each step, and only the leader writes.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, distributed

from pdm_core.errors import PdmError

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

# Gradients travel in buckets of this many numbers.
_BUCKET = 4_000_000
# Seconds between two looks at who has come, and in all; torch itself waits as long.
_LOOK, _PATIENCE = 0.02, 1800.0


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
        with _together():
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
            with _together():
                distributed.all_reduce(flat)
            for tensor, total in zip(bucket, torch.split(flat, [tensor.numel() for tensor in bucket]), strict=True):
                tensor.copy_(total.view_as(tensor))

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.size > 1:
            with _together():
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
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    store, rank, size = next(rendezvous("env://"))
    own = PrefixStore(password(store, rank, size), store)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", store=own, rank=rank, world_size=size)
    try:
        yield Team(rank, size, device)
    finally:
        distributed.destroy_process_group()


def password(store: Store, rank: int, size: int) -> str:
    """A word that all processes of this start of the team know, and no process of an earlier start has used.

    When `torchrun` starts a team again it keeps its store (torch 2.13), in which the addresses of the processes before still
    stand: who reads them waits for the dead. Its count of restarts cannot tell the starts apart, for it may differ between
    nodes. Each process therefore leaves a fresh word, the leader answers under it with its own, again and again, until
    everyone has followed; what an earlier process has left is answered in vain.

    Raises:
        PdmError: some processes do not come within half an hour.
    """
    own = uuid.uuid4().hex
    if rank > 0:
        store.set(f"here/{rank}", own)
        leader = bytes(store.get(f"leader/{own}")).decode()
        store.set(f"{leader}/{rank}", "follows")
        return leader
    missing, deadline = set(range(1, size)), time.monotonic() + _PATIENCE
    while missing:
        for other in missing:
            if store.check([f"here/{other}"]):
                store.set(f"leader/{bytes(store.get(f'here/{other}')).decode()}", own)
        missing = {other for other in missing if not store.check([f"{own}/{other}"])}
        if time.monotonic() > deadline:
            raise PdmError(f"{len(missing)} of {size} processes did not come.", "See their messages, and start again.")
        time.sleep(_LOOK)
    return own


@contextmanager
def _together() -> Iterator[None]:
    """Work that needs every process.

    Raises:
        PdmError: a process has gone.
    """
    try:
        yield
    except RuntimeError as error:
        raise PdmError(
            "The processes of the team have lost each other.",
            "An earlier message may say why. torchrun --max-restarts 3 starts them again by itself; "
            "without it give the same command again.",
        ) from error


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    for tensor in tensors:
        if bucket and sum(item.numel() for item in bucket) + tensor.numel() > _BUCKET:
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket
