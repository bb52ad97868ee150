"""`pdm-sr study paper`: the paper's tables and figures on real data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.cli.console import console_for
from pdm_core.cli.data import data_folder
from pdm_core.cli.evaluate import slice_choice
from pdm_core.cli.signals import stop_on_signals
from pdm_core.errors import InputError
from pdm_study.cli.arguments import add_factors_argument, study_parser

if TYPE_CHECKING:
    from pdm_study.plan import Plan

_TABLES, _FIGURES = ("II", "III", "IV", "V", "VI", "VII"), (2, 10)
_QUICK_STEPS = (4, 4, 3)


def add_parser(studies: Any) -> argparse.ArgumentParser:
    """Add the study's arguments."""
    parser = study_parser(studies, "paper", "the paper's tables and figures, every system through the same measure")
    add_factors_argument(parser, "2 4")
    parser.add_argument("--slices", type=slice_choice, metavar="N", help="N central slices, central (six, the default) or all")
    parser.add_argument("--seed", type=int, default=0, help="of sampling and of SMORE's training (default 0)")
    _add_contents(parser.add_argument_group("what to make, with -o"))
    _add_steps(parser.add_argument_group("how many steps"))
    _add_files(parser.add_argument_group("files beside the tables and figures"))
    return parser


def _add_contents(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--all", action="store_true", help="every table and figure of the paper")
    group.add_argument("--table", nargs="+", choices=_TABLES, default=[], help="tables of the paper")
    group.add_argument("--figure", nargs="+", type=int, choices=_FIGURES, default=[], help="figures of the paper")
    group.add_argument("--quick", action="store_true", help="one slice of one case, one factor, few steps: a smoke test")
    group.add_argument("--systems", nargs="+", metavar="NAME", default=[], help="methods or models: only their lines")
    group.add_argument("--reference", metavar="SYSTEM", help="the line of the tables that the others are compared with")


def _add_steps(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--full-steps", type=int, default=100, metavar="T", help="of SR3, ScoreMRI, MC-DDPM (default 100)")
    group.add_argument("--few-steps", type=int, default=20, metavar="T", help="of Table V (default 20)")
    group.add_argument("--smore-steps", type=int, default=400, metavar="N", help="of SMORE's training on each scan (400)")
    group.add_argument(
        "--most-steps", type=int, metavar="N", help="leave out systems of more steps, unless measured before; a line says so"
    )


def _add_files(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--page", type=Path, help="write the results page here, its pictures beside it")
    group.add_argument(
        "--records",
        type=Path,
        metavar="FILE",
        help="what this file holds of what was measured is not measured again; what it lacks is added to it",
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure what was not measured before, and write.

    Raises:
        InputError: no table or figure, no folder or no data is named, or a number is out of range.
    """
    if not (arguments.all or arguments.table or arguments.figure):
        raise InputError("No table or figure is named.", "Say which: --all, --table II or --figure 2.")
    import matplotlib  # noqa: F401  (missing, it is said before the work)

    from pdm_study.artifacts import write_study
    from pdm_study.cache import Cache
    from pdm_study.prepared import Conditions
    from pdm_study.record_file import Records
    from pdm_study.results_page import write_page
    from pdm_study.runner import run_study

    if arguments.output is None:
        raise InputError("The paper's tables need a folder.", "Name one with -o; what was measured before is found there.")
    plan = _plan(arguments)
    slices: Any = 1 if arguments.quick else arguments.slices or "central"
    records = Records(arguments.records) if arguments.records is not None else None
    cache = Cache(arguments.output / "cache", records)
    with console_for(arguments) as console, stop_on_signals(console.warning, "with all that was measured") as stopped:
        conditions = Conditions(cache.folder / "cards", arguments.device, arguments.seed, plan.scale.smore, stopped)
        results = run_study(plan.jobs(), cache, conditions, slices, most=arguments.most_steps, progress=console.progress)
        if records is not None:
            records.write(results.measured)
        report = write_study(results, plan, slices, arguments.output)
        facts = _facts(arguments, plan, slices)
        if arguments.page is not None:
            write_page(report, results, plan, facts, arguments.output, arguments.page)
        console.result(_summary(report, arguments), {"claims": [_of(claim) for claim in report.claims], **facts})
    return 0


def _plan(arguments: argparse.Namespace) -> Plan:
    from pdm_study.cases import study_cases
    from pdm_study.plan import Plan
    from pdm_study.systems import Scale

    steps = (arguments.full_steps, arguments.few_steps, arguments.smore_steps)
    scale = Scale(*(_QUICK_STEPS if arguments.quick else steps))
    if min(scale.full, scale.few) < 4 or scale.smore < 1:
        raise InputError(
            "The whole way has 4 steps or more, SMORE's training 1 or more.",
            "Change --full-steps, --few-steps or --smore-steps.",
        )
    cases = study_cases(data_folder(arguments.data), arguments.split, arguments.cases or ())
    factors = arguments.factors or [2.0, 4.0]
    if arguments.quick:
        cases, factors = cases[:1], factors[:1]
    tables = _TABLES if arguments.all else tuple(arguments.table)
    figures = _FIGURES if arguments.all else tuple(arguments.figure)
    return Plan(cases, factors, tables, figures, scale, arguments.reference, tuple(arguments.systems))


def _summary(report: Any, arguments: argparse.Namespace) -> str:
    lines = [f"{claim.verdict.value}: {claim.title}" for claim in report.claims]
    lines += [board.words for board in report.boards]
    if report.missing:
        lines.append(f"Not measured: {len(report.missing)} systems; each has its line in the tables with the reason.")
    written = [str(path) for path in (arguments.output, arguments.records, arguments.page) if path]
    return "\n".join([*lines, f"Written: {', '.join(written)}."])


def _facts(arguments: argparse.Namespace, plan: Plan, slices: str | int) -> dict[str, Any]:
    from pdm_core.evaluation.tables import circumstances

    facts = {"split": arguments.split, **circumstances("named in every column", slices, _command(arguments, plan))}
    if arguments.records is not None:
        role = "what it held was not measured again, on whatever machine it came about; all that this page is made of is in it"
        facts["records"] = f"{_portable(arguments.records)}: {role}, slice by slice, without pictures"
    return facts


def _portable(path: Path) -> str:
    """A path for others to read: one of this machine alone stays out."""
    return path.name if path.is_absolute() else path.as_posix()


def _of(claim: Any) -> dict[str, Any]:
    comparisons = [{"words": item.words, "verdict": item.verdict.value} for item in claim.comparisons]
    return {"claim": claim.title, "verdict": claim.verdict.value, "comparisons": comparisons}


def _command(arguments: argparse.Namespace, plan: Plan) -> str:
    """The command that makes the same files; folders of this machine stay out of it."""
    words = ["pdm-sr study paper"]
    words += ["--all"] if arguments.all else []
    lists = {"--table": arguments.table, "--figure": arguments.figure, "--systems": arguments.systems}
    for name, values in {**lists, "--cases": arguments.cases or ()}.items():
        words += [name, *map(str, values)] if values else []
    words += ["--split", arguments.split, *(["--quick"] if arguments.quick else [])]
    words += ["--factors", *(f"{factor:g}" for factor in arguments.factors)] if arguments.factors else []
    words += [f"--slices {arguments.slices}"] if arguments.slices else []
    words += ["--reference", f'"{arguments.reference}"'] if arguments.reference else []
    steps = {"full": plan.scale.full, "few": plan.scale.few, "smore": plan.scale.smore, "most": arguments.most_steps}
    words += [f"--{name}-steps {count}" for name, count in steps.items() if count is not None]
    words += [f"--seed {arguments.seed}"]
    words += [f"--records {_portable(arguments.records)}"] if arguments.records is not None else []
    return " ".join([*words, "-o DIR"])
