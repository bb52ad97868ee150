"""Which tables and figures are wanted, on which cases, and the work that they need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pdm_core.errors import InputError
from pdm_study.cases import KNEE, StudyCase
from pdm_study.contenders import Contender
from pdm_study.leaderboard import default_contender
from pdm_study.runner import Job
from pdm_study.systems import (
    BICUBIC,
    Scale,
    few,
    figure_10,
    full,
    panels,
    table_ii,
    table_v,
    table_vi,
    table_vii,
)

TABLES = ("II", "III", "IV", "V", "VI", "VII")
FIGURES = (2, 10)
_TITLES = {
    "II": "Table II: {systems} on {data_set}",
    "III": "Table III: {systems} on {data_set}",
    "IV": "Table IV: {systems} on {data_set}",
    "V": "Table V: few steps, on {data_set}",
    "VI": "Table VI: time, on {data_set}",
    "VII": "Table VII: latent alignment, on {data_set}",
}
_ARMS: dict[str, Callable[[Scale], list[Contender]]] = {
    **dict.fromkeys(("II", "III", "IV"), table_ii), "V": table_v, "VI": table_vi, "VII": table_vii,
}  # fmt: skip
# The panels that belong to a table.
_PANELS = {"II": "figure_4", "V": "figure_8", "VII": "figure_9"}


@dataclass(frozen=True)
class Plan:
    """What is to be measured.

    Attributes:
        cases: of all data sets; the first set is that of the tables II, V, VI and VII.
        factors: of the reductions.
        tables: their numbers.
        figures: likewise.
        scale: how many steps stand for the whole way.
        reference: label of the contender that others are compared with; None for that of each table.
        systems: names of methods or models: only their lines are measured and shown; empty for all.

    Raises:
        InputError: no line goes by one of the names.
    """

    cases: Sequence[StudyCase]
    factors: Sequence[float]
    tables: Sequence[str] = TABLES
    figures: Sequence[int] = FIGURES
    scale: Scale = field(default_factory=Scale)
    reference: str | None = None
    systems: Sequence[str] = ()

    def __post_init__(self) -> None:
        contenders = [*(contender for table in self.tables for contender in _ARMS[table](self.scale)), *self._curves()]
        known = {name for contender in contenders for name in contender.names(self.factors)}
        for name in self.systems:
            if name not in known:
                raise InputError(
                    f"No line of these tables is of a system {name!r}.", f"Choose from: {', '.join(sorted(known))}."
                )

    @property
    def first_set(self) -> str:
        """The data set of the paper's own tables."""
        return self.cases[0].data_set

    @property
    def shown(self) -> tuple[str, float]:
        """Case and factor of the image panels: the hardest one."""
        return self.cases[0].case.name, max(self.factors)

    def sets_of(self, table: str) -> list[str]:
        """III has the further prostate sets, IV the knee, the others the first set alone."""
        sets = dict.fromkeys(item.data_set for item in self.cases)
        further = [name for name in sets if name not in (self.first_set, KNEE)]
        knee = [KNEE] if KNEE in sets and self.first_set != KNEE else []
        return {"III": further, "IV": knee}.get(table, [self.first_set])

    def title_of(self, table: str, data_set: str) -> str:
        """Above the table."""
        return _TITLES[table].format(systems="chosen systems" if self.systems else "every system", data_set=data_set)

    def contenders_of(self, table: str) -> list[Contender]:
        """The lines of a table."""
        return self._chosen(_ARMS[table](self.scale))

    def factors_of(self, table: str) -> list[float]:
        """A step takes as long at any factor."""
        return list(self.factors[:1] if table == "VI" else self.factors)

    def reference_of(self, table: str) -> str:
        """Label of the contender that the others of a table are compared with."""
        own = {"V": few("ddim", self.scale.few, None, self.scale), "VII": full("sr3", self.scale)}
        return self.reference or own.get(table, BICUBIC).label

    def panels(self) -> dict[str, list[Contender]]:
        """The image panels of the wanted tables."""
        known = panels(self.scale)
        return {_PANELS[table]: self._chosen(known[_PANELS[table]]) for table in self.tables if table in _PANELS}

    def curves(self) -> list[Contender]:
        """The contenders of Fig. 10."""
        return self._chosen(self._curves())

    def board(self) -> list[Contender]:
        """Those of the leaderboard: all whose quality is measured on the first set; none where the default is left out."""
        contenders = [
            contender for table in self.tables if table not in ("III", "IV", "VI") for contender in self.contenders_of(table)
        ]
        default = self._chosen([default_contender()])
        return (
            list({contender.label: contender for contender in [*contenders, *self.curves(), *default]}.values())
            if default
            else []
        )

    def jobs(self) -> list[Job]:
        """All the work, in the order of the cases."""
        return list(self._jobs())

    def _jobs(self) -> Iterator[Job]:
        pictured = {contender.label for contenders in self.panels().values() for contender in contenders}
        for item in self.cases:
            for factor in self.factors:
                for contender in self._contenders_at(item, factor):
                    wanted = (item.case.name, factor) == self.shown and contender.label in pictured
                    yield Job(contender, item, factor, wanted)

    def _contenders_at(self, item: StudyCase, factor: float) -> Iterator[Contender]:
        for table in self.tables:
            if item.data_set in self.sets_of(table) and factor in self.factors_of(table):
                yield from self.contenders_of(table)
                yield from self._compared_with(table)
        if item.data_set == self.first_set and (10 in self.figures or self.tables):
            yield from self.curves()
            yield from self.board()

    def _compared_with(self, table: str) -> Iterator[Contender]:
        """Reference contenders that stand in other tables."""
        if table == "VII":
            yield from self._chosen([full("sr3", self.scale)])

    def _curves(self) -> list[Contender]:
        return figure_10(self.scale) if 10 in self.figures else []

    def _chosen(self, contenders: Sequence[Contender]) -> list[Contender]:
        wanted = set(self.systems)
        return [contender for contender in contenders if not wanted or wanted & contender.names(self.factors)]
