"""Files and folders that appear whole or not at all: written under another name, then renamed."""

from __future__ import annotations

import glob
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Where the system does not tell whether a process lives, what it wrote so long ago is left over.
_LEFT_OVER_S = 24 * 3600


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write to; after the block it takes the place of `path`, after an error it is removed."""
    temporary = path.with_name(path.name + ".part")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write `text` in UTF-8; what no text can hold, as bytes of a file's name that are not UTF-8, is written as an escape."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A new folder to fill beside `path`, which does not exist or is empty; after the block it takes that place.

    After an error it is removed with all that was written.
    """
    path = path.resolve()
    temporary = scratch_beside(path)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            path.rmdir()
        os.replace(temporary, path)
    except BaseException:
        remove(temporary)
        raise


def scratch_beside(path: Path) -> Path:
    """A hidden name beside `path`, of this process alone; what killed processes have left under such names is removed."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        if _is_left_over(left):
            remove(left)
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_left_over(scratch: Path) -> bool:
    """Whether no living process writes under this name; one with our own number lived before us, as in a container."""
    number = scratch.name.split(".")[-2]
    if not number.isdecimal() or int(number) == os.getpid():
        return number.isdecimal()
    if os.name != "posix":
        # There a signal of 0 is no question but Ctrl-C.
        return time.time() - scratch.stat().st_mtime > _LEFT_OVER_S
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass
    return False
