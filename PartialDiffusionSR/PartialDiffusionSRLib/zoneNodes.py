"""Zones of the prostate in the scene: segments with their codes and colors, seen in 3-D, and a table of their volumes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import numpy_to_vtk

from PartialDiffusionSRLib.hierarchy import placeBeside
from PartialDiffusionSRLib.records import newRecord, setFacts
from pdm_core.segmentation.labels import GLAND, ZONES, Structure


@dataclass(frozen=True)
class ZoneResult:
    """The nodes of segmented zones.

    Attributes:
        segmentation: vtkMRMLSegmentationNode on the grid of the segmented volume, shown in slices and in 3-D.
        table: vtkMRMLTableNode of the volumes in ml, with the flags.
        report: `volumes_ml` by zone, `flags` (what makes the zones doubtful), `model`, `licence`, `non_commercial`.
        provenance: the record of the run.
        provenanceNode: vtkMRMLTextNode with the record; that of the restoration, where the zones came with one.
        inputSegmentation: after a restoration, the same zones on the grid of its input, hidden; else None.
    """

    segmentation: Any
    table: Any
    report: dict
    provenance: dict
    provenanceNode: Any
    inputSegmentation: Any = None


def placeZones(volumeNode, labels: np.ndarray, ijkToRAS: np.ndarray, event: dict, note=None) -> ZoneResult:
    """Make the nodes of zones, beside the volume that they were found in.

    Args:
        volumeNode: the segmented volume; the reference of the segmentation's geometry.
        labels: `[K, J, I]` uint8, 0 where there is no zone.
        ijkToRAS: of the labels, to world coordinates.
        event: the worker's result event.
        note: vtkMRMLTextNode with the record of the run; a new one by default.
    """
    report, record = event["zone_report"], event["provenance"]
    node = placeSegmentation(volumeNode, labels, ijkToRAS, report)
    node.CreateClosedSurfaceRepresentation()
    node.GetDisplayNode().SetVisibility3D(True)
    table = _volumesTable(node.GetName(), report)
    note = note or newRecord(node, record)
    for companion in (table, note):
        placeBeside(companion, volumeNode)
    return ZoneResult(node, table, report, record, note)


def placeSegmentation(volumeNode, labels: np.ndarray, ijkToRAS: np.ndarray, report: dict):
    """Make a segmentation of labels alone, for slice views."""
    name = slicer.mrmlScene.GenerateUniqueName(_("{name} zones").format(name=volumeNode.GetName()))
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    # The role is what an export to DICOM asks for.
    node.SetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole(), volumeNode.GetID())
    layer = _layerOf(labels, ijkToRAS)
    for label, zone in ZONES.items():
        node.GetSegmentation().AddSegment(_segment(label, zone, layer, report["model"]), zone.key)
    notice = _("Drawn by a neural network and checked by no one. Research use, not for diagnosis.")
    setFacts(node, {"Model": report["model"], "Licence": report["licence"], "Notice": notice})
    placeBeside(node, volumeNode)
    return node


def _layerOf(labels: np.ndarray, ijkToRAS: np.ndarray):
    """The one image that all segments share, cut to what is labeled: surfaces of it take a fraction of the time."""
    found = np.nonzero(labels)
    low, high = ([int(edge(axis)) if axis.size else 0 for axis in found] for edge in (np.min, np.max))
    cut = labels[tuple(slice(first, last + 1) for first, last in zip(low, high, strict=True))]
    image = slicer.vtkOrientedImageData()
    image.SetExtent(low[2], high[2], low[1], high[1], low[0], high[0])
    image.GetPointData().SetScalars(numpy_to_vtk(cut.ravel(), deep=True, array_type=vtk.VTK_UNSIGNED_CHAR))
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(np.asarray(ijkToRAS, dtype=float)))
    return image


def _segment(label: int, zone: Structure, layer, model: str):
    segment = slicer.vtkSegment()
    segment.SetName(zone.name)
    segment.SetColor(*(channel / 255 for channel in zone.colour))
    segment.SetLabelValue(label)
    segment.AddRepresentation(slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName(), layer)
    segment.SetTag(segment.GetTerminologyEntryTagName(), zone.terminology_entry)
    segment.SetTag("DICOM.SegmentAlgorithmType", "AUTOMATIC")
    segment.SetTag("DICOM.SegmentAlgorithmName", model)
    return segment


def _volumesTable(name: str, report: dict):
    """A row for each zone and one for the gland, to which the flags belong."""
    table = slicer.mrmlScene.AddNewNodeByClass(
        "vtkMRMLTableNode", slicer.mrmlScene.GenerateUniqueName(_("{name} volumes").format(name=name))
    )
    columns = _("Zone"), _("Volume (ml)"), _("What makes it doubtful")
    for column, kind in zip(columns, (vtk.vtkStringArray, vtk.vtkDoubleArray, vtk.vtkStringArray), strict=True):
        table.AddColumn(kind()).SetName(column)
    table.SetUseColumnTitleAsColumnHeader(True)
    for structure in (*ZONES.values(), GLAND):
        row = table.AddEmptyRow()
        table.SetCellText(row, 0, structure.name)
        table.SetCellText(row, 1, f"{report['volumes_ml'][structure.key]:.2f}")
        table.SetCellText(row, 2, "\n".join(report["flags"]) if structure is GLAND else "")
    return table
