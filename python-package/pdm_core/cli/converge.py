"""`pdm-sr converge`: which K suits a dataset (Fig. 2 of the paper)."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pdm_core.cli.console import add_progress_argument, console_for
from pdm_core.cli.signals import stop_on_signals


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command's arguments."""
    parser: argparse.ArgumentParser = commands.add_parser("converge", help="recommend K for a dataset")
    parser.add_argument("dataset", type=Path, help="folder of a prepared dataset (pdm-sr prepare)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for convergence.png and convergence.json")
    parser.add_argument("--factors", nargs="+", type=float, default=[2.0, 4.0], metavar="F")
    parser.add_argument("--steps", type=int, default=100, help="T of the bridge")
    parser.add_argument("--slices", type=int, default=24, help="training slices to look at")
    parser.add_argument("--seed", type=int, default=0)
    add_progress_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Measure, and say what was found."""
    import matplotlib  # noqa: F401  (missing, it is said before the work)

    from pdm_core.training.converge import PICTURE, converge
    from pdm_core.training.dataset import Dataset

    dataset = Dataset.open(arguments.dataset)
    with console_for(arguments) as console, stop_on_signals(console.warning, "without a result") as stopped:
        found = converge(
            dataset,
            arguments.output,
            arguments.factors,
            steps=arguments.steps,
            slices=arguments.slices,
            seed=arguments.seed,
            progress=console.progress,
            cancel=stopped,
        )
        console.result(
            f"K = {found.start} of T = {found.steps}. {found.reason} See {arguments.output / PICTURE}.",
            {"start": found.start, "steps": found.steps, "picture": str(arguments.output / PICTURE)},
        )
    return 0
