"""What an exception becomes before a user sees it: one line that says what is wrong, and what to do."""

from __future__ import annotations

import errno
import sys
import traceback
from contextlib import suppress

from pdm_core.cli.console import print_event
from pdm_core.errors import CancelledError, MemoryShortageError, MissingDependencyError, PdmError

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
_NO_KERNEL = ("no kernel image", "not compiled with cuda", "no cuda gpus are available", "cuda driver")


def as_user_error(error: BaseException) -> PdmError:
    """The error that says to a user what `error` means."""
    if isinstance(error, PdmError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return CancelledError()
    text = str(error).lower()
    if isinstance(error, MemoryError) or any(sign in text for sign in _OUT_OF_MEMORY):
        return MemoryShortageError()
    if isinstance(error, RuntimeError) and any(sign in text for sign in _NO_KERNEL):
        return MissingDependencyError(
            f"The installed torch cannot use this GPU: {_first_line(error)}.",
            "Choose the device cpu, or install a torch that was built for this GPU and driver.",
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        what = f": {error.filename} could not be written" if error.filename else ""
        return PdmError(f"The disk is full{what}.", "Free some space, then run again.")
    if isinstance(error, PermissionError):
        return PdmError(f"{error.filename} cannot be opened or written.", "Check your rights, or choose another folder.")
    if isinstance(error, ImportError | OSError) and ("torch" in text or _raised_by_torch(error)):
        return MissingDependencyError(f"PyTorch cannot be loaded: {_first_line(error)}.", "Install torch 2.4 or newer again.")
    if isinstance(error, ModuleNotFoundError):
        return MissingDependencyError(
            f"The Python package {error.name} is not installed.", f"Install it: pip install {error.name}"
        )
    return PdmError(
        f"Unexpected {type(error).__name__}: {error}.",
        "Report it with the details, which a command line shows with --debug.",
    )


def report(error: PdmError, *, json_lines: bool) -> int:
    """Tell the user, as an event too where a program listens.

    Returns:
        The exit code.
    """
    if json_lines:
        print_event({"event": "error", "kind": error.kind, "message": error.message, "hint": error.hint})
    text = " ".join(str(error).split())
    # No one may be there to read it either; the exit code stays.
    with suppress(BrokenPipeError):
        print(f"pdm-sr: error: {text}", file=sys.stderr, flush=True)
    return error.exit_code


def _raised_by_torch(error: BaseException) -> bool:
    """Whether torch was at work: the name of what it misses, a library of the GPU for example, need not contain its own.

    Its decorators also call our functions, whose errors are not its own, and no installation of torch breaks a pipe.
    """
    packages = [frame.f_globals.get("__name__", "").split(".")[0] for frame, _line in traceback.walk_tb(error.__traceback__)]
    ours_or_its = [package for package in packages if package in ("pdm_core", "torch")]
    return ours_or_its[-1:] == ["torch"] and not isinstance(error, BrokenPipeError)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
