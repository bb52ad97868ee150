"""`pdm-sr evaluate --zones`: how well zones are found on labelled cases."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pdm_core.atomic import write_text
from pdm_core.cli.console import Console, console_for
from pdm_core.cli.data import data_folder


@dataclass(frozen=True)
class ZoneReport:
    """What was measured of zone models.

    Attributes:
        kind: name of the files, and of the entry in the models' cards.
        table: in Markdown.
        content: JSON-able, with a list of `rows`.
        command: that prints the table again.
    """

    kind: str
    table: str
    content: dict[str, Any]
    command: str


def add_zone_arguments(parser: argparse.ArgumentParser) -> None:
    """What concerns zones alone."""
    parser.add_argument("--zones", action="store_true", help="measure models of the prostate's zones on labelled cases")
    parser.add_argument("--zone-models", nargs="+", metavar="NAME", help="zone models, or paths of cards (default: all)")


def run_zones(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    from pdm_core.evaluation.zones import evaluate_zones, labelled_cases, zones_as_markdown

    models = zone_models(arguments.zone_models)
    cases = labelled_cases(data_folder(arguments.data), arguments.split, tuple(arguments.cases or ()))
    with console_for(arguments) as console:
        rows = evaluate_zones(cases, models, device=arguments.device, progress=console.progress)
        command = " ".join(["pdm-sr evaluate --zones", *zone_words(arguments.split, arguments.cases, models)])
        report = ZoneReport("zones", zones_as_markdown(rows), {"rows": [asdict(row) for row in rows]}, command)
        publish_zone_report(report, console, arguments.output, models if arguments.update_cards else ())
    return 0


def zone_models(chosen: Sequence[str] | None) -> list[str]:
    """Names of the chosen zone models, or of all; the path of a card stays one."""
    from pdm_core.zoo import find_zone_model, list_zone_models

    names = chosen or [card.name for card in list_zone_models()] or ["auto"]
    return [name if name.endswith(".json") else find_zone_model(name).name for name in names]


def zone_words(split: str, cases: Sequence[str] | None, models: Sequence[str]) -> list[str]:
    """Arguments that choose cases and zone models; cards given by their paths appear by their file names."""
    chosen = ["--cases", *cases] if cases else []
    return ["--split", split, *chosen, "--zone-models", *(Path(name).name for name in models)]


def publish_zone_report(report: ZoneReport, console: Console, folder: Path | None, models: Sequence[str]) -> None:
    """Print a report, write it into `folder` if there is one, and into the cards of `models`."""
    from pdm_core.evaluation.tables import circumstances
    from pdm_core.evaluation.zones import ZONE_CONVENTION

    facts = circumstances(ZONE_CONVENTION, "all", report.command)
    text = "\n".join([report.table, "", *(f"{name}: {value}" for name, value in facts.items())])
    content = {**report.content, **facts}
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / f"{report.kind}.md", text + "\n")
        write_text(folder / f"{report.kind}.json", json.dumps(content, indent=1) + "\n")
    _update_cards(models, report, facts)
    console.result(text, content)


def _update_cards(models: Sequence[str], report: ZoneReport, facts: dict[str, Any]) -> None:
    """Put what was measured into the cards, each with its own rows and those of the readers."""
    from pdm_core.zoo import find_zone_model, write_card

    cards = [find_zone_model(name) for name in models]
    for card in cards:
        others = {other.name for other in cards} - {card.name}
        mine = [row for row in report.content["rows"] if row.get("found") not in others]
        quality = {**card.quality, report.kind: {"rows": mine, **facts}}
        write_card(replace(card, quality=quality), card.weights.with_suffix(".json"))
