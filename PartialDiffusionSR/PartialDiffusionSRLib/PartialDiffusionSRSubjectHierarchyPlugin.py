"""Right-click on a volume in the subject hierarchy: "Super-resolve..." opens the panel on it.

Slicer loads this file by its path, and finds the class by the file's name.
"""

import qt
import slicer
from AbstractScriptedSubjectHierarchyPlugin import AbstractScriptedSubjectHierarchyPlugin
from slicer.i18n import tr as _

from PartialDiffusionSRLib.volumes import isGrayVolume


class PartialDiffusionSRSubjectHierarchyPlugin(AbstractScriptedSubjectHierarchyPlugin):
    """Adds one action to the menus of scalar volumes."""

    filePath = __file__

    def __init__(self, scriptedPlugin) -> None:
        scriptedPlugin.name = "PartialDiffusionSR"
        AbstractScriptedSubjectHierarchyPlugin.__init__(self, scriptedPlugin)
        self.action = qt.QAction(_("Super-resolve..."), scriptedPlugin)
        self.action.objectName = "SuperResolveAction"
        self.action.connect("triggered()", self._onTriggered)

    def canAddNodeToSubjectHierarchy(self, node, parentItemID):
        """Owns no node."""
        return 0.0

    def canOwnSubjectHierarchyItem(self, itemID):
        """Owns no item."""
        return 0.0

    def roleForPlugin(self):
        """Has no role of its own."""
        return ""

    def itemContextMenuActions(self):
        """The action, for the menu of an item."""
        return [self.action]

    def viewContextMenuActions(self):
        """The action, for the menu of a slice view."""
        return [self.action]

    def showContextMenuActionsForItem(self, itemID):
        """Show the action for scalar volumes alone."""
        self.action.visible = _volumeOf(itemID) is not None

    def showViewContextMenuActionsForItem(self, itemID, eventData=None):
        """Show the action for scalar volumes alone."""
        self.action.visible = _volumeOf(itemID) is not None

    def _onTriggered(self) -> None:
        node = _volumeOf(slicer.qSlicerSubjectHierarchyPluginHandler.instance().currentItem())
        if node is not None:
            slicer.util.selectModule("PartialDiffusionSR")
            slicer.util.getModuleWidget("PartialDiffusionSR").setInputVolume(node)


def _volumeOf(itemID):
    """The scalar volume of an item, or None."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    node = hierarchy.GetItemDataNode(itemID) if hierarchy is not None and itemID else None
    return node if isGrayVolume(node) else None
