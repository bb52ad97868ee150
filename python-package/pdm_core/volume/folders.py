"""The files of a folder and of the folders in it; one that cannot be opened is said, not passed over."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

from pdm_core.errors import InputError


def files_by_folder(root: Path) -> dict[Path, list[Path]]:
    """Folder to its files, both in the order of their names; folders without files are left out.

    Raises:
        InputError: a folder cannot be opened.
    """
    found = {
        Path(folder): sorted(path for path in (Path(folder, name) for name in names) if path.is_file())
        for folder, _, names in os.walk(root, onerror=_refuse)
    }
    return {folder: found[folder] for folder in sorted(found) if found[folder]}


def _refuse(error: OSError) -> NoReturn:
    raise InputError(f"The folder {error.filename} cannot be opened: {error.strerror}.", "Check your rights to read it.")
