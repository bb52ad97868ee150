"""`pdm-sr`: arguments in, exit codes out (DESIGN, "Command line"); commands import the heavy parts when they run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import NoReturn

from pdm_core.cli import demo, evaluate, models, train, upsample
from pdm_core.errors import CancelledError, PdmError
from pdm_core.version import package_version

_COMMANDS = (upsample, train, evaluate, models, demo)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(2, f"{self.prog}: error: {message}. Try {self.prog} --help.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 done, 1 failed, 2 bad arguments or input, 3 a missing dependency or weight, 130 cancelled.
    """
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        return code
    except KeyboardInterrupt:
        return _report(CancelledError(), arguments)
    except PdmError as error:
        if arguments.debug:
            raise
        return _report(error, arguments)
    except Exception as error:
        if arguments.debug:
            raise
        problem = PdmError(f"Unexpected {type(error).__name__}: {error}.", "Run again with --debug and report it.")
        return _report(problem, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pdm-sr", description="MRI super-resolution with partial diffusion. Research use, not for diagnosis."
    )
    parser.add_argument("--version", action="version", version=f"pdm-sr {package_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for command in _COMMANDS:
        added = command.add_parser(commands)
        added.add_argument("--debug", action="store_true", help="show the traceback of an error")
        added.set_defaults(run=command.run)
    return parser


def _report(error: PdmError, arguments: argparse.Namespace) -> int:
    if getattr(arguments, "progress", None) == "json":
        line = {"event": "error", "kind": error.kind, "message": error.message, "hint": error.hint}
        print(json.dumps(line, ensure_ascii=False), flush=True)
    text = " ".join(str(error).split())
    print(f"pdm-sr: error: {text}", file=sys.stderr)
    return error.exit_code
