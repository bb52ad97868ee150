"""The files of a folder and of the folders in it; one that cannot be opened is said, not passed over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from pdm_core.errors import InputError
from pdm_core.volume.file_kinds import is_dangling
from pdm_core.volume.images import data_files


def files_by_folder(root: Path) -> dict[Path, list[Path]]:
    """Folder to its files, both in the order of their names; folders without files are left out.

    Linked folders are followed. Each folder is entered once, whatever leads to it, under its own name rather than a link's.
    Links without a target are among the files: what they stand for is missing. Files of voxels that an image header names
    (`.mhd`, `.nhdr`) are part of that image, and not among the files.

    Raises:
        InputError: a folder cannot be opened.
    """
    found = {Path(folder): _files(Path(folder), names) for folder, names in _walk(root)}
    return {folder: found[folder] for folder in sorted(found) if found[folder]}


def _files(folder: Path, names: list[str]) -> list[Path]:
    """What is not a folder, without the files of voxels that belong to image headers beside them."""
    files = sorted(filter(_is_file, (folder / name for name in names)))
    voxels = {file for path in files for file in data_files(path)}
    return [path for path in files if path not in voxels]


def _walk(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Every folder with the names of what is not a folder in it: those without links first."""
    waiting: list[str] = [str(root)]
    entered: set[str] = set()
    while waiting:
        links: list[str] = []
        for start in sorted(waiting):
            for folder, folders, names in os.walk(start, onerror=_refuse):
                own_name = os.path.realpath(folder)
                if own_name in entered:
                    folders.clear()
                    continue
                entered.add(own_name)
                yield folder, names
                links += [path for path in (os.path.join(folder, name) for name in folders) if os.path.islink(path)]
        waiting = links


def _is_file(path: Path) -> bool:
    return path.is_file() or is_dangling(path)


def _refuse(error: OSError) -> NoReturn:
    raise InputError(f"The folder {error.filename} cannot be opened: {error.strerror}.", "Check your rights to read it.")
