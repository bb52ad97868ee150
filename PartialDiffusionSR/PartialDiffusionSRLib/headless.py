"""Slicer without a window: `pdm-sr` in Slicer's Python, and Slicer ended with its exit code."""

import sys
import threading
import traceback
from collections.abc import Callable

from PartialDiffusionSRLib.workerRun import workerPython
from pdm_core.cli.signals import on_first_signal
from pdm_core.errors import CancelledError
from pdm_core.worker import end_tree, kill_tree, started


def runCommand(words: list[str]) -> int:
    """Run `pdm-sr` with its output passed on; a signal to this process is passed on too, so that work may be saved.

    Returns:
        The exit code: 0 done, 1 failed, 2 bad arguments or input, 3 something is missing, 130 stopped by a signal.
    """
    process = started([workerPython(), "-m", "pdm_core", *words])
    errors = threading.Thread(target=_passOn, args=(process.stderr, sys.stderr), daemon=True)
    errors.start()
    try:
        with on_first_signal(lambda: end_tree(process)) as asked:
            # To the end of the output, for PythonSlicer is a launcher: it may be gone before the work is saved.
            _passOn(process.stdout, sys.stdout)
            code = process.wait()
            return CancelledError.exit_code if asked() and code else code
    finally:
        kill_tree(process)
        errors.join()


def endSlicerWith(name: str, work: Callable[[], int]) -> None:
    """Do a script's work and end Slicer, which would stay alive after a script, even after one that failed.

    Args:
        name: of the script, for its errors.
        work: returns the exit code.
    """
    try:
        code = work()
    except BaseException as error:
        code = _exitCodeOf(error)
        if hasattr(error, "hint"):
            print(f"{name}: error: {error}", file=sys.stderr)
        elif not isinstance(error, SystemExit):
            traceback.print_exc()
    sys.exit(code)


def _passOn(source, target) -> None:
    for line in source:
        target.write(line)
        target.flush()


def _exitCodeOf(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return getattr(error, "exit_code", 130 if isinstance(error, KeyboardInterrupt) else 1)
