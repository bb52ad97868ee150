"""Progress with an estimate of the time left, and cancelling: the one way in which long work talks to its caller."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pdm_core.errors import CancelledError


@dataclass(frozen=True)
class ProgressEvent:
    """One report of long work.

    Attributes:
        stage: what is being done, for a person.
        step: units done so far, 0..of.
        of: units in all.
        eta_s: seconds left by the pace so far; None before the first unit is done.
        note: figures of the moment, for a person; may be empty.
    """

    stage: str
    step: int
    of: int
    eta_s: float | None
    note: str = ""


ProgressCallback = Callable[[ProgressEvent], None]
WarningCallback = Callable[[str], None]
CancelCheck = Callable[[], bool]


class Progress:
    """Counts units of work, reports each and stops the work when its caller asks for it.

    Args:
        stage: what is being done, for a person.
        of: units of work in all.
        callback: receives a `ProgressEvent` after each unit.
        cancel: returns True when the work should stop.
        done: units that an earlier run has finished; they do not count for the pace.
    """

    def __init__(
        self,
        stage: str,
        of: int,
        callback: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
        done: int = 0,
    ) -> None:
        self.stage, self.of, self.step = stage, of, done
        self._done_before = done
        self._callback, self._cancel = callback, cancel
        self._start = time.monotonic()
        self._report()

    def advance(self, units: int = 1, note: str = "") -> None:
        """Count `units` as done, report them, and raise `CancelledError` when the caller has asked to stop."""
        self.step = min(self.of, self.step + units)
        self._report(note)
        self.check_cancel()

    @contextmanager
    def aside(self, stage: str, of: int) -> Iterator[Progress]:
        """Count other work in between, for the same caller; the time that it takes does not spoil the estimate of this one."""
        begun = time.monotonic()
        yield Progress(stage, of, self._callback, self._cancel)
        self._start += time.monotonic() - begun

    def check_cancel(self) -> None:
        """Raise `CancelledError` when the caller has asked to stop."""
        if self._cancel is not None and self._cancel():
            raise CancelledError()

    def _report(self, note: str = "") -> None:
        if self._callback is None:
            return
        elapsed = time.monotonic() - self._start
        fresh = self.step - self._done_before
        eta = elapsed / fresh * (self.of - self.step) if fresh else None
        self._callback(ProgressEvent(self.stage, self.step, self.of, eta, note))


def collecting(warn: WarningCallback | None) -> tuple[list[str], WarningCallback]:
    """A list of warnings and the function that adds to it, once each, and tells the caller."""
    warnings: list[str] = []

    def say(line: str) -> None:
        if line in warnings:
            return
        warnings.append(line)
        if warn is not None:
            warn(line)

    return warnings, say
