"""The lines of a table: a contender on a data set at a factor, averaged over cases and slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pdm_study.contenders import Budget, Contender
from pdm_study.estimates import Estimate, difference, estimate
from pdm_study.measures import COMPARED, SHOWN
from pdm_study.results import Results


@dataclass(frozen=True)
class TableRow:
    """What a table says of one contender.

    Attributes:
        contender: label.
        data_set: measured on.
        factor: of the reduction.
        reason: why some or all cases are missing; empty where none is.
        cases: how many were measured.
        slices: of all these together.
        values: of the measures in `SHOWN`, by key.
        gains: paired differences to the reference contender, of those in `COMPARED`.
        evaluations: of the network a slice.
        seconds: a slice.
        machines: where these were measured; of several the seconds are a mean that says little.
        model: that ran.
        projected: whether what was measured stayed as measured.
        budget: of the training.
    """

    contender: str
    data_set: str
    factor: float
    reason: str = ""
    cases: int = 0
    slices: int = 0
    values: Mapping[str, Estimate] = field(default_factory=dict)
    gains: Mapping[str, Estimate] = field(default_factory=dict)
    evaluations: int = 0
    seconds: float = 0.0
    machines: tuple[str, ...] = ()
    model: str = ""
    projected: bool = False
    budget: Budget = field(default_factory=Budget)


def table_rows(
    results: Results, contenders: Sequence[Contender], data_set: str, factors: Sequence[float], reference: str
) -> list[TableRow]:
    """A line for every contender at every factor, measured or not.

    Args:
        results: of the study.
        contenders: in the order of the table.
        data_set: of the table.
        factors: in their order.
        reference: label of the contender that the others are compared with.
    """
    return [_line(results, contender, data_set, factor, reference) for factor in factors for contender in contenders]


def _line(results: Results, contender: Contender, data_set: str, factor: float, reference: str) -> TableRow:
    items = results.of(contender.label, data_set, factor)
    reason = results.why_not(contender.label, data_set, factor)
    if not items:
        return TableRow(contender.label, data_set, factor, reason)
    place = (data_set, factor)
    values = {measure.key: results.values(contender.label, *place, measure.key) for measure in SHOWN}
    gains = {}
    for measure in COMPARED:
        gain = difference(values[measure.key], results.values(reference, *place, measure.key))
        if gain is not None and contender.label != reference:
            gains[measure.key] = gain
    return TableRow(
        contender.label,
        data_set,
        factor,
        reason,
        len(items),
        sum(item.record.slices for item in items),
        {key: estimate(each) for key, each in values.items()},
        gains,
        items[0].record.evaluations,
        float(np.mean([item.record.seconds / item.record.slices for item in items])),
        tuple(dict.fromkeys(item.record.machine for item in items)),
        items[0].model,
        items[0].projected,
        items[0].budget,
    )
