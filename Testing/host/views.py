"""Slice views without a window: real slice nodes and logics, which compute what would stand on the screen."""

from functools import cache

import numpy as np
import slicer
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


class LayoutManager:
    """What the module uses of qSlicerLayoutManager."""

    def __init__(self):
        self.layout = None
        self._widgets = {name: SliceWidget(name) for name in ("Red", "Yellow")}

    def setLayout(self, layout):
        self.layout = layout

    def sliceWidget(self, name):
        return self._widgets[name]


@cache
def layout_manager():
    """The application's one manager: slice logics must not come and go with a scene that stays."""
    return LayoutManager()
