"""What one training loop needs to know of what it trains: batches, loss, validation; a run of each kind has its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from pdm_core.training.team import Team

Self = TypeVar("Self", bound="Batch")


class Batch(Protocol):
    """One process's share of a step."""

    def __len__(self) -> int:
        """Number of examples."""

    def part(self: Self, start: int, count: int) -> Self:
        """`count` examples from `start` on, or as many as there are."""

    def to(self: Self, device: torch.device) -> Self:
        """The same on a device."""


class Course(Protocol):
    """What is learned in a run; what follows is what a kind of run has to say, or may."""

    @property
    def keeps_last(self) -> bool:
        """Whether the last weights are the best ones, whatever the validations say."""

    def draw(self, step: int) -> Batch:
        """This process's share of the batch of a step: a function of the recipe's seed and the step alone."""

    def prepare(self, batch: Any, rate: float) -> None:
        """Do what has to be done before the gradients of a step, at the learning rate `rate`: nothing unless said.

        Every process calls this with its share of the batch, also with an empty one.
        """

    def loss(self, batch: Any) -> Tensor:
        """Mean loss of a batch, or of a part of it."""

    def extra_state(self) -> dict[str, Any]:
        """What a checkpoint holds for the course besides the network: nothing unless said."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Go on from an `extra_state`."""

    def validate(self) -> dict[str, float]:
        """Measures of the averaged weights on the validation split, shared by the team; see `score`."""

    def examples(self) -> dict[str, Tensor]:
        """Images in about [-1, 1], (H, W), by their captions, to be looked at."""


def score(record: Mapping[str, Any]) -> float:
    """What the best validation is chosen by: the mean of its gains in PSNR, dB, or of its Dice coefficients."""
    values = [value for name, value in record.items() if name.startswith(("psnr_gain", "dice"))]
    return float(sum(values) / len(values))


def summary(record: Mapping[str, Any]) -> str:
    """The score of a validation in words."""
    zones = any(name.startswith("dice") for name in record)
    return f"Dice {score(record):.3f}" if zones else f"gain {score(record):+.2f} dB"


def team_mean(team: Team, sums: Mapping[str, float], counts: Mapping[str, int]) -> dict[str, float]:
    """Means over what all processes have measured, by name; all give the same names in the same order."""
    totals = team.total([*sums.values(), *(float(counts[name]) for name in sums)])
    pairs = zip(sums, totals[: len(sums)], totals[len(sums) :], strict=True)
    return {name: total / count for name, total, count in pairs if count}
