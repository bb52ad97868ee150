"""Quality against time: what a user decides by, and whether the bundled default is a good decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pdm_core.reporting.page import new_figure
from pdm_core.zoo import find_model
from pdm_study.contenders import Contender
from pdm_study.estimates import TOO_FEW
from pdm_study.measures import PSNR
from pdm_study.systems import shipped
from pdm_study.table_rows import TableRow
from pdm_study.text_table import TextTable


@dataclass(frozen=True)
class Front:
    """The contenders of one factor by time.

    Attributes:
        factor: of the reduction.
        lines: all that were measured, the quickest first.
        best: labels of those on the Pareto front: none is at most as slow and better; empty where it cannot be told.
        default: label of what a user gets without choosing.
        machine: that all lines were measured on: where the default was.
        elsewhere: how many contenders were measured on other machines alone, and are not here.
        told: whether there are slices enough to tell one contender from another.
    """

    factor: float
    lines: tuple[TableRow, ...]
    best: tuple[str, ...]
    default: str
    machine: str = ""
    elsewhere: int = 0
    told: bool = True

    @property
    def words(self) -> str:
        """Whether the default lies on the front, and if not what beats it."""
        own = next((line for line in self.lines if line.contender == self.default), None)
        if own is None:
            return f"x{self.factor:g}: the default, {self.default}, was not measured."
        if not self.told:
            return (
                f"x{self.factor:g}: too few slices to tell whether the default, {self.default}, lies on the front; {TOO_FEW}."
            )
        if self.default in self.best:
            return f"x{self.factor:g}: the default, {self.default}, lies on the front.{self._others}"
        better = [line for line in self.lines if line.contender in self.best and line.seconds <= own.seconds]
        first = max(better, key=quality)
        gain = quality(first) - quality(own)
        beaten = f"{first.contender} is {gain:.2f} dB better in no more time"
        return f"x{self.factor:g}: the default, {self.default}, does not lie on the front: {beaten}.{self._others}"

    @property
    def _others(self) -> str:
        if not self.elsewhere:
            return ""
        return f" All measured on {self.machine}; {self.elsewhere} measured elsewhere have no place here."


def default_contender() -> Contender:
    """What a user gets without choosing."""
    card = find_model("auto")
    return shipped(card.name, int(card.sampler["steps"]))


def fronts(lines: Sequence[TableRow], default: str) -> list[Front]:
    """A front for each factor."""
    found = []
    for factor in dict.fromkeys(line.factor for line in lines):
        known = {line.contender: line for line in lines if line.cases and line.factor == factor}
        machines = known[default].machines if default in known else next((line.machines for line in known.values()), ())
        here = [line for line in known.values() if line.machines == machines]
        ordered = tuple(sorted(here, key=lambda line: line.seconds))
        told = all(line.values[PSNR.key].interval is not None for line in ordered)
        best = pareto_front([(line.contender, line.seconds, quality(line)) for line in ordered]) if told else ()
        found.append(Front(factor, ordered, best, default, "; ".join(machines), len(known) - len(here), told))
    return found


def pareto_front(points: Sequence[tuple[str, float, float]]) -> tuple[str, ...]:
    """The labels of those (label, seconds, quality) that no other beats in one without losing in the other."""
    return tuple(
        label
        for label, seconds, height in points
        if not any(s <= seconds and q >= height and (s, q) != (seconds, height) for _, s, q in points)
    )


def quality(line: TableRow) -> float:
    """PSNR by unit_float, dB."""
    return line.values[PSNR.key].mean


def leaderboard_table(front: Front) -> TextTable:
    """Every contender by time, those on the front marked."""
    rows = []
    for line in front.lines:
        marks = ("front" if line.contender in front.best else "", "default" if line.contender == front.default else "")
        shown = line.values[PSNR.key].words(PSNR.digits)
        rows.append([line.contender, f"{line.seconds:.3f}", f"{line.evaluations}", shown, ", ".join(filter(None, marks))])
    title = f"Leaderboard, x{front.factor:g}"
    return TextTable(title, ["system", "s a slice", "NFE", PSNR.heading, "place"], rows, [front.words])


def leaderboard_figure(boards: Sequence[Front]) -> Any:
    """PSNR against seconds a slice, a panel for each factor; the front as a line with names, the default as a star."""
    figure = new_figure(7 * len(boards), 5.5)
    for axis, front in zip(figure.subplots(1, len(boards), squeeze=False)[0], boards, strict=True):
        named = 0
        for line in front.lines:
            place = (line.seconds, quality(line))
            on_front, chosen = line.contender in front.best, line.contender == front.default
            sign, size = ("*", 12) if chosen else ("o", 5)
            axis.plot(*place, sign, color="C3" if chosen else "C0" if on_front else "0.6", markersize=size)
            if on_front or chosen:
                # By turns above and below, for neighbours on the front lie close together.
                axis.annotate(line.contender, place, fontsize=7, xytext=(4, (4, -9)[named % 2]), textcoords="offset points")
                named += 1
        stairs = [line for line in front.lines if line.contender in front.best]
        axis.plot([line.seconds for line in stairs], [quality(line) for line in stairs], color="C0", linewidth=1)
        axis.set(title=f"x{front.factor:g}", xlabel="seconds a slice", ylabel=PSNR.heading, xscale="log")
    return figure
