"""`pdm-sr study`: the commands of the package pdm-study; where it is not installed, how to install it."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from pdm_core.plugins import COMMANDS, STUDY, missing_study, plugins


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command with the arguments of the installed package."""
    parser: argparse.ArgumentParser
    if STUDY in plugins(COMMANDS):
        parser = plugins(COMMANDS)[STUDY].add_parser(commands)
    else:
        parser = commands.add_parser(STUDY, help="make the paper's tables and figures (needs the package pdm-study)")
        # Whatever follows would mean something to the package alone.
        parser.parse_known_args = _refuse  # type: ignore[method-assign, assignment]
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the installed package's command."""
    code: int = plugins(COMMANDS)[STUDY].run(arguments)
    return code


def _refuse(*_words: Any) -> NoReturn:
    raise missing_study()
