"""Names of files that the libraries below cannot work with: said before they end the process or the work is lost."""

from __future__ import annotations

import os
from pathlib import Path

from pdm_core.errors import InputError

# File systems allow 255; what is written beside an image has a longer name than the image.
_LONGEST = 200


def checked_name(path: Path) -> Path:
    """Return `path`, or raise `InputError` where its bytes are no text: ITK would end the whole process."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"The name {path} is not written in UTF-8.", "Rename the file or folder.") from None
    return path


def checked_new_name(path: Path) -> Path:
    """Return `path`, or raise `InputError` where no file of that name can be made there."""
    checked_name(path)
    if len(os.fsencode(path.name)) > _LONGEST:
        raise InputError(f"The name {path.name} is longer than {_LONGEST} bytes.", "Choose a shorter one.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(
            f"Nothing can be written to the folder {path.parent}.", "Check your rights, or choose another folder."
        )
    return path
