"""Names of files that the libraries below cannot work with: said before they end the process or the work is lost."""

from __future__ import annotations

import os
from pathlib import Path

from pdm_core.errors import InputError

# File systems allow 255; what is written beside an image has a longer name than the image.
_LONGEST = 200


def checked_name(path: Path) -> Path:
    """Return `path`, or raise `InputError` where the file system can hold no such name, whatever is in the file."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise InputError(f"No file can have the name {path} here.", "Rename it, or set a locale with UTF-8.") from None
    return path


def utf8_name(path: Path) -> str:
    """The name of `path` for ITK, which takes UTF-8 whatever the locale.

    Raises:
        InputError: its bytes on the disk are not UTF-8: ITK would end the whole process.
    """
    try:
        return os.fsencode(checked_name(path)).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"The name {path} is not written in UTF-8.", "Rename the file or folder.") from None


def checked_new_name(path: Path) -> Path:
    """Return `path`, or raise `InputError` where no file of that name can be made there."""
    utf8_name(path)
    if len(os.fsencode(path.name)) > _LONGEST:
        raise InputError(f"The name {path.name} is longer than {_LONGEST} bytes.", "Choose a shorter one.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(
            f"Nothing can be written to the folder {path.parent}.", "Check your rights, or choose another folder."
        )
    return path
