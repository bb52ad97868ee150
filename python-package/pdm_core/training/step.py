"""One optimiser step: shared by processes, cut into parts where the memory is short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pdm_core.errors import MemoryShortageError
from pdm_core.training.checkpoint import TrainingState
from pdm_core.training.course import Batch
from pdm_core.training.loss import learning_rate_scale
from pdm_core.training.run_recipe import RunRecipe
from pdm_core.training.team import Team

Objective = Callable[[Any], Tensor]

_CLIP = 1.0


class Stepper:
    """Moves the weights by one batch at a time.

    Args:
        recipe: learning rate, decay of the average, loss.
        state: is changed by every step.
        objective: mean loss of a batch, or of a part of it.
        team: the processes that share each batch.
        warn: hears of a batch that had to be cut.
    """

    def __init__(
        self,
        recipe: RunRecipe,
        state: TrainingState,
        objective: Objective,
        team: Team,
        warn: Callable[[str], None],
    ) -> None:
        self._recipe, self._state, self._objective, self._team, self._warn = recipe, state, objective, team, warn
        # Pairs a forward pass; smaller ones, whose gradients add up to the same, when the memory does not suffice.
        self._part = recipe.batch

    def step(self, batch: Batch) -> None:
        """Move the weights and their average; the loss is kept in the state.

        Raises:
            MemoryShortageError: not even one pair fits.
        """
        recipe, state = self._recipe, self._state
        loss = self._gradients(batch.to(self._team.device))
        for group in state.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * learning_rate_scale(state.step, recipe.warmup, recipe.iterations)
        size = nn.utils.clip_grad_norm_(state.network.parameters(), _CLIP)
        state.optimizer.step()
        state.update_average(recipe.ema)
        state.step += 1
        # Gradients that are no numbers have spoilt the weights: no checkpoint may be written from here on.
        state.losses.append(torch.where(size.isfinite(), loss, torch.nan))

    def _gradients(self, batch: Batch) -> Tensor:
        """Gradients of the mean loss over all pairs of all processes; returns that loss."""
        while True:
            self._state.optimizer.zero_grad(set_to_none=False)
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
        gradients = [weight.grad for weight in self._state.network.parameters() if weight.grad is not None]
        self._team.add_up([*gradients, loss])
        return loss

    def _backward(self, batch: Batch) -> Tensor:
        """Add up the gradients of this process's pairs, each weighed as one of the whole batch."""
        total = torch.zeros((), device=self._team.device)
        for start in range(0, len(batch), self._part):
            part = batch.part(start, self._part)
            share = self._objective(part) * (len(part) / self._recipe.batch)
            share.backward()  # type: ignore[no-untyped-call]
            total += share.detach()
        return total

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
