"""Before and after, side by side: two linked slice views with one gray scale and an overlay of what was added."""

import numpy as np
import slicer

from PartialDiffusionSRLib.overlayColors import sizeColors, spreadColors

_BEFORE, _AFTER = "Red", "Yellow"
_OVERLAY_OPACITY = 0.8
_SATURATED = 98.0


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
    overlay = result.uncertainty or result.detail
    _colorOverlay(overlay, signed=result.uncertainty is None)
    _show(left, before, None)
    left.mrmlSliceNode().RotateToVolumePlane(before)
    left.sliceLogic().FitSliceToAll()
    _show(right, result.volume, overlay)
    _lookAlike(left.mrmlSliceNode(), right.mrmlSliceNode())
    return True


def setOverlayVisible(visible: bool) -> None:
    """Lay the overlay over the right view, or take it away."""
    manager = slicer.app.layoutManager()
    if manager is not None:
        _layOver(manager.sliceWidget(_AFTER).mrmlSliceCompositeNode(), visible)


def _show(widget, background, foreground) -> None:
    composite = widget.mrmlSliceCompositeNode()
    composite.SetBackgroundVolumeID(background.GetID())
    composite.SetForegroundVolumeID(foreground.GetID() if foreground is not None else None)
    _layOver(composite, False)
    composite.SetLinkedControl(True)


def _layOver(composite, visible: bool) -> None:
    # Added, not blended: black, where there is nothing to say, then leaves the image as it is.
    composite.SetCompositing(composite.Add if visible else composite.Alpha)
    composite.SetForegroundOpacity(_OVERLAY_OPACITY if visible else 0.0)


def _lookAlike(source, target) -> None:
    """The same plane and magnification; not by the name of its orientation, which oblique planes do not have."""
    target.GetSliceToRAS().DeepCopy(source.GetSliceToRAS())
    width, _height, depth = source.GetFieldOfView()
    shape = target.GetDimensions()
    target.SetFieldOfView(width, width * shape[1] / max(shape[0], 1), depth)
    target.UpdateMatrices()


def _colorOverlay(node, signed: bool) -> None:
    """Brightness by the size of the values; signed ones are centered on zero."""
    display = node.GetDisplayNode() if node is not None else None
    if display is None:
        return
    # Not the greatest value: a single voxel must not make all others invisible.
    reach = float(np.percentile(np.abs(slicer.util.arrayFromVolume(node)), _SATURATED)) or 1.0
    display.SetAndObserveColorNodeID((sizeColors() if signed else spreadColors()).GetID())
    display.AutoWindowLevelOff()
    display.SetWindowLevel(*((2.0 * reach, 0.0) if signed else (reach, reach / 2.0)))
