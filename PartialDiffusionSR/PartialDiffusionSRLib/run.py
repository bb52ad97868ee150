"""One run: from a volume node through the worker to the result's nodes; it never blocks and never trusts the scene to stay."""

from dataclasses import replace

import slicer
from slicer.i18n import tr as _

from PartialDiffusionSRLib.results import RunResult, placeResult
from PartialDiffusionSRLib.volumes import readVolume
from PartialDiffusionSRLib.workerRun import RunListener, WorkerRun
from pdm_core.errors import InputError, PdmError
from pdm_core.pipeline.options import SuperResolutionOptions


class SuperResolutionRun(WorkerRun):
    """The restoration of a volume.

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
        self._options = options
        self._source = readVolume(inputNode, hardenTransform)
        self._reference = None if referenceNode is None else readVolume(referenceNode, hardenTransform)
        # Nodes may be removed while the worker works: their IDs are kept, and looked up again at the end.
        self._inputID = inputNode.GetID()
        self._outputID = None if outputNode is None else outputNode.GetID()
        self._retried = False
        super().__init__(listener)

    def _job(self) -> tuple[dict, dict]:
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
        return job, arrays

    def _resultOf(self, event: dict) -> RunResult:
        inputNode = slicer.mrmlScene.GetNodeByID(self._inputID)
        outputNode = slicer.mrmlScene.GetNodeByID(self._outputID) if self._outputID else None
        if inputNode is None or (self._outputID and outputNode is None):
            gone = _("The input volume") if inputNode is None else _("The output volume")
            raise PdmError(_("{gone} was removed during the run.").format(gone=gone), _("Run again."))
        try:
            return placeResult(inputNode, outputNode, event, self._worker.load)
        except (OSError, ValueError, MemoryError) as error:
            raise PdmError(_("The result could not be loaded: {reason}.").format(reason=error), _("Run again.")) from error

    def _failed(self, event: dict) -> None:
        if event["kind"] == "memory" and not self._retried and self._options.batch != 1:
            self._retried = True
            self._worker.close()
            self._options = replace(self._options, batch=(self._options.batch or 2) // 2)
            self._listener.warning(_("The memory did not suffice; trying once more with fewer slices at a time."))
            self._worker = self._started()
            return
        super()._failed(event)
