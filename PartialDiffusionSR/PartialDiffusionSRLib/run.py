"""One run: from a volume node through the worker to the result's nodes; it never blocks and never trusts the scene to stay."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import slicer
from slicer.i18n import tr as _

from PartialDiffusionSRLib.results import RunResult, placeResult
from PartialDiffusionSRLib.volumes import readVolume
from pdm_core.errors import (
    CancelledError,
    InputError,
    MemoryShortageError,
    MissingDependencyError,
    PdmError,
)
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.worker import WorkerProcess

_ERRORS = {kind.kind: kind for kind in (InputError, MissingDependencyError, MemoryShortageError, CancelledError)}


@dataclass(frozen=True)
class RunListener:
    """Who hears of a run; each is called on the main thread, from `SuperResolutionRun.poll`."""

    progress: Callable[[dict], None] = lambda event: None
    warning: Callable[[str], None] = lambda message: None
    finished: Callable[[RunResult], None] = lambda result: None
    failed: Callable[[PdmError], None] = lambda error: None


class SuperResolutionRun:
    """A run in progress; `poll` moves it on.

    Args:
        inputNode: the volume to restore; it is copied at once and never changed.
        options: what to do.
        outputNode: volume to fill, or None for a new one.
        referenceNode: volume on the result's grid to measure it against, or None.
        hardenTransform: follow a linear parent transform of the input.
        listener: hears of progress, warnings and the end.

    Raises:
        InputError: the nodes or the options cannot be worked on.
    """

    def __init__(
        self,
        inputNode,
        options: SuperResolutionOptions,
        *,
        outputNode=None,
        referenceNode=None,
        hardenTransform: bool = False,
        listener: RunListener | None = None,
    ) -> None:
        options.validate()
        if outputNode is not None and outputNode in (inputNode, referenceNode):
            raise InputError(_("The output volume is an input."), _("Choose a new volume: an input is never overwritten."))
        self._listener = listener or RunListener()
        self._options = options
        self._source = readVolume(inputNode, hardenTransform)
        self._reference = None if referenceNode is None else readVolume(referenceNode, hardenTransform)
        # Nodes may be removed while the worker works: their IDs are kept, and looked up again at the end.
        self._inputID = inputNode.GetID()
        self._outputID = None if outputNode is None else outputNode.GetID()
        self.result: RunResult | None = None
        self.error: PdmError | None = None
        self.log = ""
        self._retried = False
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
        if not self.ended:
            self._worker.cancel()

    def stop(self) -> None:
        """Stop at once, for a scene that closes or an application that exits; nothing is left behind."""
        if not self.ended:
            self._worker.kill()
            self._end(error=CancelledError())

    def _started(self) -> WorkerProcess:
        arrays = {"volume": self._source.array}
        job = {
            "task": "super-resolve",
            "ijk_to_ras": self._source.ijkToRAS.tolist(),
            "metadata": {"node": self._source.name, "slice_thickness_mm": self._source.thickness},
            "options": self._options.as_dict(),
        }
        if self._reference is not None:
            arrays["reference"] = self._reference.array
            job["reference_ijk_to_ras"] = self._reference.ijkToRAS.tolist()
        try:
            return WorkerProcess(job, arrays, python=(workerPython(),))
        except OSError as error:
            raise PdmError(
                _("The worker could not be started: {reason}.").format(reason=error),
                _("Check the free space for temporary files and the installation of Slicer."),
            ) from error

    def _succeeded(self, event: dict) -> None:
        inputNode = slicer.mrmlScene.GetNodeByID(self._inputID)
        outputNode = slicer.mrmlScene.GetNodeByID(self._outputID) if self._outputID else None
        if inputNode is None or (self._outputID and outputNode is None):
            gone = _("The input volume") if inputNode is None else _("The output volume")
            self._end(error=PdmError(_("{gone} was removed during the run.").format(gone=gone), _("Run again.")))
            return
        try:
            result = placeResult(inputNode, outputNode, event, self._worker.load)
        except (OSError, ValueError, MemoryError) as error:
            self._end(error=PdmError(_("The result could not be loaded: {reason}.").format(reason=error), _("Run again.")))
            return
        self._end(result=result)

    def _failed(self, event: dict) -> None:
        if event["kind"] == "memory" and not self._retried and self._options.batch != 1:
            self._retried = True
            self._worker.close()
            self._options = replace(self._options, batch=(self._options.batch or 2) // 2)
            self._listener.warning(_("The memory did not suffice; trying once more with fewer slices at a time."))
            self._worker = self._started()
            return
        self._end(error=_ERRORS.get(event["kind"], PdmError)(event["message"], event["hint"]))

    def _end(self, *, result: RunResult | None = None, error: PdmError | None = None) -> None:
        self._worker.close()
        self.log = self._worker.log
        self.result, self.error = result, error
        if result is not None:
            self._listener.finished(result)
        else:
            self._listener.failed(error)


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

    def stop(self) -> None:
        """Do not wait for the answer."""
        self._worker.kill()
        self._worker.close()
