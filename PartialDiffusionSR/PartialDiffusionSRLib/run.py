"""One run: from a volume node through the worker to the result's nodes; it never blocks and never trusts the scene to stay."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from PartialDiffusionSRLib.hierarchy import allOrNothing
from PartialDiffusionSRLib.results import RunResult, placeResult
from PartialDiffusionSRLib.volumes import isGrayVolume, readVolume
from PartialDiffusionSRLib.workerRun import RunListener, WorkerRun
from PartialDiffusionSRLib.zoneNodes import ZoneResult, placeSegmentation, placeZones
from pdm_core.errors import InputError, PdmError
from pdm_core.pipeline.options import SuperResolutionOptions

# What a result event may name.
_ARRAYS = ("volume", "uncertainty", "detail", "zones", "zones_input")


class VolumeRun(WorkerRun):
    """A run on a volume of the scene.

    Args:
        inputNode: the volume to work on; it is copied at once and never changed.
        hardenTransform: follow a linear parent transform of the input.
        listener: hears of progress, warnings and the end.

    Raises:
        InputError: the node cannot be worked on.
    """

    def __init__(self, inputNode, *, hardenTransform: bool = False, listener: RunListener | None = None) -> None:
        self._source = readVolume(inputNode, hardenTransform)
        # Nodes may be removed while the worker works: their IDs are kept, and looked up again at the end.
        self._inputID = inputNode.GetID()
        super().__init__(listener)

    @property
    def inputNode(self):
        """The volume that the run works on, or None where it was removed."""
        return slicer.mrmlScene.GetNodeByID(self._inputID)

    @abstractmethod
    def _placed(self, inputNode, event: dict, arrays: Mapping[str, np.ndarray]) -> Any:
        """Make the nodes of a result event."""

    def _volumeJob(self, task: str) -> dict:
        return {"task": task, "ijk_to_ras": self._source.ijkToRAS.tolist(), "metadata": self._source.facts}

    def _resultOf(self, event: dict) -> Any:
        inputNode = self._still(self._inputID, _("The input volume"))
        try:
            arrays = {name: self._worker.load(event[name]) for name in _ARRAYS if event.get(name)}
            with allOrNothing():
                return self._placed(inputNode, event, arrays)
        except (OSError, ValueError, MemoryError) as error:
            raise PdmError(_("The result could not be loaded: {reason}.").format(reason=error), _("Run again.")) from error

    def _still(self, nodeID: str, what: str):
        """The node of an ID that was there when the run started."""
        node = slicer.mrmlScene.GetNodeByID(nodeID)
        if node is None:
            raise PdmError(_("{gone} was removed during the run.").format(gone=what), _("Run again."))
        return node


class SuperResolutionRun(VolumeRun):
    """The restoration of a volume.

    Args:
        inputNode: the volume to restore.
        options: what to do.
        outputNode: volume to fill, or None for a new one.
        referenceNode: volume on the result's grid to measure it against, or None.
        zoneModel: model that segments the zones of the result, or None for no zones.
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
        zoneModel: str | None = None,
        hardenTransform: bool = False,
        listener: RunListener | None = None,
    ) -> None:
        options.validate()
        if outputNode is not None and outputNode in (inputNode, referenceNode):
            raise InputError(_("The output volume is an input."), _("Choose a new volume: an input is never overwritten."))
        if outputNode is not None and not isGrayVolume(outputNode):
            raise InputError(
                _("{name} is no grayscale volume: it cannot take the result.").format(name=outputNode.GetName()),
                _("Choose a scalar volume, or none for a new one."),
            )
        self._options = options
        self._reference = None if referenceNode is None else readVolume(referenceNode, hardenTransform)
        self._outputID = None if outputNode is None else outputNode.GetID()
        self._zoneModel = zoneModel
        self._retried = False
        super().__init__(inputNode, hardenTransform=hardenTransform, listener=listener)

    def _job(self) -> tuple[dict, dict]:
        arrays = {"volume": self._source.array}
        job = {**self._volumeJob("super-resolve"), "options": self._options.as_dict()}
        if self._zoneModel is not None:
            job |= {"zones": True, "zone_model": self._zoneModel}
        if self._reference is not None:
            arrays["reference"] = self._reference.array
            job["reference_ijk_to_ras"] = self._reference.ijkToRAS.tolist()
        return job, arrays

    def _placed(self, inputNode, event: dict, arrays: Mapping[str, np.ndarray]) -> RunResult:
        outputNode = self._still(self._outputID, _("The output volume")) if self._outputID else None
        result = placeResult(inputNode, outputNode, event, arrays)
        if "zones" not in arrays:
            return result
        zones = placeZones(result.volume, arrays["zones"], event["ijk_to_ras"], event, result.provenanceNode)
        below = placeSegmentation(inputNode, arrays["zones_input"], self._source.ijkToRAS, event["zone_report"])
        below.GetDisplayNode().SetVisibility(False)
        return replace(result, zones=replace(zones, inputSegmentation=below))

    def _failed(self, event: dict) -> None:
        if event["kind"] == "memory" and not self._retried and self._options.batch != 1:
            self._retried = True
            self._worker.close()
            self._options = replace(self._options, batch=(self._options.batch or 2) // 2)
            self._listener.warning(_("The memory did not suffice; trying once more with fewer slices at a time."))
            self._worker = self._started()
            return
        super()._failed(event)


class ZonesRun(VolumeRun):
    """The segmentation of a volume as it is.

    Args:
        inputNode: the volume to segment.
        model: name of a zone model.
        device: where the network runs.
        hardenTransform: follow a linear parent transform of the input.
        listener: hears of progress, warnings and the end.

    Raises:
        InputError: the node cannot be worked on.
    """

    def __init__(
        self,
        inputNode,
        *,
        model: str = "auto",
        device: str = "auto",
        hardenTransform: bool = False,
        listener: RunListener | None = None,
    ) -> None:
        self._settings = {"zone_model": model, "device": device}
        super().__init__(inputNode, hardenTransform=hardenTransform, listener=listener)

    def _job(self) -> tuple[dict, dict]:
        return {**self._volumeJob("segment-zones"), **self._settings}, {"volume": self._source.array}

    def _placed(self, inputNode, event: dict, arrays: Mapping[str, np.ndarray]) -> ZoneResult:
        return placeZones(inputNode, arrays["zones"], self._source.ijkToRAS, event)
