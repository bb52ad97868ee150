"""The outputs of a command, checked before the long work."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pdm_core.errors import InputError


def check_outputs(source: Path, files: Iterable[Path], recorded: Iterable[Path]) -> None:
    """Make sure that everything can be written where it should be.

    Args:
        source: the input.
        files: images that will be written.
        recorded: those of them that get a record beside them.

    Raises:
        InputError: an ending or a folder is wrong, the input or its record would be overwritten, or two outputs have one
            name.
    """
    from pdm_core.pipeline.outputs import provenance_path
    from pdm_core.volume.write import checked_output, refuse_overwriting_input

    files, recorded = list(files), list(recorded)
    for path in files:
        checked_output(path)
        refuse_overwriting_input(source, path)
    for path in recorded:
        if provenance_path(path).resolve() == provenance_path(source).resolve() and provenance_path(path).exists():
            raise InputError(
                f"The record of {path} would take the place of {provenance_path(source)}, the record of the input.",
                "Choose a name that differs before the ending.",
            )
    for places in ([path.resolve() for path in files], [provenance_path(path).resolve() for path in recorded]):
        twice = next((path for path in places if places.count(path) > 1), None)
        if twice is not None:
            raise InputError(f"Two outputs have the same name {twice.name}.", "Choose names that differ before the ending.")


def check_output_folder(folder: Path) -> None:
    """Raise `InputError` where a folder for outputs can be neither used nor made; for use before long work."""
    existing = next((path for path in (folder, *folder.absolute().parents) if path.exists()), folder)
    if not existing.is_dir():
        raise InputError(f"The output {existing} is a file.", "Give the name of a folder.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"Nothing can be written to the folder {existing}.", "Check your rights, or choose another folder.")
