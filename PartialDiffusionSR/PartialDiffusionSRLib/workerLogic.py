"""What the logics of both modules share: runs in the worker, followed by a timer on the main thread."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import qt
import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from PartialDiffusionSRLib.workerRun import DeviceQuery, WorkerRun

_POLL_MS = 100


class WorkerLogic(ScriptedLoadableModuleLogic):
    """Follows runs until they end."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self._runs: list[WorkerRun | DeviceQuery] = []
        self._timer = qt.QTimer()
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._pollRuns)

    def queryDevices(self, answered: Callable[[list], None]) -> None:
        """Find out in the background which devices there are, unless that is being done already.

        Args:
            answered: receives dicts with name, description and, for a GPU, free_bytes and total_bytes.
        """
        if any(isinstance(run, DeviceQuery) for run in self._runs):
            return
        # Without room for a worker nothing is known of the devices; a run will say what is wrong.
        with suppress(OSError):
            self._follow(DeviceQuery(answered))

    def cancelAll(self) -> None:
        """Ask every run to stop; each is followed until it has."""
        for run in self._runs:
            run.cancel()

    def stopAll(self) -> None:
        """Stop every run now: the scene closes, or the application exits."""
        for run in list(self._runs):
            run.stop()
        self._pollRuns()

    def _begun(self, run: WorkerRun, wait: bool) -> Any:
        """The result of a run that has just started, or the run itself where nobody waits for it."""
        self._follow(run)
        return self._waitedFor(run) if wait else run

    def _follow(self, run) -> None:
        self._runs.append(run)
        self._timer.start()

    def _pollRuns(self) -> None:
        self._runs = [run for run in self._runs if not run.poll()]
        if not self._runs:
            self._timer.stop()

    def _waitedFor(self, run: WorkerRun) -> Any:
        """The result, with the application kept alive until it is there."""
        try:
            while not run.poll():
                slicer.app.processEvents()
                time.sleep(_POLL_MS / 4000.0)
        except BaseException:
            run.stop()
            raise
        finally:
            self._pollRuns()
        if run.error is not None:
            raise run.error
        return run.result
