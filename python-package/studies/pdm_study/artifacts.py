"""The study's files: tables as Markdown, LaTeX and CSV, figures as PNG and PDF."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pdm_core.atomic import write_text
from pdm_core.evaluation.cases import SliceChoice, reference_volume
from pdm_core.metrics.reliability import Reliability, mean_reliability
from pdm_study.claims import Claim, claims
from pdm_study.contenders import Contender
from pdm_study.figures import (
    convergences,
    figure_2,
    figure_10,
    reliability_figure,
    save_figure,
    time_figure,
)
from pdm_study.image_panels import lacking, panel_figure
from pdm_study.leaderboard import Front, default_contender, fronts, leaderboard_figure, leaderboard_table
from pdm_study.plan import Plan
from pdm_study.results import Results
from pdm_study.table_rows import TableRow, table_rows
from pdm_study.tables import by_case_csv, by_slice_csv, quality_table, time_table
from pdm_study.text_table import TextTable
from pdm_study.timing import fits


@dataclass(frozen=True)
class Picture:
    """A figure in the folder of the study.

    Attributes:
        what: it shows.
        name: of its files, without their ends.
        written: whether there is anything to show.
        lacking: systems that have numbers and whose picture is not there: records travel without.
    """

    what: str
    name: str
    written: bool = True
    lacking: int = 0


@dataclass(frozen=True)
class Report:
    """What was made of the results, for the page.

    Attributes:
        tables: the paper's, by number, in their order.
        boards: of the leaderboard, a factor each.
        others: tables that the paper lacks.
        claims: with their verdicts.
        pictures: the figures.
        missing: contenders that were not measured anywhere, with the reason.
    """

    tables: Sequence[TextTable]
    boards: Sequence[Front]
    others: Sequence[TextTable]
    claims: Sequence[Claim]
    pictures: Sequence[Picture]
    missing: dict[str, str]


def write_study(results: Results, plan: Plan, slices: SliceChoice, folder: Path) -> Report:
    """Write all files of a plan into `folder` and say what they hold.

    Args:
        results: all that is known.
        plan: which tables and figures are wanted.
        slices: of each case.
        folder: made when missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = [_table(results, plan, table, data_set, folder) for table in plan.tables for data_set in plan.sets_of(table)]
    pictures = [*_figures(results, plan, slices, folder), *_panels(results, plan, folder)]
    boards = fronts(_lines(results, plan, plan.board()), default_contender().label)
    others = []
    if any(board.lines for board in boards):
        others += [_kept(leaderboard_table(board), folder, f"leaderboard_x{board.factor:g}") for board in boards]
        save_figure(leaderboard_figure(boards), folder, "leaderboard")
        pictures.append(Picture("Quality against time; the default is a star", "leaderboard"))
    curves = _reliabilities(results, plan)
    if curves:
        others.append(_kept(_reliability_table(curves), folder, "reliability"))
        save_figure(reliability_figure(curves), folder, "reliability")
        pictures.append(Picture("Does the uncertainty predict the error", "reliability"))
    straight = fits(results, _labels(plan, "VI"), plan.first_set, plan.factors_of("VI")) if "VI" in plan.tables else []
    return Report(tables, boards, others, claims(results, straight, plan.scale), pictures, _missing(results))


def _table(results: Results, plan: Plan, table: str, data_set: str, folder: Path) -> TextTable:
    """One of the paper's tables on one data set, written in all its forms."""
    reference, labels = plan.reference_of(table), _labels(plan, table)
    lines = table_rows(results, plan.contenders_of(table), data_set, plan.factors_of(table), reference)
    title = plan.title_of(table, data_set)
    if table == "VI":
        text = time_table(title, lines, fits(results, labels, data_set, plan.factors_of(table)))
        save_figure(time_figure(lines), folder, "table_VI")
    else:
        text = quality_table(title, lines, reference)
    name = f"table_{table}" + (f"_{data_set.replace(' ', '_')}" if table == "III" else "")
    write_text(folder / f"{name}_cases.csv", by_case_csv(results, labels, [data_set]))
    write_text(folder / f"{name}_slices.csv", by_slice_csv(results, labels, [data_set]))
    return _kept(text, folder, name)


def _kept(table: TextTable, folder: Path, name: str) -> TextTable:
    write_text(folder / f"{name}.md", f"# {table.title}\n\n{table.markdown()}\n")
    write_text(folder / f"{name}.tex", table.latex())
    return table


def _figures(results: Results, plan: Plan, slices: SliceChoice, folder: Path) -> Iterator[Picture]:
    if 2 in plan.figures:
        curves = convergences(reference_volume(plan.cases[0].case, slices), plan.factors)
        save_figure(figure_2(curves), folder, "figure_2")
        content = [{"factor": x.factor, "steps": x.steps, "histogram": x.histogram, "floor": x.floor} for x in curves]
        write_text(folder / "figure_2.json", json.dumps(content, indent=1) + "\n")
        yield Picture("Figure 2: how near the noised images of low and high resolution come over t", "figure_2")
    if 10 in plan.figures:
        families: dict[str, list[TableRow]] = {}
        for contender in plan.curves():
            families.setdefault(str(contender.model), []).extend(_lines(results, plan, [contender]))
        save_figure(figure_10(families), folder, "figure_10")
        yield Picture("Figure 10: quality against K (sr3) and against the steps at one K (the others)", "figure_10")
    if "VI" in plan.tables:
        yield Picture("Table VI as a picture: time against steps", "table_VI")


def _panels(results: Results, plan: Plan, folder: Path) -> Iterator[Picture]:
    for name, contenders in plan.panels().items():
        figure = panel_figure(results, contenders, *plan.shown)
        if figure is not None:
            save_figure(figure, folder, name)
        what = f"Like the paper's Fig. {name.rsplit('_')[-1]}, one slice, errors beneath"
        yield Picture(what, name, figure is not None, lacking(results, contenders, *plan.shown))


def _lines(results: Results, plan: Plan, contenders: Sequence[Contender]) -> list[TableRow]:
    return table_rows(results, contenders, plan.first_set, plan.factors, plan.reference_of("II"))


def _labels(plan: Plan, table: str) -> list[str]:
    return [contender.label for contender in plan.contenders_of(table)]


def _reliabilities(results: Results, plan: Plan) -> dict[str, Reliability]:
    """The curve of every contender that tells of its uncertainty, on the first set, its mean over the cases."""
    groups: dict[str, list[Reliability]] = {}
    for item in results.measured:
        if item.record.reliability is not None and item.data_set == plan.first_set:
            groups.setdefault(f"{item.contender}, x{item.factor:g}", []).append(item.record.reliability)
    return {label: mean_reliability(curves) for label, curves in groups.items()}


def _reliability_table(curves: dict[str, Reliability]) -> TextTable:
    head = ["system", "RMSE", "expected calibration error", "correlation of predicted and absolute error"]
    rows = [[name, f"{x.error:.4f}", f"{x.calibration_error:.4f}", f"{x.correlation:.3f}"] for name, x in curves.items()]
    note = "Predicted: the standard deviation over S samples times sqrt(1 + 1/S); intensities from 0 to 1; ten bins of pixels."
    return TextTable("Does the uncertainty predict the error", head, rows, [note])


def _missing(results: Results) -> dict[str, str]:
    measured = {item.contender for item in results.measured}
    return {item.contender: item.reason for item in results.absent if item.contender not in measured}
