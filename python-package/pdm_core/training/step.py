"""One optimiser step of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from pdm_core.training.checkpoint import TrainingState
from pdm_core.training.course import Batch
from pdm_core.training.gradients import Objective, SharedGradients
from pdm_core.training.loss import learning_rate_scale
from pdm_core.training.run_recipe import RunRecipe
from pdm_core.training.team import Team

_CLIP = 1.0


class Stepper:
    """Moves the weights by one batch at a time.

    Args:
        recipe: learning rate, decay of the average, loss.
        state: is changed by every step.
        objective: mean loss of a batch, or of a part of it.
        team: the processes that share each batch.
        warn: hears of a batch that had to be cut.
        prepare: is given each batch and its learning rate before the gradients are found.
    """

    def __init__(
        self,
        recipe: RunRecipe,
        state: TrainingState,
        objective: Objective,
        team: Team,
        warn: Callable[[str], None],
        prepare: Callable[[Any, float], None] = lambda batch, rate: None,
    ) -> None:
        self._recipe, self._state, self._team, self._prepare = recipe, state, team, prepare
        self._gradients = SharedGradients(state.network, objective, recipe.batch, team, warn)

    def step(self, batch: Batch) -> None:
        """Move the weights and their average; the loss is kept in the state.

        Raises:
            MemoryShortageError: not even one pair fits.
        """
        recipe, state, batch = self._recipe, self._state, batch.to(self._team.device)
        rate = recipe.learning_rate * learning_rate_scale(state.step, recipe.warmup, recipe.iterations)
        self._prepare(batch, rate)
        loss = self._gradients.find(batch)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        size = nn.utils.clip_grad_norm_(state.network.parameters(), _CLIP)
        state.optimizer.step()
        state.update_average(recipe.ema)
        state.step += 1
        # Gradients that are no numbers have spoilt the weights: no checkpoint may be written from here on.
        state.losses.append(torch.where(size.isfinite(), loss, torch.nan))
