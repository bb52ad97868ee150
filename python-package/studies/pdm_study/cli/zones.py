"""`pdm-sr study zones`: what resolution and its restoration do to the zones of the prostate (the paper's Fig. 7)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pdm_core.cli.console import Console, console_for
from pdm_core.cli.data import data_folder
from pdm_core.cli.evaluate_zones import ZoneReport, publish_zone_report, zone_models, zone_words
from pdm_study.cli.arguments import add_factors_argument, study_parser

_IN_PLANE, _BETWEEN = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0), (2.0, 4.0, 6.0)


def add_parser(studies: Any) -> argparse.ArgumentParser:
    """Add the study's arguments."""
    parser = study_parser(studies, "zones", "labelled cases degraded, restored and segmented, for each factor")
    add_factors_argument(parser, "1 2 3 4 6 8")
    parser.add_argument(
        "--slice-factors",
        nargs="*",
        type=float,
        metavar="F",
        help="factors between slices (default: 2 4 6; none leaves them out)",
    )
    parser.add_argument("--models", nargs="+", metavar="NAME", help="super-resolution models, or paths of cards")
    parser.add_argument("--zone-models", nargs="+", metavar="NAME", help="zone models, the first of which finds the zones")
    parser.add_argument("--update-cards", action="store_true", help="write the table into the cards of the zone models")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Measure, draw and print."""
    from pdm_core.evaluation.zones import labelled_cases
    from pdm_core.zoo import list_models

    zones = zone_models(arguments.zone_models)
    models = arguments.models or [card.name for card in list_models()]
    cases = labelled_cases(data_folder(arguments.data), arguments.split, tuple(arguments.cases or ()))
    with console_for(arguments) as console:
        report = _measured(arguments, cases, zones, models, console)
        publish_zone_report(report, console, arguments.output, zones if arguments.update_cards else ())
    return 0


def _measured(
    arguments: argparse.Namespace, cases: Any, zones: Sequence[str], models: Sequence[str], console: Console
) -> ZoneReport:
    from pdm_core.reporting.page import as_png
    from pdm_study.zones_vs_resolution import (
        IN_PLANE,
        THROUGH_PLANE,
        differences,
        study_as_markdown,
        study_figure,
        study_zones,
    )

    between = _BETWEEN if arguments.slice_factors is None else arguments.slice_factors
    factors = {IN_PLANE: arguments.factors or _IN_PLANE, THROUGH_PLANE: between}
    rows = study_zones(
        cases,
        zones[0],
        models,
        {direction: values for direction, values in factors.items() if values},
        device=arguments.device,
        progress=console.progress,
    )
    gains = differences(rows)
    if arguments.output is not None:
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / "zones_study.png").write_bytes(as_png(study_figure(rows)))
    content = {"rows": [asdict(row) for row in rows], "differences": [asdict(gain) for gain in gains]}
    return ZoneReport("zones_study", study_as_markdown(rows, gains), content, _command(arguments, zones, models))


def _command(arguments: argparse.Namespace, zones: Sequence[str], models: Sequence[str]) -> str:
    """The command that prints this table again."""
    words = ["pdm-sr study zones", *zone_words(arguments.split, arguments.cases, zones)]
    words += ["--models", *(Path(name).name for name in models)]
    for option, values in (("--factors", arguments.factors), ("--slice-factors", arguments.slice_factors)):
        words += [option, *(f"{value:g}" for value in values)] if values is not None else []
    return " ".join(words)
