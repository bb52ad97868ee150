"""`pdm-sr evaluate`: the table of a model card, from real data."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pdm_core.cli.console import add_progress_argument, console_for
from pdm_core.cli.data import add_data_argument, data_folder


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command's arguments."""
    parser: argparse.ArgumentParser = commands.add_parser("evaluate", help="measure models on a split of real data")
    add_data_argument(parser)
    parser.add_argument("--split", choices=("test", "val", "train"), default="test")
    parser.add_argument(
        "--cases", nargs="+", metavar="CASE", help="cases of the split (default: the calibration cases of test)"
    )
    parser.add_argument("--models", nargs="+", metavar="NAME", help="default: all")
    parser.add_argument("--factors", nargs="+", type=float, default=[2.0, 4.0], metavar="F")
    parser.add_argument("--steps", nargs="+", type=int, default=[1, 3, 8], metavar="N")
    parser.add_argument("--samples", type=int, default=4, help="samples of the averaged run (1 leaves it out)")
    parser.add_argument("--slices", choices=("central", "all"), default="central", help="the six central slices, or all")
    parser.add_argument("--convention", default="unit_float", help="unit_float, monai, sr3_8bit or fastmri")
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--output", type=Path, help="folder for the table as .md, .csv and .json")
    parser.add_argument("--update-cards", action="store_true", help="write the table into the cards of the models")
    add_progress_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    from pdm_core.evaluation.cases import CALIBRATION, find_cases
    from pdm_core.evaluation.in_plane import evaluate_in_plane
    from pdm_core.evaluation.metrics import MetricConvention
    from pdm_core.evaluation.tables import as_markdown, circumstances, with_means
    from pdm_core.zoo import find_model, list_models

    names = tuple(arguments.cases or CALIBRATION)
    cases = find_cases(data_folder(arguments.data), arguments.split, names)
    chosen = arguments.models or [card.name for card in list_models("in-plane")]
    models = [find_model(name, mode="in-plane").name for name in chosen]
    convention = _convention(arguments.convention, MetricConvention)
    with console_for(arguments) as console:
        rows = with_means(
            evaluate_in_plane(
                cases,
                models,
                arguments.factors,
                arguments.steps,
                arguments.samples,
                slices=arguments.slices,
                convention=convention,
                device=arguments.device,
                progress=console.progress,
            )
        )
        facts = circumstances(convention.value, arguments.slices, _command(arguments, models, names))
        if arguments.output is not None:
            _write(arguments.output, rows, facts)
        if arguments.update_cards:
            _update_cards(models, rows, facts)
        lines = [as_markdown(rows), "", *(f"{name}: {value}" for name, value in facts.items())]
        console.result("\n".join(lines), {"rows": [asdict(row) for row in rows], **facts})
    return 0


def _convention(name: str, conventions: Any) -> Any:
    from pdm_core.errors import InputError

    try:
        return conventions(name)
    except ValueError:
        known = ", ".join(item.value for item in conventions)
        raise InputError(f"There is no metric convention {name!r}.", f"Choose one of: {known}.") from None


def _command(arguments: argparse.Namespace, models: list[str], names: tuple[str, ...]) -> str:
    """The command that prints this table again."""
    return (
        f"pdm-sr evaluate --split {arguments.split} --cases {' '.join(names)} --models {' '.join(models)} "
        f"--factors {' '.join(f'{factor:g}' for factor in arguments.factors)} "
        f"--steps {' '.join(map(str, arguments.steps))} --samples {arguments.samples} "
        f"--slices {arguments.slices} --convention {arguments.convention}"
    )


def _update_cards(models: list[str], rows: Any, facts: dict[str, Any]) -> None:
    """Put what was measured into each model's card, beside the baselines."""
    from pdm_core.zoo import find_model, write_card

    for name in models:
        card = find_model(name)
        others = tuple(f"{other}," for other in models if other != name)
        mine = [asdict(row) for row in rows if not row.method.startswith(others)]
        write_card(replace(card, quality={"in_plane": mine, **facts}), card.weights.with_suffix(".json"))


def _write(folder: Path, rows: Any, facts: dict[str, Any]) -> None:
    from pdm_core.atomic import write_text
    from pdm_core.evaluation.tables import as_csv, as_markdown

    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "in_plane.md": as_markdown(rows) + "\n\n" + "\n".join(f"{name}: {value}" for name, value in facts.items()) + "\n",
        "in_plane.csv": as_csv(rows),
        "in_plane.json": json.dumps({"rows": [asdict(row) for row in rows], **facts}, indent=1) + "\n",
    }
    for name, text in content.items():
        write_text(folder / name, text)
