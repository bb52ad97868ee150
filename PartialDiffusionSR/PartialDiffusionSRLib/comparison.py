"""Before and after, side by side: two linked slice views with one gray scale, an overlay of what was added, zones in 3-D."""

import numpy as np
import slicer

from PartialDiffusionSRLib.overlayColors import sizeColors, spreadColors

_BEFORE, _AFTER = "Red", "Yellow"
# Any number above those of Slicer's own layouts.
_WITH_ZONES = 27031
_OVERLAY_OPACITY = 0.8
_SATURATED = 98.0


def showComparison(before, result) -> bool:
    """Show `before` left and the result right, with its uncertainty, or else the added detail, over it; then zones in 3-D.

    Returns:
        False where there are no views: without a main window.
    """
    manager = slicer.app.layoutManager()
    if manager is None:
        return False
    sideBySide = slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView
    manager.setLayout(sideBySide if result.zones is None else _layoutWithZones(manager))
    left, right = (manager.sliceWidget(name) for name in (_BEFORE, _AFTER))
    overlay = result.uncertainty or result.detail
    _colorOverlay(overlay, signed=result.uncertainty is None)
    _show(left, before, None)
    left.mrmlSliceNode().RotateToVolumePlane(before)
    left.sliceLogic().FitSliceToAll()
    _show(right, result.volume, overlay)
    _lookAlike(left.mrmlSliceNode(), right.mrmlSliceNode())
    if result.zones is not None:
        _lookAtSurfaces(manager)
    return True


def showZones(volume) -> bool:
    """Show the zones of `volume` over its slices and in 3-D.

    Returns:
        False where there are no views: without a main window.
    """
    manager = slicer.app.layoutManager()
    if manager is None:
        return False
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    _lookAtSurfaces(manager)
    return True


def setOverlayVisible(visible: bool) -> None:
    """Lay the overlay over the right view, with a scale of its colors in the units of the image, or take it away."""
    manager = slicer.app.layoutManager()
    if manager is None:
        return
    view = manager.sliceWidget(_AFTER)
    composite = view.mrmlSliceCompositeNode()
    _layOver(composite, visible)
    overlay = slicer.mrmlScene.GetNodeByID(composite.GetForegroundVolumeID() or "")
    if overlay is not None:
        _showScale(overlay, view.mrmlSliceNode(), visible)


def _layoutWithZones(manager) -> int:
    """Two slice views and a 3-D view in a row; Slicer has no such layout of its own."""
    node = manager.layoutLogic().GetLayoutNode()
    if not node.IsLayoutDescription(_WITH_ZONES):
        kinds = [("vtkMRMLSliceNode", _BEFORE), ("vtkMRMLSliceNode", _AFTER), ("vtkMRMLViewNode", "1")]
        views = "".join(f'<item><view class="{kind}" singletontag="{tag}"/></item>' for kind, tag in kinds)
        node.AddLayoutDescription(_WITH_ZONES, f'<layout type="horizontal" split="true">{views}</layout>')
    return _WITH_ZONES


def _lookAtSurfaces(manager) -> None:
    view = manager.threeDWidget(0).threeDView()
    view.resetFocalPoint()
    view.resetCamera()


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


def _showScale(overlay, view, visible: bool) -> None:
    """What the colors stand for, in one view alone; made when it is first shown."""
    logic = slicer.modules.colors.logic()
    scale = logic.GetColorLegendDisplayNode(overlay)
    if scale is None and visible:
        scale = logic.AddDefaultColorLegendDisplayNode(overlay)
        scale.AddViewNodeID(view.GetID())
        scale.SetLabelFormat("%.3g")
    if scale is not None:
        scale.SetVisibility(visible)


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
