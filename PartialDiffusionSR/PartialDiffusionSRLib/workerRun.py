"""A job on its way in the worker: followed without ever waiting for it, ended in a result or in an error."""

import shutil
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slicer.i18n import tr as _

from pdm_core.cli.failures import as_user_error
from pdm_core.errors import (
    CancelledError,
    InputError,
    MemoryShortageError,
    MissingDependencyError,
    PdmError,
)
from pdm_core.worker import WorkerProcess

_ERRORS = {kind.kind: kind for kind in (InputError, MissingDependencyError, MemoryShortageError, CancelledError)}


@dataclass(frozen=True)
class RunListener:
    """Who hears of a run; each is called on the main thread, from `WorkerRun.poll`."""

    progress: Callable[[dict], None] = lambda event: None
    warning: Callable[[str], None] = lambda message: None
    finished: Callable[[Any], None] = lambda result: None
    failed: Callable[[PdmError], None] = lambda error: None


class WorkerRun(ABC):
    """A run in progress; `poll` moves it on. What it works on and what its result becomes, the classes below it say.

    Args:
        listener: hears of progress, warnings and the end.
    """

    def __init__(self, listener: RunListener | None) -> None:
        self._listener = listener or RunListener()
        self.result: Any = None
        self.error: PdmError | None = None
        self.log = ""
        self._conclusion: dict = {}
        self._worker = self._started()

    @property
    def ended(self) -> bool:
        """Whether there is a result or an error."""
        return self.result is not None or self.error is not None

    def poll(self) -> bool:
        """Hear the worker's events; True when the run has ended."""
        if self.ended:
            return True
        for event in self._worker.poll():
            if event["event"] == "progress":
                self._listener.progress(event)
            elif event["event"] == "warning":
                self._listener.warning(event["message"])
            else:
                self._conclusion = event
        # Not before the process has gone: nothing here may wait for it.
        if self._worker.ended:
            conclude = self._succeeded if self._conclusion["event"] == "result" else self._failed
            conclude(self._conclusion)
        return self.ended

    def cancel(self) -> None:
        """Ask the worker to stop at its next step; `poll` tells when it has."""
        if self.ended:
            return
        try:
            self._worker.cancel()
        except OSError:
            # Not even an empty file can be written: the disk is full, or its folder was swept away.
            self.stop()

    def stop(self) -> None:
        """Stop at once, for a scene that closes or an application that exits; nothing is left behind."""
        if not self.ended:
            self._worker.kill()
            self._end(error=CancelledError())

    @abstractmethod
    def _job(self) -> tuple[dict, dict]:
        """The worker's job, and its arrays by name."""

    @abstractmethod
    def _resultOf(self, event: dict) -> Any:
        """What a result event stands for; it may raise `PdmError`."""

    def _started(self) -> WorkerProcess:
        job, arrays = self._job()
        try:
            return WorkerProcess(job, arrays, python=(workerPython(),))
        except OSError as error:
            raise PdmError(
                _("The worker could not be started: {reason}.").format(reason=error),
                _("Check the free space for temporary files and the installation of Slicer."),
            ) from error

    def _succeeded(self, event: dict) -> None:
        try:
            result = self._resultOf(event)
        except Exception as error:
            # Whatever it is: raised from here, it would come again with every look at the run.
            self._end(error=toldError(error))
            return
        self._end(result=result)

    def _failed(self, event: dict) -> None:
        self._end(error=_ERRORS.get(event["kind"], PdmError)(event["message"], event["hint"]))

    def _end(self, *, result: Any = None, error: PdmError | None = None) -> None:
        self._worker.close()
        self.log = self._worker.log
        self.result, self.error = result, error
        if error is None:
            self._listener.finished(result)
        else:
            self._listener.failed(error)


def toldError(error: Exception) -> PdmError:
    """What a user is told of an error; the traceback of an unexpected one goes to the Python console, and stays its cause."""
    told = as_user_error(error)
    if told is not error:
        told.__cause__ = error
        traceback.print_exc()
    return told


def workerPython() -> str:
    """The Python that runs the worker: Slicer's, with Slicer's packages but without the application."""
    return shutil.which("PythonSlicer") or sys.executable


class DeviceQuery:
    """Asks a worker which devices torch can use; torch itself never enters Slicer.

    Args:
        answered: receives the devices, the preferred one first; not called when the worker could not tell.
    """

    def __init__(self, answered: Callable[[list], None]) -> None:
        self._answered = answered
        self._worker = WorkerProcess({"task": "devices"}, {}, python=(workerPython(),))

    def poll(self) -> bool:
        """Hear the worker; True when it has answered or ended."""
        for event in self._worker.poll():
            if event["event"] == "result":
                self._answered(event["devices"])
        if self._worker.ended:
            self._worker.close()
        return self._worker.ended

    def cancel(self) -> None:
        """Do not wait for the answer."""
        self.stop()

    def stop(self) -> None:
        """Do not wait for the answer."""
        self._worker.kill()
        self._worker.close()
