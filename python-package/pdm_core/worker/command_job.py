"""A command of `pdm-sr` as a job of the worker: the same words, the same work, and a file that stops it."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pdm_core.cli.console import JsonConsole
from pdm_core.cli.main import run_command
from pdm_core.errors import InputError

CANCEL = "cancel"
_LOOK_S = 0.2


def command_job(job: Mapping[str, Any], folder: Path, console: JsonConsole) -> int:
    """Run the command of a job; its events are those of `--progress json`.

    Args:
        job: `words`, those of `pdm-sr`'s command line, the command first.
        folder: where the job lies; a file `cancel` there is heard as Ctrl-C would be.
        console: not used; the command makes its own of the same kind.

    Returns:
        The command's exit code.

    Raises:
        InputError: the words are not words.
        PdmError: as the command does.
    """
    words = job.get("words")
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise InputError("The job names no command.", "Its words are a list, as in a command line of pdm-sr.")
    with _stopped_by(folder / CANCEL):
        return run_command([*words, "--progress", "json"])


@contextmanager
def _stopped_by(file: Path) -> Iterator[None]:
    """Within the block the appearing `file` is a request to end: where the work cannot hear it, `KeyboardInterrupt`."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(file, over), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        signal.signal(signal.SIGTERM, before)


def _watch(file: Path, over: threading.Event) -> None:
    while not over.wait(_LOOK_S):
        if file.exists():
            # Windows has no signal that another process could send: this one is made here.
            _thread.interrupt_main(signal.SIGTERM)
            return
