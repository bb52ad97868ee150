"""`pdm-sr evaluate --zones`: how well zones are found, and with `--study` what resolution does to them."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pdm_core.atomic import write_text
from pdm_core.cli.console import Console, console_for
from pdm_core.cli.data import data_folder

_IN_PLANE, _BETWEEN = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0), (2.0, 4.0, 6.0)


def add_zone_arguments(parser: argparse.ArgumentParser) -> None:
    """What concerns zones alone."""
    parser.add_argument("--zones", action="store_true", help="measure models of the prostate's zones on labelled cases")
    parser.add_argument("--zone-models", nargs="+", metavar="NAME", help="zone models, or paths of cards (default: all)")
    parser.add_argument("--study", action="store_true", help="with --zones: degrade, restore, segment, for each factor")
    parser.add_argument(
        "--slice-factors", nargs="*", type=float, metavar="F", help="with --study: between slices (default: 2 4 6)"
    )


def run_zones(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    from pdm_core.evaluation.tables import circumstances
    from pdm_core.evaluation.zones import ZONE_CONVENTION, labelled_cases
    from pdm_core.zoo import find_zone_model, list_zone_models

    chosen = arguments.zone_models or [card.name for card in list_zone_models()] or ["auto"]
    arguments.zone_models = [name if name.endswith(".json") else find_zone_model(name).name for name in chosen]
    cases = labelled_cases(data_folder(arguments.data), arguments.split, tuple(arguments.cases or ()))
    with console_for(arguments) as console:
        measure = _study if arguments.study else _table
        kind, table, content = measure(arguments, cases, console)
        facts = circumstances(ZONE_CONVENTION, "all", _command(arguments))
        if arguments.output is not None:
            text = table + "\n\n" + "\n".join(f"{name}: {value}" for name, value in facts.items()) + "\n"
            write_text(_made(arguments.output) / f"{kind}.md", text)
            write_text(arguments.output / f"{kind}.json", json.dumps({**content, **facts}, indent=1) + "\n")
        if arguments.update_cards:
            _update_cards(arguments.zone_models, kind, content["rows"], facts)
        lines = [table, "", *(f"{name}: {value}" for name, value in facts.items())]
        console.result("\n".join(lines), {**content, **facts})
    return 0


def _table(arguments: argparse.Namespace, cases: Any, console: Console) -> tuple[str, str, dict[str, Any]]:
    from pdm_core.evaluation.zones import evaluate_zones, zones_as_markdown

    rows = evaluate_zones(cases, arguments.zone_models, device=arguments.device, progress=console.progress)
    return "zones", zones_as_markdown(rows), {"rows": [asdict(row) for row in rows]}


def _study(arguments: argparse.Namespace, cases: Any, console: Console) -> tuple[str, str, dict[str, Any]]:
    from pdm_core.evaluation.zone_study import (
        IN_PLANE,
        THROUGH_PLANE,
        differences,
        study_as_markdown,
        study_figure,
        study_zones,
    )
    from pdm_core.reporting.page import as_png
    from pdm_core.zoo import list_models

    between = _BETWEEN if arguments.slice_factors is None else arguments.slice_factors
    factors = {IN_PLANE: arguments.factors or _IN_PLANE, THROUGH_PLANE: between}
    arguments.models = arguments.models or [card.name for card in list_models()]
    rows = study_zones(
        cases,
        arguments.zone_models[0],
        arguments.models,
        {direction: values for direction, values in factors.items() if values},
        device=arguments.device,
        progress=console.progress,
    )
    gains = differences(rows)
    if arguments.output is not None:
        (_made(arguments.output) / "zones_study.png").write_bytes(as_png(study_figure(rows)))
    content = {"rows": [asdict(row) for row in rows], "differences": [asdict(gain) for gain in gains]}
    return "zones_study", study_as_markdown(rows, gains), content


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _command(arguments: argparse.Namespace) -> str:
    """The command that prints this table again; cards given by their paths stand there by their file names."""
    words = ["pdm-sr evaluate --zones --split", arguments.split]
    if arguments.cases:
        words += ["--cases", *arguments.cases]
    words += ["--zone-models", *(Path(name).name for name in arguments.zone_models)]
    if arguments.study:
        words += ["--study", "--models", *(Path(name).name for name in arguments.models)]
        for option, values in (("--factors", arguments.factors), ("--slice-factors", arguments.slice_factors)):
            words += [option, *(f"{value:g}" for value in values)] if values is not None else []
    return " ".join(words)


def _update_cards(models: list[str], kind: str, rows: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    """Put what was measured into the cards, each with its own rows and those of the readers."""
    from pdm_core.zoo import find_zone_model, write_card

    cards = [find_zone_model(name) for name in models]
    for card in cards:
        others = {other.name for other in cards} - {card.name}
        mine = [row for row in rows if row.get("found") not in others]
        quality = {**card.quality, kind: {"rows": mine, **facts}}
        write_card(replace(card, quality=quality), card.weights.with_suffix(".json"))
