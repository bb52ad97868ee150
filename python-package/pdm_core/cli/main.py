"""`pdm-sr`: arguments in, exit codes out (DESIGN, "Command line"); commands import the heavy parts when they run."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NoReturn

from pdm_core.cli import batch, converge, demo, distill, evaluate, models, prepare, segment, study, train, upsample
from pdm_core.cli.console import standard_streams
from pdm_core.cli.failures import as_user_error, report
from pdm_core.cli.signals import terminated_as_interrupted
from pdm_core.errors import InputError
from pdm_core.version import package_version

_COMMANDS = (upsample, segment, batch, prepare, converge, train, distill, evaluate, study, models, demo)


class _Parser(argparse.ArgumentParser):
    """Takes `--debug` at every level, and raises what is wrong instead of printing the usage."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # Without a default: that of an inner parser would undo what an outer one has read.
        self.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error")

    def error(self, message: str) -> NoReturn:
        """Raise `InputError`."""
        raise InputError(f"{message}.", f"Try {self.prog} --help.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 done, 1 failed, 2 bad arguments or input, 3 a missing dependency or weight, 130 cancelled.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    # Known before the words are understood, so that a mistake among them is reported as the caller asked.
    json_lines = "--progress=json" in words or ("--progress", "json") in pairwise(words)
    arguments = argparse.Namespace(debug=False, progress="json" if json_lines else "bar")
    with standard_streams(), terminated_as_interrupted():
        try:
            return run_command(words, arguments)
        except (Exception, KeyboardInterrupt) as error:
            if arguments.debug:
                traceback.print_exc()
            return report(as_user_error(error), json_lines=arguments.progress == "json")


def run_command(words: Sequence[str], arguments: argparse.Namespace | None = None) -> int:
    """Run one command and let its errors pass.

    Args:
        words: of the command line, the command first.
        arguments: receives what the words mean.

    Returns:
        The exit code of a command that came to its end.
    """
    arguments = _parser().parse_args(words, arguments)
    code: int = arguments.run(arguments)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pdm-sr", description="MRI super-resolution with partial diffusion. Research use, not for diagnosis."
    )
    parser.add_argument("--version", action="version", version=f"pdm-sr {package_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands).set_defaults(run=command.run)
    return parser
