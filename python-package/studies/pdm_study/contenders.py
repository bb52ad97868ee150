"""One line of a table: what the paper calls a system, what runs it, and how it is sampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pdm_core.methods.registry import METHODS
from pdm_core.zoo import ModelCard

Rule = Literal["paper", "consistent"]


@dataclass(frozen=True)
class Contender:
    """A system as it stands in a table.

    Attributes:
        label: what the line is called; the same words always mean the same contender.
        model: name in the zoo, in which `{factor}` stands for the factor; None for a system without a trained network.
        method: of such a system: "bicubic", "zip" or "smore".
        options: what differs from the default `SuperResolutionOptions`.
        rule: of latent alignment; None for that of the card.
        system: name in the registry of the method that it is an instance of; empty where `method` says it.
    """

    label: str
    model: str | None = None
    method: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    rule: Rule | None = None
    system: str = ""

    def model_at(self, factor: float) -> str:
        """Name of the model that serves `factor`."""
        assert self.model is not None
        return self.model.format(factor=f"{factor:g}")

    def names(self, factors: Sequence[float]) -> set[str]:
        """What it may be called beside its label: its system, or a model that runs at one of the factors.

        A name that a system and a model share means the system.
        """
        if self.model is None:
            return {str(self.method)}
        return {self.system, *({self.model_at(factor) for factor in factors} - METHODS.keys())}


@dataclass(frozen=True)
class Budget:
    """What a system cost before its first image.

    Attributes:
        parameters: weights of the network.
        iterations: optimiser steps.
        batch: images a step.
        crop: their edge in pixels.
        continued: whether it began with weights of another model, whose cost comes on top.
    """

    parameters: int | None = None
    iterations: int | None = None
    batch: int | None = None
    crop: int | None = None
    continued: bool = False

    @classmethod
    def of(cls, card: ModelCard) -> Budget:
        """What the card says of its training; None for what it does not say."""
        recipe = card.training.get("recipe", {})
        iterations, batch, crop = (recipe.get(name) for name in ("iterations", "batch", "crop"))
        return cls(card.parameters, iterations, batch, crop, bool(recipe.get("initial")))

    @property
    def words(self) -> str:
        """Training as it stands in a table."""
        if self.iterations is None:
            return "-"
        before = " after another model's" if self.continued else ""
        return f"{self.iterations} x {self.batch or '?'} x {self.crop or '?'}²{before}"
