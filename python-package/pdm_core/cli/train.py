"""`pdm-sr train`: a recipe in, a checkpoint with its history out."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.cli.console import add_progress_argument, console_for
from pdm_core.cli.signals import stop_on_signals
from pdm_core.device_names import check_device
from pdm_core.errors import InputError

if TYPE_CHECKING:
    from pdm_core.training.recipe import Recipe
    from pdm_core.training.zones.recipe import ZoneRecipe


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command's arguments."""
    parser: argparse.ArgumentParser = commands.add_parser("train", help="train a model from a recipe")
    add_run_arguments(parser)
    return parser


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """What every run by a recipe takes."""
    parser.add_argument("recipe", help="a YAML or JSON file, or the name of a bundled recipe")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the run; an interrupted run goes on")
    parser.add_argument("--data", type=Path, required=True, help="folder of a prepared dataset (pdm-sr prepare)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--max-minutes", type=float, help="stop with a checkpoint after this time")
    parser.add_argument("--checkpoint-minutes", type=float, default=10.0, help="longest time between two checkpoints")
    parser.add_argument("--threads", type=int, help="threads of the CPU")
    parser.add_argument("--compile", action="store_true", help="compile the network first (faster; needs a C++ compiler)")
    add_progress_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train until the recipe's end or the time limit."""
    from pdm_core.training.recipe import load_recipe

    check_limits(arguments)
    return run_recipe(load_recipe(arguments.recipe), arguments)


def run_recipe(recipe: Recipe | ZoneRecipe, arguments: argparse.Namespace) -> int:
    """Train by `recipe` until its end or the time limit, and leave the model when it is finished."""
    import torch

    from pdm_core.networks.devices import choose_device
    from pdm_core.publishing.export import publish, refuse_without_words
    from pdm_core.training import TrainingLimits, finished, train
    from pdm_core.training.dataset import Dataset

    refuse_without_words(recipe)
    dataset = Dataset.open(arguments.data)
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    device = choose_device(arguments.device)
    with console_for(arguments) as console, stop_on_signals(console.warning) as stopped:
        checkpoint = train(
            recipe,
            arguments.output,
            dataset=dataset,
            device=str(device),
            limits=TrainingLimits(arguments.max_minutes, arguments.checkpoint_minutes),
            compiled=arguments.compile,
            progress=console.progress,
            warn=console.warning,
            cancel=stopped,
        )
        # Under torchrun the other processes have done their part.
        if os.environ.get("RANK", "0") != "0":
            return 0
        if not finished(recipe, arguments.output):
            console.result(f"{checkpoint}: stopped in time; the same command goes on.", {"checkpoint": str(checkpoint)})
            return 0
        card = publish(recipe, arguments.output, dataset)
        command = f"pdm-sr models add {arguments.output} --data {arguments.data}"
        console.result(f"{card.weights}: trained. Use it: {command}", {"weights": str(card.weights)})
    return 0


def check_limits(arguments: argparse.Namespace) -> None:
    """Refuse a device, a time or a number of threads that cannot be, before the data is read."""
    check_device(arguments.device)
    for name in ("max_minutes", "checkpoint_minutes"):
        minutes = getattr(arguments, name)
        if minutes is not None and not (math.isfinite(minutes) and minutes > 0.0):
            raise InputError(f"--{name.replace('_', '-')} {minutes:g} is not possible.", "Use a number above 0.")
    threads = arguments.threads
    if threads is not None and threads < 1:
        raise InputError(f"--threads {threads} is not possible.", "Use a whole number above 0.")
