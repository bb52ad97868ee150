"""Views without a window: real slice nodes and logics, which compute what would stand on the screen; layouts; a 3-D view."""

from functools import cache

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

_PIXELS = (160, 160, 1)


class SliceWidget:
    """What the module uses of qMRMLSliceWidget, and the picture that it would show."""

    def __init__(self, name):
        self._logic = slicer.vtkMRMLSliceLogic()
        self._logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        self._logic.SetMRMLScene(slicer.mrmlScene)
        self._node = self._logic.AddSliceNode(name)
        self._node.SetDimensions(*_PIXELS)

    def sliceLogic(self):
        return self._logic

    def mrmlSliceNode(self):
        return self._node

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def picture(self):
        """Red, green, blue and opacity `[row, column, 4]` of the blended layers."""
        producer = self._logic.GetImageDataConnection().GetProducer()
        producer.Update()
        image = producer.GetOutput()
        columns, rows, _ = image.GetDimensions()
        return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1).astype(np.int16)


class ThreeDView:
    """What the module uses of qMRMLThreeDView: how it was asked to look at the scene."""

    def __init__(self):
        self.calls = []

    def threeDView(self):
        return self

    def resetFocalPoint(self):
        self.calls.append("center")

    def resetCamera(self):
        self.calls.append("zoom")


class LayoutManager:
    """What the module uses of qSlicerLayoutManager."""

    def __init__(self):
        self.layout = None
        self._node = slicer.vtkMRMLLayoutNode()
        self._widgets = {name: SliceWidget(name) for name in ("Red", "Yellow")}
        self._threeD = ThreeDView()

    def layoutLogic(self):
        return self

    def GetLayoutNode(self):
        return self._node

    def setLayout(self, layout):
        self.layout = layout

    def sliceWidget(self, name):
        return self._widgets[name]

    def threeDWidget(self, index):
        return (self._threeD,)[index]

    def mrmlSliceLogics(self):
        logics = vtk.vtkCollection()
        for widget in self._widgets.values():
            logics.AddItem(widget.sliceLogic())
        return logics


@cache
def layout_manager():
    """The application's one manager: slice logics must not come and go with a scene that stays."""
    return LayoutManager()
