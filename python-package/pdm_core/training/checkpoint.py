"""Checkpoints: written atomically, read without executing anything, enough to go on as if never stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pdm_core.atomic import replacing
from pdm_core.errors import InputError


@dataclass
class TrainingState:
    """All that changes during a run.

    Attributes:
        network: the weights being trained.
        average: their exponential moving average, the weights that are used.
        optimizer: its moments.
        step: optimiser steps done; with the recipe's seed it decides all random numbers to come.
        history: one record a validation.
        losses: of the steps since the last validation; without them a resumed run would record another mean.
        best: the averaged weights of the best validation so far; empty before the first.
        extra: what the course keeps besides, as it was at the last checkpoint.
    """

    network: nn.Module
    average: nn.Module
    optimizer: Optimizer
    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def update_average(self, decay: float) -> None:
        """Move the average towards the weights; the decay warms up as min(d, (1 + n) / (10 + n)) (SCIENCE §1.1)."""
        weight = 1.0 - min(decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.network.parameters(), strict=True):
                slow.lerp_(fast, weight)
            # Statistics of normalisations belong to the weights that they were seen with; counts are no averages.
            for kept, fresh in zip(self.average.buffers(), self.network.buffers(), strict=True):
                kept.lerp_(fresh, weight) if kept.is_floating_point() else kept.copy_(fresh)


def save_checkpoint(state: TrainingState, recipe: dict[str, Any], path: Path) -> None:
    """Write `state` to `path`; a crash while writing leaves the previous checkpoint whole."""
    content = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "step": state.step,
        "history": state.history,
        "losses": [float(loss) for loss in state.losses],
        "best": state.best,
        "extra": state.extra,
        "recipe": recipe,
    }
    with replacing(path) as temporary:
        torch.save(content, temporary)


def load_checkpoint(state: TrainingState, recipe: dict[str, Any], path: Path) -> None:
    """Fill `state` from `path`.

    Raises:
        InputError: the checkpoint belongs to another recipe or dataset, or cannot be read.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"The checkpoint {path} cannot be read: {error}.", "Remove it to start anew.") from error
    # A setting that came with a later version may be missing, where it is empty.
    before = content["recipe"]
    changed = sorted(key for key in {*recipe, *before} if (before.get(key) or None) != (recipe.get(key) or None))
    if changed:
        raise InputError(
            f"The checkpoint {path} belongs to another recipe or dataset (different: {', '.join(changed)}).",
            "Choose another run folder, or take back the change.",
        )
    state.network.load_state_dict(content["network"])
    state.average.load_state_dict(content["average"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.step, state.history = int(content["step"]), list(content["history"])
    state.losses = [torch.tensor(loss) for loss in content["losses"]]
    state.best = dict(content["best"])
    # Checkpoints of earlier versions lack it.
    state.extra = dict(content.get("extra", {}))
