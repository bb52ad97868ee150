"""`pdm-sr models`: list, show, verify, import and add models."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.cli.console import add_progress_argument, console_for, say
from pdm_core.errors import InputError
from pdm_core.plugins import missing_study, refuse_without_study

if TYPE_CHECKING:
    from pdm_core.zoo import ModelCard, ZoneCard


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command's arguments."""
    parser: argparse.ArgumentParser = commands.add_parser("models", help="list, show, verify, import and add models")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the models at hand")
    listing.add_argument(
        "--systems",
        action="store_true",
        help="those of the comparison instead: not for use",
    )
    listing.add_argument("--json", action="store_true", help="their cards as one JSON array")
    show = actions.add_parser("show", help="the card of a model")
    show.add_argument("name")
    verify = actions.add_parser("verify", help="checksum, tensors and one forward pass against the card")
    verify.add_argument("name", nargs="?", help="default: all")
    importing = actions.add_parser("import", help="verify a model from files and add it to the user's zoo")
    importing.add_argument("weights", type=Path, help=".safetensors")
    importing.add_argument("card", type=Path, help=".json")

    adding = actions.add_parser("add", help="measure a finished training run on its test split and add its model to the zoo")
    adding.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a finished pdm-sr train")
    adding.add_argument("--data", type=Path, required=True, help="the prepared dataset that it was trained on")
    adding.add_argument("--device", default="auto")
    add_progress_argument(adding)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; nothing but `list` and `show` needs torch."""
    {"list": _list, "show": _show, "verify": _verify, "import": _import, "add": _add}[arguments.action](arguments)
    return 0


def _list(arguments: argparse.Namespace) -> None:
    cards = _listed(arguments.systems)
    if arguments.systems and not cards:
        raise missing_study()
    if arguments.json:
        say(json.dumps([json.loads(card.as_json()) for card in cards], indent=1))
        return
    width = max((len(card.name) for card in cards), default=0)
    for card in cards:
        licence = "  (non-commercial use only)" if card.non_commercial else ""
        say(f"{card.name:{width}} {_use(card):12} {card.parameters / 1e6:5.1f} M  {card.title}{licence}")


def _show(arguments: argparse.Namespace) -> None:
    say(_card(arguments.name).as_json().rstrip())


def _verify(arguments: argparse.Namespace) -> None:
    from pdm_core.zoo import verify_model

    for card in [_card(arguments.name)] if arguments.name else [*_cards(), *_listed(systems=True)]:
        verify_model(card)
        say(f"{card.name}: verified (SHA-256 {card.sha256[:12]}…, {card.parameters} parameters, forward pass).")


def _listed(systems: bool) -> Sequence[ModelCard | ZoneCard]:
    from pdm_core.zoo import list_system_models

    return list_system_models() if systems else _cards()


def _cards() -> list[ModelCard | ZoneCard]:
    """Those of all models, for super-resolution and for zones."""
    from pdm_core.zoo import list_models, list_zone_models

    return [*list_models(), *list_zone_models()]


def _card(name: str) -> ModelCard | ZoneCard:
    """The card of a name, of the preferred in-plane model for "auto", or at a path."""
    from pdm_core.zoo import find_model, read_card

    if name.endswith(".json"):
        return read_card(Path(name))
    if name == "auto":
        return find_model(name)
    cards = {card.name: card for card in (*_listed(systems=True), *_cards())}
    if name not in cards:
        refuse_without_study("model", name)
        raise InputError(f"There is no model {name!r}.", f"Choose one of: {', '.join(cards)}.")
    return cards[name]


def _use(card: ModelCard | ZoneCard) -> str:
    """What a model is for, in a word or two."""
    from pdm_core.zoo import ZoneCard

    if isinstance(card, ZoneCard):
        return "zones"
    low, high = card.factors
    return f"x{low:g} to x{high:g}"


def _import(arguments: argparse.Namespace) -> None:
    from pdm_core.zoo import import_model

    card = import_model(arguments.weights, arguments.card)
    say(f"{card.name} is imported: {card.weights}")


def _add(arguments: argparse.Namespace) -> None:
    from pdm_core.publishing.acceptance import BASELINES, accept, finished_model
    from pdm_core.training.dataset import Dataset
    from pdm_core.zoo import ZoneCard

    dataset = Dataset.open(arguments.data)
    command = f"pdm-sr models add {arguments.run_folder.name} --data {arguments.data.name}"
    with console_for(arguments) as console:
        settings: dict[str, Any] = {"device": arguments.device, "command": command, "progress": console.progress}
        finished = finished_model(arguments.run_folder)
        card: ModelCard | ZoneCard
        if isinstance(finished, ZoneCard):
            from pdm_core.evaluation.zones import zones_as_markdown
            from pdm_core.publishing.zone_acceptance import accept_zones

            card, zone_rows = accept_zones(finished, dataset, **settings)
            table, rows = zones_as_markdown(zone_rows), [asdict(row) for row in zone_rows]
        else:
            from pdm_core.evaluation.tables import as_markdown

            restoring, gains = accept(arguments.run_folder, dataset, warn=console.warning, **settings)
            card, table = restoring, as_markdown(gains, BASELINES[restoring.mode])
            rows = [asdict(row) for row in gains]
        console.result(f"{table}\n\n{card.name} is added: {card.weights}", {"weights": str(card.weights), "rows": rows})
