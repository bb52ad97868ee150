"""The paper's own numbers, as far as they are known here, beside ours; theirs are of other images and other networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pdm_study.cases import KNEE, PROSTATEX
from pdm_study.contenders import Contender
from pdm_study.estimates import estimate
from pdm_study.measures import CONSISTENCY, PSNR_8BIT, SSIM_8BIT, Measure
from pdm_study.plan import Plan
from pdm_study.results import Results
from pdm_study.systems import BICUBIC, Scale, full, trained
from pdm_study.text_table import TextTable

_NOTE = (
    "The paper's absolute numbers cannot be reproduced without its data, and its convention is not said: ours are those of "
    "sr3_8bit, the most likely one. Orderings and gaps can be compared, single numbers cannot."
)


@dataclass(frozen=True)
class Printed:
    """A number of the paper.

    Attributes:
        what: table, data set and system.
        value: as printed.
        contender: ours that is nearest.
        data_set: ours.
        factor: of the reduction; None where the paper's is not known here: then ours are shown at all.
        measure: of ours; None for milliseconds a step.
    """

    what: str
    value: str
    contender: Contender
    data_set: str
    factor: float | None
    measure: Measure | None


def printed(scale: Scale) -> list[Printed]:
    """All that we know."""
    bicubic: dict[tuple[str, str], dict[float, tuple[str, ...]]] = {
        (PROSTATEX, "ProstateX"): {2.0: ("30.62",), 4.0: ("25.75",)},
        (KNEE, "fastMRI knee"): {2.0: ("36.48", ".906", "44.21"), 4.0: ("32.17", ".845", "42.86")},
    }
    found = []
    for (ours, theirs), factors in bicubic.items():
        for factor, values in factors.items():
            for measure, value in zip((PSNR_8BIT, SSIM_8BIT, CONSISTENCY), values, strict=False):
                found.append(Printed(f"bicubic, {theirs}", value, BICUBIC, ours, factor, measure))
    collapse = "Table VII, no alignment, K = 25 of 100, SSIM"
    found.append(Printed(collapse, ".6704", trained("sr3", "none", 0.25, scale), PROSTATEX, None, SSIM_8BIT))
    for system, value in (("sr3", "48"), ("mc_ddpm", "46"), ("score_mri", "44")):
        found.append(
            Printed(f"Table VI, {system}, ms a step on an RTX 8000", value, full(system, scale), PROSTATEX, None, None)
        )
    return found


def paper_table(results: Results, plan: Plan) -> TextTable:
    """The paper's numbers beside ours, row by row, as far as the plan was to measure ours."""
    planned = {(job.contender.label, job.item.data_set, job.factor) for job in plan.jobs()}
    head = ["the paper's", "factor", "measure", "paper", "ours"]
    rows = []
    for item in printed(plan.scale):
        if not any((item.contender.label, item.data_set, factor) in planned for factor in _factors(item, plan.factors)):
            continue
        factor = "not known" if item.factor is None else f"x{item.factor:g}"
        heading = "ms a step" if item.measure is None else item.measure.heading
        rows.append([item.what, factor, heading, item.value, _ours(results, item)])
    return TextTable("The paper's numbers beside ours", head, rows, [_NOTE])


def _ours(results: Results, item: Printed) -> str:
    factors = _factors(item, [factor for data_set, factor in results.places if data_set == item.data_set])
    shown = [_number(results, item, factor) for factor in factors]
    named = [f"x{factor:g}: {text}" if item.factor is None else text for factor, text in zip(factors, shown, strict=True)]
    return "; ".join(text for text, number in zip(named, shown, strict=True) if number) or "not measured"


def _factors(item: Printed, known: Sequence[float]) -> Sequence[float]:
    return known if item.factor is None else [item.factor]


def _number(results: Results, item: Printed, factor: float) -> str:
    found = results.of(item.contender.label, item.data_set, factor)
    if not found:
        return ""
    if item.measure is None:
        steps = [x.record.seconds / x.record.slices / x.record.evaluations for x in found]
        machines = dict.fromkeys(x.record.machine for x in found)
        return f"{1000.0 * sum(steps) / len(steps):.1f} on {'; '.join(machines)}"
    values = results.values(item.contender.label, item.data_set, factor, item.measure.key)
    return estimate(values).words(item.measure.digits)
