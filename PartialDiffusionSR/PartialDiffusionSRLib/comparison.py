"""Before and after, side by side: two linked slice views with one gray scale and an overlay of what was added."""

import slicer

_BEFORE, _AFTER = "Red", "Yellow"
_OVERLAY_OPACITY = 0.4
# Slicer's own color tables: one centered on zero for what was added or taken away, one that rises for a spread.
_SIGNED_COLORS = "vtkMRMLColorTableNodeFileColdToHotRainbow.txt"
_RISING_COLORS = "vtkMRMLColorTableNodeFileInferno.txt"


def showComparison(before, result) -> bool:
    """Show `before` left and the result right, with its uncertainty, or else the added detail, over it.

    Returns:
        False where there are no views: without a main window.
    """
    manager = slicer.app.layoutManager()
    if manager is None:
        return False
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView)
    left, right = (manager.sliceWidget(name) for name in (_BEFORE, _AFTER))
    right.mrmlSliceNode().SetOrientation(left.mrmlSliceNode().GetOrientation())
    overlay = result.uncertainty or result.detail
    _colorOverlay(overlay, signed=result.uncertainty is None)
    for widget, background, foreground in ((left, before, None), (right, result.volume, overlay)):
        composite = widget.mrmlSliceCompositeNode()
        composite.SetBackgroundVolumeID(background.GetID())
        composite.SetForegroundVolumeID(foreground.GetID() if foreground is not None else None)
        composite.SetForegroundOpacity(0.0)
        composite.SetLinkedControl(True)
        widget.mrmlSliceNode().RotateToVolumePlane(before)
        widget.sliceLogic().FitSliceToAll()
    return True


def setOverlayVisible(visible: bool) -> None:
    """Fade the overlay of the right view in or out."""
    manager = slicer.app.layoutManager()
    if manager is not None:
        composite = manager.sliceWidget(_AFTER).mrmlSliceCompositeNode()
        composite.SetForegroundOpacity(_OVERLAY_OPACITY if visible else 0.0)


def _colorOverlay(node, signed: bool) -> None:
    """Colors from the spread of the overlay: signed ones are centered on zero."""
    display = node.GetDisplayNode() if node is not None else None
    if display is None:
        return
    low, high = node.GetImageData().GetScalarRange()
    reach = max(abs(low), abs(high)) or 1.0
    colors = _SIGNED_COLORS if signed else _RISING_COLORS
    if slicer.mrmlScene.GetNodeByID(colors) is not None:
        display.SetAndObserveColorNodeID(colors)
    display.AutoWindowLevelOff()
    display.SetWindowLevel(reach, 0.0 if signed else reach / 2.0)
