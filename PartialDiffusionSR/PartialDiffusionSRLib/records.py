"""Records of runs in the scene: text nodes, saved with it."""

import json

import slicer
from slicer.i18n import tr as _

ATTRIBUTE = "PartialDiffusionSR"


def newRecord(node, record: dict):
    """A text node with the record of a run, which the run's result refers to."""
    name = slicer.mrmlScene.GenerateUniqueName(_("{name} provenance").format(name=node.GetName()))
    note = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", name)
    note.SetText(json.dumps(record, indent=1, ensure_ascii=False))
    node.SetNodeReferenceID(f"{ATTRIBUTE}.provenance", note.GetID())
    return note


def setFacts(node, facts: dict[str, str]) -> None:
    """The main facts as attributes, which show in the scene's tables."""
    for key, value in facts.items():
        node.SetAttribute(f"{ATTRIBUTE}.{key}", value)
