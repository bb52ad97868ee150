"""`pdm-sr study`: the paper's tables and figures, and two further studies of what restoration does to real scans."""

from __future__ import annotations

import argparse
from typing import Any

from pdm_study.cli import orthogonal, paper, zones


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command with its studies."""
    parser: argparse.ArgumentParser = commands.add_parser("study", help="make the paper's tables and figures on real data")
    studies = parser.add_subparsers(dest="study", required=True, metavar="STUDY")
    for study in (paper, orthogonal, zones):
        study.add_parser(studies).set_defaults(run_study=study.run)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the chosen study."""
    code: int = arguments.run_study(arguments)
    return code
