"""What a run leaves in the scene: the restored volume, its companions and its record, beside the input."""

import json
from dataclasses import dataclass
from typing import Any

import slicer
from slicer.i18n import tr as _

from PartialDiffusionSRLib.volumes import newVolume, writeVolume

ATTRIBUTE = "PartialDiffusionSR"


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
    """

    volume: Any
    uncertainty: Any
    detail: Any
    provenanceNode: Any
    provenance: dict
    quality: dict | None


def placeResult(inputNode, outputNode, event: dict, load) -> RunResult:
    """Make the nodes of a result event.

    Args:
        inputNode: the volume that was restored.
        outputNode: volume to fill, or None for a new one.
        event: the worker's result event.
        load: gives the array of a name in the event.
    """
    matrix, record = event["ijk_to_ras"], event["provenance"]
    volume = outputNode or newVolume(_nameOf(inputNode, record["options"]))
    writeVolume(volume, load(event["volume"]), matrix)
    _copyLook(inputNode, volume)
    uncertainty = detail = None
    if event["uncertainty"]:
        uncertainty = _companion(volume, _("uncertainty"), load(event["uncertainty"]), matrix)
    if event["detail"]:
        detail = _companion(volume, _("added detail"), load(event["detail"]), matrix)
    note = _record(volume, record)
    for node in (volume, uncertainty, detail, note):
        if node is not None:
            _place(node, inputNode)
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


def _record(volume, record: dict):
    """The record as a text node; the main facts also as attributes, which show in the scene's tables."""
    for key, value in (
        ("Model", record["model"]["name"]),
        ("Notice", record["notice"]),
        ("Options", json.dumps(record["options"])),
    ):
        volume.SetAttribute(f"{ATTRIBUTE}.{key}", value)
    note = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", f"{volume.GetName()} provenance")
    note.SetText(json.dumps(record, indent=1, ensure_ascii=False))
    volume.SetNodeReferenceID(f"{ATTRIBUTE}.provenance", note.GetID())
    return note


def _place(node, inputNode) -> None:
    """Beside the input in the subject hierarchy: in its study or folder."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    if hierarchy is None:
        return
    inputItem = hierarchy.GetItemByDataNode(inputNode)
    parent = hierarchy.GetItemParent(inputItem) if inputItem else hierarchy.GetSceneItemID()
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(parent, node)
    hierarchy.SetItemParent(item, parent)
