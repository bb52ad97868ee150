"""Arguments that all studies share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pdm_core.cli.console import add_progress_argument
from pdm_core.cli.data import add_data_argument


def study_parser(studies: Any, name: str, purpose: str) -> argparse.ArgumentParser:
    """Add the parser of a study with the arguments that choose data, device and output."""
    parser: argparse.ArgumentParser = studies.add_parser(name, help=purpose, description=purpose)
    add_data_argument(parser)
    parser.add_argument("--split", choices=("test", "val", "train"), default="test", help="part of the data (default: test)")
    parser.add_argument("--cases", nargs="+", metavar="CASE", help="cases of the split")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="folder for tables and figures")
    add_progress_argument(parser)
    return parser


def add_factors_argument(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the reductions that are measured."""
    parser.add_argument("--factors", nargs="+", type=float, metavar="F", help=f"factors of the reduction (default: {default})")
