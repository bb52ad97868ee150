"""Brings the stand-in up: a scene with its logics, Qt, and the Python layers that slicer-core does not ship."""

import sys
import types

import slicer
import slicer.util

from host import module_layers, parameter_node, qt_standin

_LOGICS = {
    "Colors": "vtkMRMLColorLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Plots": "vtkSlicerPlotsLogic",
}


def start():
    """Put `slicer.mrmlScene`, `slicer.modules`, `slicer.app`, `qt`, `ctk` and Slicer's Python layers in place."""
    sys.modules["qt"] = qt_standin.qt
    sys.modules["ctk"] = qt_standin.ctk
    scene = slicer.vtkMRMLScene()
    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    application.GetColorLogic().SetMRMLScene(scene)
    application.GetColorLogic().AddDefaultColorNodes()
    slicer.mrmlScene = scene
    slicer.modules = types.SimpleNamespace()
    for name, class_name in _LOGICS.items():
        logic = getattr(slicer, class_name)()
        if hasattr(logic, "SetMRMLApplicationLogic"):
            logic.SetMRMLApplicationLogic(application)
        logic.SetMRMLScene(scene)
        application.SetModuleLogic(name, logic)
        setattr(slicer.modules, name.lower(), types.SimpleNamespace(logic=lambda logic=logic: logic))
    # Its logic of colors looks for the files of an installed Slicer at its start; what it does without them needs no instance.
    scene.RegisterNodeClass(slicer.vtkMRMLColorLegendDisplayNode())
    colors = slicer.modules.colors.logic()
    slicer.modules.colors = types.SimpleNamespace(logic=lambda: slicer.vtkSlicerColorLogic, kept=colors)
    slicer.app = Application(application)
    slicer.util.mainWindow = lambda: None
    slicer.util.loadUI = qt_standin.load_ui
    slicer.util.childWidgetVariables = qt_standin.child_widget_variables
    for name, layer in {
        "i18n": module_layers.i18n,
        "ScriptedLoadableModule": module_layers.scripted_loadable_module,
        "parameterNodeWrapper": parameter_node.module,
    }.items():
        sys.modules[f"slicer.{name}"] = layer
        setattr(slicer, name, layer)


class Application:
    """What the modules use of `slicer.app`."""

    def __init__(self, logic):
        self._logic = logic
        self.startupCallbacks = []

    def applicationLogic(self):
        return self._logic

    def layoutManager(self):
        return None

    def processEvents(self):
        qt_standin.application.processEvents()

    def connect(self, signal, callback):
        assert signal in ("startupCompleted()", "aboutToQuit()"), signal
        self.startupCallbacks.append((signal, callback))
