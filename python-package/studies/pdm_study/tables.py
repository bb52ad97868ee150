"""The paper's tables as text: quality, and time against steps."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence

from pdm_study.estimates import TOO_FEW
from pdm_study.measures import COMPARED, SHOWN
from pdm_study.results import Results
from pdm_study.table_rows import TableRow
from pdm_study.text_table import TextTable, counted
from pdm_study.timing import Fit

_BUDGET = ("parameters", "training: steps x batch x crop")


def quality_table(title: str, lines: Sequence[TableRow], reference: str) -> TextTable:
    """Quality, evaluations, time and budget of every contender; what could not be measured stands there with the reason."""
    differences = [f"difference in {measure.heading}" for measure in COMPARED]
    headings = [measure.heading for measure in SHOWN]
    head = ["system", "factor", *headings, *differences, "NFE", "s a slice", "measured kept", "model", *_BUDGET]
    usual = _usual_machine(lines)
    rows = [_measured(line, usual) if line.cases else _missing(line, len(head)) for line in lines]
    return TextTable(title, head, rows, [*_notes(lines, reference), *_machine_notes(lines, usual)])


def time_table(title: str, lines: Sequence[TableRow], fits: Sequence[Fit]) -> TextTable:
    """Seconds in all and a step, with the straight line through those of one network."""
    head = ["system", "NFE", "s a slice", "ms a step", "model", "parameters"]
    rows, usual = [], _usual_machine(lines)
    for line in lines:
        if not line.cases:
            rows.append(_missing(line, len(head)))
            continue
        step = 1000.0 * line.seconds / max(1, line.evaluations)
        times = [_seconds(line, usual), f"{step:.1f}"]
        rows.append([line.contender, f"{line.evaluations}", *times, line.model, _parameters(line)])
    return TextTable(title, head, rows, [*(fit.words for fit in fits), *_machine_notes(lines, usual)])


def by_case_csv(results: Results, contenders: Sequence[str], data_sets: Sequence[str]) -> str:
    """Every contender on every case: the means over the slices with all digits."""
    items = [item for item in results.measured if item.contender in contenders and item.data_set in data_sets]
    keys = list(items[0].record.values) if items else []
    about = ["arm", "model", "data_set", "case", "factor", "slices", "evaluations", "seconds_a_slice", "machine"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*about, *keys])
    for item in items:
        record = item.record
        place = [item.contender, item.model, item.data_set, item.case, item.factor]
        work = [record.slices, record.evaluations, record.seconds / record.slices, record.machine]
        writer.writerow([*place, *work, *(sum(record.values[key]) / record.slices for key in keys)])
    return text.getvalue()


def by_slice_csv(results: Results, contenders: Sequence[str], data_sets: Sequence[str]) -> str:
    """Every measure of every slice, which the intervals were drawn from."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["arm", "data_set", "case", "factor", "slice", "measure", "value"])
    for item in results.measured:
        if item.contender not in contenders or item.data_set not in data_sets:
            continue
        for key, values in item.record.values.items():
            for number, value in enumerate(values):
                writer.writerow([item.contender, item.data_set, item.case, item.factor, number, key, value])
    return text.getvalue()


def _measured(line: TableRow, usual: str) -> list[str]:
    values = [line.values[measure.key].words(measure.digits) for measure in SHOWN]
    gains = [line.gains[m.key].words(m.digits, signed=True) if m.key in line.gains else "-" for m in COMPARED]
    kept = "yes" if line.projected else "no"
    about = [f"{line.evaluations}", _seconds(line, usual), kept, line.model, _parameters(line), line.budget.words]
    return [line.contender, f"x{line.factor:g}", *values, *gains, *about]


def _missing(line: TableRow, columns: int) -> list[str]:
    return [line.contender, f"x{line.factor:g}", f"not measured: {line.reason}", *["-"] * (columns - 3)]


def _usual_machine(lines: Sequence[TableRow]) -> str:
    """The machine that most lines were measured on."""
    machines = Counter(machine for line in lines for machine in line.machines)
    return machines.most_common(1)[0][0] if machines else ""


def _seconds(line: TableRow, usual: str) -> str:
    """Seconds a slice, with a star where they come from another machine than most."""
    return f"{line.seconds:.3f}" + ("" if line.machines == (usual,) else "*")


def _machine_notes(lines: Sequence[TableRow], usual: str) -> list[str]:
    others = dict.fromkeys(machine for line in lines for machine in line.machines if machine != usual)
    if not others:
        return []
    return [f"Seconds were measured on {usual}; those with a star, which they do not compare with, on {'; '.join(others)}."]


def _parameters(line: TableRow) -> str:
    return "-" if line.budget.parameters is None else f"{line.budget.parameters / 1e6:.2f} M"


def _notes(lines: Sequence[TableRow], reference: str) -> list[str]:
    measured = [line for line in lines if line.cases]
    if not measured:
        return []
    notes = _means(measured)
    if any(line.gains for line in measured):
        notes.append(f"Differences are paired, slice by slice, to {reference}.")
    else:
        notes.append(f"{reference}, which the others would be compared with, was not measured.")
    return notes + [
        f"{line.contender}, x{line.factor:g}: {line.cases} cases only. {line.reason}" for line in measured if line.reason
    ]


def _means(measured: Sequence[TableRow]) -> list[str]:
    """Over what, and what the brackets are."""
    most = max(measured, key=lambda line: line.slices)
    counts = f"{counted(most.slices, 'slice')} of {counted(most.cases, 'case')}"
    known = [value for line in measured for value in line.values.values() if value.interval is not None]
    if not known:
        return [f"Means over {counts}, without intervals: {TOO_FEW}."]
    units = sorted({value.unit for value in known})
    limit = " within the cases, which tell nothing of other patients" if units == ["slices"] else ""
    notes = [f"Means over {counts}, in brackets 95 % bootstrap intervals over {' and '.join(units)}{limit}."]
    lacking = any(value.interval is None for line in measured for value in line.values.values())
    return notes + [f"Where there are no brackets there was too little for them: {TOO_FEW}."] * lacking
