"""`pdm-sr evaluate`: the table of a model card, from real data."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pdm_core.cli.console import add_progress_argument, console_for
from pdm_core.cli.data import add_data_argument, data_folder
from pdm_core.cli.evaluate_zones import add_zone_arguments, run_zones
from pdm_core.errors import InputError

# Options of earlier versions, by the study that has them now.
_MOVED = {
    "paper": (
        "--all", "--table", "--figure", "--quick", "--page", "--records", "--systems", "--reference", "--full-steps",
        "--few-steps", "--smore-steps", "--most-steps", "--seed",
    ),
    "orthogonal": ("--orthogonal", "--thickness-matching"),
    "zones": ("--study", "--slice-factors"),
}  # fmt: skip


class _Moved(argparse.Action):
    """Say where an option of an earlier version is now."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        """Raise `InputError`."""
        raise InputError(f"{option_string} has moved to the studies.", f"Use: pdm-sr study {self.const} (see its --help).")


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command's arguments."""
    parser: argparse.ArgumentParser = commands.add_parser("evaluate", help="measure models on a split of real data")
    add_data_argument(parser)
    parser.add_argument("--split", choices=("test", "val", "train"), default="test")
    parser.add_argument(
        "--cases", nargs="+", metavar="CASE", help="cases of the split (default: the calibration cases of test)"
    )
    parser.add_argument("--models", nargs="+", metavar="NAME", help="names, or paths of cards (default: all of the kind)")
    parser.add_argument("--through-plane", action="store_true", help="between the slices, not within them")
    parser.add_argument(
        "--smore", action="store_true", help="between slices: also a regression trained on each case itself; takes minutes"
    )
    parser.add_argument(
        "--soup-gan", action="store_true", help="between slices: also SOUP-GAN, if the package KevinSR is installed"
    )
    parser.add_argument(
        "--adapt", type=int, default=0, metavar="STEPS", help="between slices: each model also adapted to each case first"
    )
    parser.add_argument("--slab", type=int, metavar="N", help="between slices: only the N central slices of each case")
    parser.add_argument("--factors", nargs="+", type=float, metavar="F", help="default: 2 4, between slices 3 6")
    parser.add_argument("--steps", nargs="+", type=int, metavar="N", help="default: 1 3 8, between slices 1 3")
    parser.add_argument("--samples", type=int, default=4, help="samples of the averaged run (1 leaves it out)")
    parser.add_argument(
        "--slices",
        type=slice_choice,
        metavar="N",
        help="within slices: N central ones, central (six, the default) or all",
    )
    parser.add_argument("--convention", default="unit_float", help="unit_float, monai, sr3_8bit or fastmri")
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--output", type=Path, help="folder for the table as .md, .csv and .json")
    parser.add_argument("--update-cards", action="store_true", help="write the table into the cards of the models")
    add_zone_arguments(parser)
    add_progress_argument(parser)
    for study, options in _MOVED.items():
        parser.add_argument(*options, nargs="*", action=_Moved, const=study, dest=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    if arguments.zones:
        return run_zones(arguments)
    if arguments.through_plane and arguments.slices is not None:
        raise InputError(
            "--slices is of what is measured within slices.", "Between slices take --slab N, or leave it out for all."
        )
    from pdm_core.evaluation.tables import as_markdown, circumstances, with_means, write_tables
    from pdm_core.metrics.image_quality import MetricConvention
    from pdm_core.zoo import find_model, list_models

    mode = "through-plane" if arguments.through_plane else "in-plane"
    chosen = arguments.models or [card.name for card in list_models(mode)]
    cards = {name: find_model(name, mode=mode) for name in chosen}
    # The path of a card stays one; "auto" becomes the name that stands in the table.
    models = [name if name.endswith(".json") else card.name for name, card in cards.items()]
    convention = _convention(arguments.convention, MetricConvention)
    measure = _through_plane if arguments.through_plane else _in_plane
    with console_for(arguments) as console:
        rows, baseline = measure(arguments, models, convention, console.progress)
        rows = with_means(rows)
        facts = circumstances(convention.value, arguments.slices, _command(arguments, models))
        table = as_markdown(rows, baseline)
        if arguments.output is not None:
            write_tables(arguments.output, mode.replace("-", "_"), table, rows, facts)
        if arguments.update_cards:
            _update_cards(models, mode.replace("-", "_"), rows, facts)
        lines = [table, "", *(f"{name}: {value}" for name, value in facts.items())]
        console.result("\n".join(lines), {"rows": [asdict(row) for row in rows], **facts})
    return 0


def _in_plane(arguments: argparse.Namespace, models: list[str], convention: Any, progress: Any) -> tuple[list[Any], str]:
    from pdm_core.evaluation.cases import CALIBRATION, find_cases
    from pdm_core.evaluation.in_plane import ZERO_FILLING, evaluate_in_plane

    _settle(arguments, CALIBRATION, [2.0, 4.0], [1, 3, 8], "central")
    rows = evaluate_in_plane(
        find_cases(data_folder(arguments.data), arguments.split, tuple(arguments.cases)),
        models,
        arguments.factors,
        arguments.steps,
        arguments.samples,
        slices=arguments.slices,
        convention=convention,
        device=arguments.device,
        progress=progress,
    )
    return rows, ZERO_FILLING


def _through_plane(arguments: argparse.Namespace, models: list[str], convention: Any, progress: Any) -> tuple[list[Any], str]:
    from pdm_core.evaluation.cases import find_cases
    from pdm_core.evaluation.through_plane import BASELINE, CALIBRATION, Others, evaluate_through_plane

    if convention.value != "unit_float":
        raise InputError("Between slices all is measured by the convention unit_float.", "Leave out --convention.")
    if arguments.slab is not None and arguments.slab < 2 * max(arguments.factors or [6.0]):
        raise InputError(f"A slab of {arguments.slab} slices gives no two thick ones.", "Take more slices.")
    _settle(arguments, CALIBRATION, [3.0, 6.0], [1, 3], "all" if arguments.slab is None else f"{arguments.slab} central")
    rows = evaluate_through_plane(
        find_cases(data_folder(arguments.data), arguments.split, tuple(arguments.cases)),
        models,
        arguments.factors,
        arguments.steps,
        slab=arguments.slab,
        others=Others(arguments.smore, arguments.soup_gan, arguments.adapt),
        device=arguments.device,
        progress=progress,
    )
    return rows, BASELINE


def slice_choice(text: str) -> str | int:
    """Type of an argument that takes the central slices, all, or a number of central ones."""
    if text in ("central", "all"):
        return text
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number from 1 on nor central nor all")
    return int(text)


def _settle(arguments: argparse.Namespace, cases: Any, factors: list[float], steps: list[int], slices: str) -> None:
    """Fill in what was not given."""
    arguments.cases = list(arguments.cases or cases)
    arguments.factors = arguments.factors or factors
    arguments.steps = arguments.steps or steps
    arguments.slices = arguments.slices or slices


def _convention(name: str, conventions: Any) -> Any:
    try:
        return conventions(name)
    except ValueError:
        known = ", ".join(item.value for item in conventions)
        raise InputError(f"There is no metric convention {name!r}.", f"Choose one of: {known}.") from None


def _command(arguments: argparse.Namespace, models: list[str]) -> str:
    """The command that prints this table again."""
    kind = "--through-plane " if arguments.through_plane else ""
    kind += "--smore " * arguments.smore + "--soup-gan " * arguments.soup_gan
    kind += f"--slab {arguments.slab} " if arguments.slab is not None else ""
    kind += f"--adapt {arguments.adapt} " * (arguments.adapt > 0)
    own = "" if arguments.through_plane else f"--samples {arguments.samples} --slices {arguments.slices} "
    return (
        f"pdm-sr evaluate {kind}--split {arguments.split} --cases {' '.join(arguments.cases)} --models {' '.join(models)} "
        f"--factors {' '.join(f'{factor:g}' for factor in arguments.factors)} "
        f"--steps {' '.join(map(str, arguments.steps))} {own}--convention {arguments.convention}"
    )


def _update_cards(models: list[str], kind: str, rows: Any, facts: dict[str, Any]) -> None:
    """Put what was measured into each model's card, beside the baselines and what was measured of other cases before."""
    from pdm_core.evaluation.tables import MEAN, with_means
    from pdm_core.zoo import find_model, write_card

    cards = [find_model(name) for name in models]
    for card in cards:
        others = tuple(f"{other.name}," for other in cards if other.name != card.name)
        mine = [row for row in rows if not row.method.startswith(others)]
        kept = _measured_before(card.quality.get(kind, ()), mine)
        both = {name: _joined(card.quality[name] if kept else "", facts[name]) for name in ("command", "slices")}
        table = with_means([*kept, *(row for row in mine if row.case != MEAN)])
        quality = {**card.quality, kind: [asdict(row) for row in table], **facts, **both}
        write_card(replace(card, quality=quality), card.weights.with_suffix(".json"))


def _joined(before: str, now: str) -> str:
    """Two entries of a card as one; the same words are not said twice."""
    return "; ".join(dict.fromkeys([*filter(None, before.split("; ")), now]))


def _measured_before(known: Any, fresh: Any) -> list[Any]:
    """Rows of a card for cases and factors that were not measured anew."""
    from pdm_core.evaluation.in_plane import Row
    from pdm_core.evaluation.tables import MEAN

    anew = {(row.case, row.factor) for row in fresh}
    return [Row(**row) for row in known if row["case"] != MEAN and (row["case"], row["factor"]) not in anew]
