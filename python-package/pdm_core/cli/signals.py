"""Ctrl-C and the system's polite request to end, as a wish that long work hears at its next step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from pdm_core.progress import CancelCheck


@contextmanager
def stop_on_signals(warn: Callable[[str], None]) -> Iterator[CancelCheck]:
    """Within the block the first signal is a wish, and the second one ends at once.

    Args:
        warn: tells the user that the wish was heard.

    Yields:
        Whether to stop.
    """
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        warn("stopping after this step, with a checkpoint; once more stops at once.")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
