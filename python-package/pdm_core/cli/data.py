"""Where the real data lies: named by the user, by PDM_SHARED, or in ../shared."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pdm_core.errors import InputError


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """The folder with `splits.json`."""
    parser.add_argument(
        "--data", type=Path, help="folder that holds splits.json (default: $PDM_SHARED/data or ../shared/data)"
    )


def find_data_folder() -> Path | None:
    """The default data folder, or None where there is none."""
    shared = Path(os.environ.get("PDM_SHARED", "../shared"))
    return shared / "data" if (shared / "data" / "splits.json").is_file() else None


def data_folder(chosen: Path | None) -> Path:
    """The folder the user chose or the default one; raises `InputError` where it holds no `splits.json`."""
    folder = chosen or find_data_folder()
    if folder is None:
        raise InputError("There is no data folder: neither $PDM_SHARED/data nor ../shared/data.", "Name one with --data.")
    if not (folder / "splits.json").is_file():
        raise InputError(f"The data folder {folder} holds no splits.json.", "Name the right folder with --data.")
    return folder
