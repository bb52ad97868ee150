"""`pdm-sr distill`: a trained model in, one out that needs a step or two for what the first one does in many."""

from __future__ import annotations

import argparse
from typing import Any

from pdm_core.cli.train import add_run_arguments, check_limits, run_recipe
from pdm_core.errors import InputError


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command's arguments."""
    parser: argparse.ArgumentParser = commands.add_parser("distill", help="make a model of 1 to 4 steps from a trained one")
    add_run_arguments(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Distil until the recipe's end or the time limit."""
    from pdm_core.training.recipe import Recipe, load_recipe

    check_limits(arguments)
    recipe = load_recipe(arguments.recipe)
    if not isinstance(recipe, Recipe) or recipe.distillation is None:
        raise InputError(
            f"The recipe {arguments.recipe} names no teacher.",
            "Add an entry distillation: {teacher: NAME, steps: 2}, or use pdm-sr train.",
        )
    return run_recipe(recipe, arguments)
