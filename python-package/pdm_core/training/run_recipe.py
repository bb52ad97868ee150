"""What decides every training run, whatever is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pdm_core.errors import InputError
from pdm_core.networks.devices import LEARNING_PRECISIONS
from pdm_core.training.dataset.index import DataSource


@dataclass(frozen=True, kw_only=True)
class RunRecipe:
    """A training run.

    Attributes:
        name: name of the run and of the model that it makes.
        network: configuration for `pdm_core.networks`.
        data: parts of the dataset with their weights; none takes all of it.
        batch: examples a step.
        iterations: optimiser steps.
        learning_rate: peak of the warm-up and cosine schedule.
        warmup: steps of linear warm-up.
        ema: decay of the weights' moving average.
        validate_every: steps between validations and checkpoints.
        patience: stop after that many validations without a better one; 0 goes on to the end.
        seed: decides every random number of the run.
        precision: that networks learn in: "float32", "bfloat16" (quicker only where the device has it in hardware), or ""
            for bfloat16 on CUDA and float32 elsewhere. The weights are float32 in any case.
        card: what the model's card says beyond the measured: title, purpose, licence, data, contrasts, spacing_mm, limits.
    """

    name: str
    network: Mapping[str, Any]
    data: tuple[DataSource, ...] = ()
    batch: int = 8
    iterations: int = 5000
    learning_rate: float = 4e-4
    warmup: int = 100
    ema: float = 0.998
    validate_every: int = 250
    patience: int = 0
    seed: int = 0
    precision: str = ""
    card: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for complaint, fine in self.complaints().items():
            if not fine:
                raise InputError(f"Recipe {self.name!r}: {complaint}.")

    def complaints(self) -> dict[str, bool]:
        """What may be wrong, and whether it is fine."""
        return {
            f"batch {self.batch}, iterations {self.iterations} and validate_every {self.validate_every} must be positive": (
                min(self.batch, self.iterations, self.validate_every) > 0
            ),
            f"precision {self.precision!r} must be float32, bfloat16 or left out": self.precision in LEARNING_PRECISIONS,
            f"patience {self.patience} must not be negative": self.patience >= 0,
            f"ema {self.ema:g} must lie in [0, 1)": 0.0 <= self.ema < 1.0,
        }

    def as_dict(self) -> dict[str, Any]:
        """What decides the run, JSON-able: all but the words for the card."""
        content = asdict(self)
        del content["card"]
        return content
