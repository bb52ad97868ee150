"""Where results stand among the data of the scene, and that they are there wholly or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager

import slicer


def placeBeside(node, inputNode) -> None:
    """Beside the input in the subject hierarchy: in its study or folder."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    if hierarchy is None:
        return
    inputItem = hierarchy.GetItemByDataNode(inputNode)
    parent = hierarchy.GetItemParent(inputItem) if inputItem else hierarchy.GetSceneItemID()
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(parent, node)
    hierarchy.SetItemParent(item, parent)


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
