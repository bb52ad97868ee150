"""Where results stand among the data of the scene, and that they are there wholly or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager

import slicer
from slicer.i18n import tr as _

_LONGEST_DESCRIPTION = 64


def placeBeside(node, inputNode) -> None:
    """Beside the input in the subject hierarchy: in its study or folder."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    if hierarchy is None:
        return
    inputItem = hierarchy.GetItemByDataNode(inputNode)
    parent = hierarchy.GetItemParent(inputItem) if inputItem else hierarchy.GetSceneItemID()
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(parent, node)
    hierarchy.SetItemParent(item, parent)


def labelForExport(node) -> None:
    """What Slicer's export to DICOM proposes for an image that was estimated: of itself it takes all for CT, undescribed."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
    if item:
        hierarchy.SetItemAttribute(item, "DICOM.Modality", "MR")
        # The warning first: the standard ends a description after so many characters.
        description = _("Estimated, not for diagnosis: {name}").format(name=node.GetName())
        hierarchy.SetItemAttribute(item, "DICOM.SeriesDescription", description[:_LONGEST_DESCRIPTION])


@contextmanager
def allOrNothing() -> Iterator[None]:
    """Where the block fails, the nodes that it has added to the scene are removed again."""
    before = set(_nodeIDs())
    try:
        yield
    except BaseException:
        for nodeID in _nodeIDs():
            node = None if nodeID in before else slicer.mrmlScene.GetNodeByID(nodeID)
            if node is not None:
                slicer.mrmlScene.RemoveNode(node)
        raise


def _nodeIDs() -> list[str]:
    return [slicer.mrmlScene.GetNthNode(index).GetID() for index in range(slicer.mrmlScene.GetNumberOfNodes())]
