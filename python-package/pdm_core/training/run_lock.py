"""One run a folder: a second process that trains in the same folder would overwrite the checkpoints of the first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pdm_core.errors import InputError
from pdm_core.progress import WarningCallback

_NAME = ".running"


@contextmanager
def alone_in(run_folder: Path, warn: WarningCallback) -> Iterator[None]:
    """Hold the folder of a run for this process; the system lets it go when the process ends, however it ends.

    Raises:
        InputError: another process trains there.
    """
    lock = FileLock(run_folder / _NAME)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(
            f"Another process is training in {run_folder}.", "Wait until it is finished, stop it, or choose another folder."
        ) from error
    except NotImplementedError:
        warn(
            f"The file system of {run_folder} cannot lock files: start nothing else in this folder until the run is finished."
        )
    try:
        yield
    finally:
        lock.release()
