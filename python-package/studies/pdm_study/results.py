"""What the study found: measurements, and what could not be measured with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from pdm_core.metrics.bootstrap import Values
from pdm_study.contenders import Budget
from pdm_study.record import FloatImage, Identity, Record


@dataclass(frozen=True)
class Measurement:
    """A record in its place.

    Attributes:
        contender: label.
        case: name.
        data_set: that the case belongs to.
        factor: of the reduction.
        record: what was measured.
        what: that decided it.
        budget: of the training.
        model: that ran, or the method.
        projected: whether what was measured stayed as measured.
        picture: the chosen slice, where it was asked for and is there.
    """

    contender: str
    case: str
    data_set: str
    factor: float
    record: Record
    what: Identity
    budget: Budget = field(default_factory=Budget)
    model: str = ""
    projected: bool = False
    picture: FloatImage | None = None


@dataclass(frozen=True)
class Skipped:
    """A contender that could not be measured on a case, and why."""

    contender: str
    case: str
    data_set: str
    factor: float
    reason: str


@dataclass(frozen=True)
class Results:
    """All that is known.

    Attributes:
        measured: in the order of the work.
        absent: likewise.
        truths: (reference, zero filling) of the chosen slice of a case at a factor, (H, W) each.
    """

    measured: Sequence[Measurement] = ()
    absent: Sequence[Skipped] = ()
    truths: dict[tuple[str, float], tuple[FloatImage, FloatImage]] = field(default_factory=dict)

    def of(self, contender: str, data_set: str, factor: float) -> list[Measurement]:
        """The cases of one line."""
        return [
            item for item in self.measured if (item.contender, item.data_set, item.factor) == (contender, data_set, factor)
        ]

    def why_not(self, contender: str, data_set: str, factor: float) -> str:
        """Why cases of a line were not measured; empty where all were."""
        here = [item for item in self.absent if (item.contender, item.data_set, item.factor) == (contender, data_set, factor)]
        return " ".join(dict.fromkeys(item.reason for item in here))

    def values(self, contender: str, data_set: str, factor: float, measure: str) -> dict[str, Values]:
        """A measure of the slices of every case.

        Args:
            contender: label.
            data_set: whose cases are meant.
            factor: of the reduction.
            measure: key of the measure.

        Returns:
            An array of values by the name of the case.
        """
        return {item.case: np.array(item.record.values[measure]) for item in self.of(contender, data_set, factor)}

    @property
    def places(self) -> list[tuple[str, float]]:
        """Data sets and factors that anything is known of."""
        items: Iterator[Measurement | Skipped] = iter([*self.measured, *self.absent])
        return list(dict.fromkeys((item.data_set, item.factor) for item in items))
