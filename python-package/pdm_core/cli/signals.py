"""Ctrl-C and the system's polite request to end, as a wish that long work hears at its next step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

from pdm_core.progress import CancelCheck


def stop_on_signals(warn: Callable[[str], None], kept: str = "with a checkpoint") -> AbstractContextManager[CancelCheck]:
    """Within the block a signal is a wish to stop.

    Args:
        warn: tells the user that the wish was heard.
        kept: what becomes of the work, in the words of that warning.

    Yields:
        Whether to stop.
    """
    return on_first_signal(lambda: warn(f"stopping after this step, {kept}; Ctrl-C once more stops at once."))


@contextmanager
def on_first_signal(heard: Callable[[], None]) -> Iterator[CancelCheck]:
    """Within the block the first signal calls `heard`, and a second Ctrl-C raises `KeyboardInterrupt`.

    More requests to end are the same one: a cluster sends it to a process and to its starter, which passes it on.

    Yields:
        Whether there was a signal.
    """
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            return
        asked.set()
        heard()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
