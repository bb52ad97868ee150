"""What a run leaves in the scene: the restored volume, its companions and its record, beside the input."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from slicer.i18n import tr as _

from PartialDiffusionSRLib.hierarchy import labelForExport, placeBeside
from PartialDiffusionSRLib.records import newRecord, setFacts
from PartialDiffusionSRLib.volumes import newVolume, writeVolume
from PartialDiffusionSRLib.zoneNodes import ZoneResult


@dataclass(frozen=True)
class RunResult:
    """The nodes of a finished run.

    Attributes:
        volume: the restored volume.
        uncertainty: voxel-wise standard deviation over the samples, or None.
        detail: what the model has added to what was measured, or None.
        provenanceNode: vtkMRMLTextNode with the record; saved with the scene.
        provenance: the record.
        quality: PSNR in dB and SSIM against the reference, or None.
        zones: the zones of the prostate on the restored volume, or None where they were not asked for.
    """

    volume: Any
    uncertainty: Any
    detail: Any
    provenanceNode: Any
    provenance: dict
    quality: dict | None
    zones: ZoneResult | None = None

    @property
    def segmentation(self):
        """vtkMRMLSegmentationNode of the zones, or None."""
        return None if self.zones is None else self.zones.segmentation


def placeResult(inputNode, outputNode, event: dict, arrays: Mapping[str, np.ndarray]) -> RunResult:
    """Make the nodes of a result event.

    Args:
        inputNode: the volume that was restored.
        outputNode: volume to fill, or None for a new one.
        event: the worker's result event.
        arrays: those that it names: `volume`, and as there are `uncertainty` and `detail`.
    """
    matrix, record = event["ijk_to_ras"], event["provenance"]
    volume = outputNode or newVolume(_nameOf(inputNode, record["options"]))
    writeVolume(volume, arrays["volume"], matrix)
    _copyLook(inputNode, volume)
    uncertainty = detail = None
    if "uncertainty" in arrays:
        uncertainty = _companion(volume, _("uncertainty"), arrays["uncertainty"], matrix)
    if "detail" in arrays:
        detail = _companion(volume, _("added detail"), arrays["detail"], matrix)
    options = json.dumps(record["options"])
    setFacts(volume, {"Model": record["model"]["name"], "Notice": record["notice"], "Options": options})
    note = newRecord(volume, record)
    for node in (volume, uncertainty, detail, note):
        if node is not None:
            placeBeside(node, inputNode)
    for image in filter(None, (volume, uncertainty, detail)):
        labelForExport(image)
    return RunResult(volume, uncertainty, detail, note, record, event.get("quality"))


def _nameOf(inputNode, options: dict) -> str:
    name, factor = inputNode.GetName(), options["factor"]
    if options["mode"] == "in-plane":
        return _("{name} SR x{factor:g}").format(name=name, factor=factor)
    finer = "" if factor is None else f" x{factor:g}"
    return _("{name} SR {mode}{finer}").format(name=name, mode=options["mode"], finer=finer)


def _copyLook(source, target) -> None:
    """The same gray scale for before and after: what differs on the screen then differs in the image."""
    target.CreateDefaultDisplayNodes()
    look, display = source.GetDisplayNode(), target.GetDisplayNode()
    if look is None or display is None:
        return
    display.CopyContent(look)
    display.AutoWindowLevelOff()
    display.SetWindowLevel(look.GetWindow(), look.GetLevel())


def _companion(volume, kind: str, array, matrix):
    node = newVolume(f"{volume.GetName()} {kind}")
    writeVolume(node, array, matrix)
    node.CreateDefaultDisplayNodes()
    return node
