"""The locale of numbers, which belongs to the whole process: ITK writes text headers by it."""

from __future__ import annotations

import locale
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

# Two threads that change the locale at once would restore each other's.
_LOCK = RLock()


@contextmanager
def decimal_points() -> Iterator[None]:
    """Numbers are written with a decimal point within this block, whatever locale the host program has set."""
    with _LOCK:
        before = locale.setlocale(locale.LC_NUMERIC)
        locale.setlocale(locale.LC_NUMERIC, "C")
        try:
            yield
        finally:
            locale.setlocale(locale.LC_NUMERIC, before)
