"""How a run talks to its user: a bar on a terminal, a line now and then in a log, one JSON object a line for programs."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any, Literal, Protocol, TextIO

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
    """A tqdm bar on standard error; results on standard output."""

    def __init__(self) -> None:
        self._bar: Any = None

    def progress(self, event: ProgressEvent) -> None:
        """Move the bar; a new stage gets a new one."""
        from tqdm import tqdm

        with _heard_or_not():
            if self._bar is None or self._bar.desc != event.stage or self._bar.total != event.of:
                self.close()
                self._bar = tqdm(total=event.of, desc=event.stage, leave=False, dynamic_ncols=True)
                self._bar.desc = event.stage
            if event.note:
                self._bar.set_postfix_str(event.note, refresh=False)
            self._bar.update(event.step - self._bar.n)

    def warning(self, message: str) -> None:
        """Print above the bar."""
        from tqdm import tqdm

        with _heard_or_not():
            tqdm.write(_note(message), file=sys.stderr)

    def result(self, summary: str, facts: Mapping[str, Any]) -> None:
        """Print the summary."""
        self.close()
        say(summary)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            with _heard_or_not():
                self._bar.close()
            self._bar = None


class LineConsole:
    """Where no one watches: a line on standard error every `interval_s` seconds; results on standard output."""

    def __init__(self, interval_s: float = 10.0) -> None:
        self._interval_s = interval_s
        self._last = time.monotonic()

    def progress(self, event: ProgressEvent) -> None:
        """Print how far the work is, unless that was said a moment ago."""
        now = time.monotonic()
        if now - self._last < self._interval_s:
            return
        self._last = now
        left = "" if event.eta_s is None else f", about {event.eta_s:.0f} s left"
        note = f" ({event.note})" if event.note else ""
        with _heard_or_not():
            print(f"pdm-sr: {event.stage}: {event.step} of {event.of}{left}{note}", file=sys.stderr, flush=True)

    def warning(self, message: str) -> None:
        """Print the warning."""
        with _heard_or_not():
            print(_note(message), file=sys.stderr, flush=True)

    def result(self, summary: str, facts: Mapping[str, Any]) -> None:
        """Print the summary."""
        say(summary)


class JsonConsole:
    """The worker's protocol: one JSON object a line on standard output."""

    def progress(self, event: ProgressEvent) -> None:
        """Print a progress event."""
        print_event({"event": "progress", **asdict(event)})

    def warning(self, message: str) -> None:
        """Print a warning event."""
        print_event({"event": "warning", "message": message})

    def result(self, summary: str, facts: Mapping[str, Any]) -> None:
        """Print the result event."""
        print_event({"event": "result", "message": summary, **facts})


def print_event(event: Mapping[str, Any]) -> None:
    """Print one event of the worker's protocol; pure ASCII, which a pipe of any code page carries.

    When the program that listened is gone, the work is asked to end, as Ctrl-C would: it may have a checkpoint to write.
    """
    try:
        print(json.dumps(event), flush=True)
    except OSError:
        # A second broken pipe would end the work before its checkpoint.
        _say_no_more("stdout")
        signal.raise_signal(signal.SIGTERM)


def say(text: str) -> None:
    """Print `text` on standard output; whoever listened may have heard enough, as `head` does after its ten lines."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _say_no_more("stdout")


@contextmanager
def standard_streams() -> Iterator[None]:
    """Make standard output and error usable within the block, whatever the caller did to them.

    A service or `pythonw` starts programs without them, and a shell can close them: what is printed then goes nowhere. A
    character that a code page lacks, or a reader that has left, is no reason to fail when all the work is done.
    """
    _occupy_closed_descriptors()
    if sys.stderr is None:
        sys.stderr = _nowhere()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        try:
            # It stays None where the caller has closed it.
            if sys.stdout is not None:
                sys.stdout.flush()
        except OSError:
            _say_no_more("stdout")


def _occupy_closed_descriptors() -> None:
    """Open the null device in place of closed standard descriptors.

    Otherwise the next file that is opened, an output perhaps, would take the number of standard error, and what a C library
    prints there would be written into that file.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # POSIX gives the lowest free number, which is this one: those below it are in use by now.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _nowhere() -> TextIO:
    """A text stream that discards what is written to it."""
    return open(os.devnull, "w", encoding="utf-8")


@contextmanager
def _heard_or_not() -> Iterator[None]:
    """Let the work go on when standard error cannot take what is printed within the block: later notes go nowhere."""
    try:
        yield
    except OSError:
        _say_no_more("stderr")


def _say_no_more(stream: Literal["stdout", "stderr"]) -> None:
    """Discard what is printed on the stream from now on, and what the interpreter writes out at its end."""
    nowhere = _nowhere()
    with suppress(OSError, ValueError):
        os.dup2(nowhere.fileno(), getattr(sys, stream).fileno())
    setattr(sys, stream, nowhere)


def add_progress_argument(parser: argparse.ArgumentParser) -> None:
    """The choice of how to report."""
    parser.add_argument(
        "--progress",
        choices=("bar", "json"),
        default="bar",
        help="a bar (off a terminal a line now and then), or JSON lines on standard output",
    )


@contextmanager
def console_for(arguments: argparse.Namespace) -> Iterator[Console]:
    """The console that the user asked for; its bar is removed at the end."""
    if arguments.progress == "json":
        yield JsonConsole()
    elif not sys.stderr.isatty():
        yield LineConsole()
    else:
        console = BarConsole()
        try:
            yield console
        finally:
            console.close()


def _note(message: str) -> str:
    return f"pdm-sr: note: {message}"
