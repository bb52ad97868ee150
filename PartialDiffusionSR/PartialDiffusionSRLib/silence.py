"""Widgets that are set by the panel itself, and must not answer as if a user had done so."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silenced(*widgets) -> Iterator[None]:
    """Within the block the widgets emit no signals."""
    before = [widget.blockSignals(True) for widget in widgets]
    try:
        yield
    finally:
        for widget, blocked in zip(widgets, before, strict=True):
            widget.blockSignals(blocked)
