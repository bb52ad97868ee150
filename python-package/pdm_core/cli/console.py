"""How a run talks to its user: a bar on a terminal, or one JSON object a line for programs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from pdm_core.progress import ProgressEvent


class Console(Protocol):
    """Receives what happens during a run."""

    def progress(self, event: ProgressEvent) -> None:
        """A unit of work is done."""

    def warning(self, message: str) -> None:
        """The user should know something."""

    def result(self, summary: str, facts: Mapping[str, Any]) -> None:
        """The run is complete."""


class BarConsole:
    """A tqdm bar on standard error, silent where that is no terminal; results on standard output."""

    def __init__(self) -> None:
        self._bar: Any = None

    def progress(self, event: ProgressEvent) -> None:
        """Move the bar; a new stage gets a new one."""
        from tqdm import tqdm

        if self._bar is None or self._bar.desc != event.stage or self._bar.total != event.of:
            self.close()
            self._bar = tqdm(total=event.of, desc=event.stage, disable=None, leave=False, dynamic_ncols=True)
            self._bar.desc = event.stage
        self._bar.update(event.step - self._bar.n)

    def warning(self, message: str) -> None:
        """Print above the bar."""
        print(f"pdm-sr: note: {message}", file=sys.stderr)

    def result(self, summary: str, facts: Mapping[str, Any]) -> None:
        """Print the summary."""
        self.close()
        print(summary)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class JsonConsole:
    """The worker's protocol: one JSON object a line on standard output."""

    def progress(self, event: ProgressEvent) -> None:
        """Print a progress event."""
        self._print({"event": "progress", "stage": event.stage, "step": event.step, "of": event.of, "eta_s": event.eta_s})

    def warning(self, message: str) -> None:
        """Print a warning event."""
        self._print({"event": "warning", "message": message})

    def result(self, summary: str, facts: Mapping[str, Any]) -> None:
        """Print the result event."""
        self._print({"event": "result", "message": summary, **facts})

    @staticmethod
    def _print(line: Mapping[str, Any]) -> None:
        print(json.dumps(line, ensure_ascii=False), flush=True)


def add_progress_argument(parser: argparse.ArgumentParser) -> None:
    """The choice of how to report."""
    parser.add_argument(
        "--progress",
        choices=("bar", "json"),
        default="bar",
        help="a bar on a terminal, or JSON lines on standard output",
    )


@contextmanager
def console_for(arguments: argparse.Namespace) -> Iterator[Console]:
    """The console that the user asked for; its bar is removed at the end."""
    if arguments.progress == "json":
        yield JsonConsole()
        return
    console = BarConsole()
    try:
        yield console
    finally:
        console.close()
