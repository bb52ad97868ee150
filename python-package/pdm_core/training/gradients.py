"""Gradients of a mean loss: shared by processes, cut into parts where the memory is short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pdm_core.errors import MemoryShortageError
from pdm_core.training.course import Batch
from pdm_core.training.normalisation import RunningStatistics
from pdm_core.training.team import Team

Objective = Callable[[Any], Tensor]


class SharedGradients:
    """Finds the gradients of a network's weights, the same for any number of processes and parts.

    Args:
        network: receives them.
        objective: mean loss of a batch, or of a part of it.
        batch: examples of all processes together.
        team: the processes that share each batch.
        warn: hears of a batch that had to be cut.
    """

    def __init__(self, network: nn.Module, objective: Objective, batch: int, team: Team, warn: Callable[[str], None]) -> None:
        self._network, self._objective, self._batch, self._team, self._warn = network, objective, batch, team, warn
        self._statistics = RunningStatistics(network)
        # Examples a forward pass; smaller ones, whose gradients add up to the same, when the memory does not suffice.
        self._part = batch

    def find(self, batch: Batch) -> Tensor:
        """Gradients of the mean loss over all examples of all processes, `batch` being this one's; returns that loss.

        Raises:
            MemoryShortageError: not even one example fits.
        """
        while True:
            self._network.zero_grad(set_to_none=False)
            self._statistics.clear()
            try:
                loss = self._backward(batch)
                short = False
            except RuntimeError as error:
                if not _is_memory_shortage(error):
                    raise
                short = True
            # All cut, or none: otherwise one process would wait for the others' gradients for ever.
            if not self._team.any(short):
                break
            self._cut()
        self._team.add_up([*self._gradients(), loss, *self._statistics.sums])
        self._statistics.move()
        return loss

    def _backward(self, batch: Batch) -> Tensor:
        """Add up the gradients of this process's examples, each weighed as one of the whole batch."""
        total = torch.zeros((), device=self._team.device)
        for start in range(0, len(batch), self._part):
            part = batch.part(start, self._part)
            share = self._objective(part) * (len(part) / self._batch)
            share.backward()  # type: ignore[no-untyped-call]
            total += share.detach()
        return total

    def _gradients(self) -> list[Tensor]:
        """Of every weight; where this process has had no example yet they are nought: the others count on them."""
        for weight in self._network.parameters():
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        return [weight.grad for weight in self._network.parameters() if weight.grad is not None]

    def _cut(self) -> None:
        if self._part == 1:
            raise MemoryShortageError(
                "Not even one crop at a time fits the memory.", "Use a smaller crop or a smaller network in the recipe."
            )
        self._part //= 2
        if self._team.device.type == "cuda":
            torch.cuda.empty_cache()
        self._warn(f"The memory did not suffice: going on with {self._part} crops at a time, their gradients added up.")


def _is_memory_shortage(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
