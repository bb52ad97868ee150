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
def terminated_as_interrupted() -> Iterator[None]:
    """Within the block the first SIGTERM raises `KeyboardInterrupt`, as Ctrl-C does, so that files half-written are removed.

    Later ones are ignored until the process ends: they would interrupt that cleaning up. A handler that the caller has
    installed stays, and outside of the main thread, where Python allows no handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is interrupt:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


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
