"""Slicer's Python layers for scripted modules, as far as ours use them, after their documentation."""

import inspect
import types
import unittest
from pathlib import Path

import slicer

from host import qt_standin

i18n = types.ModuleType("slicer.i18n")
i18n.tr = lambda text, context=None: text
i18n.translate = lambda context, text: text

scripted_loadable_module = types.ModuleType("slicer.ScriptedLoadableModule")


class ScriptedLoadableModule:
    def __init__(self, parent):
        self.parent = parent
        self.moduleName = type(self).__name__


class ScriptedLoadableModuleWidget:
    def __init__(self, parent=None):
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.parent = parent or qt_standin.qt.QWidget()
        self.layout = qt_standin.QtWidgets.QVBoxLayout(self.parent)
        self.developerMode = False

    def resourcePath(self, name):
        folder = Path(inspect.getfile(type(self))).resolve().parent
        folder = folder if folder.name == self.moduleName else folder.parent
        return str(folder / "Resources" / name)

    def setup(self):
        pass

    def cleanup(self):
        pass


class ScriptedLoadableModuleLogic:
    def __init__(self, parent=None):
        self.moduleName = type(self).__name__.removesuffix("Logic")

    def getParameterNode(self):
        node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.vtkMRMLScriptedModuleNode()
            node.SetSingletonTag(self.moduleName)
            node.SetAttribute("ModuleName", self.moduleName)
            node.SetModuleName(self.moduleName)
            node = slicer.mrmlScene.AddNode(node)
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    def delayDisplay(self, message, msec=0):
        print(message)


for layer in (
    ScriptedLoadableModule, ScriptedLoadableModuleWidget, ScriptedLoadableModuleLogic, ScriptedLoadableModuleTest,
):  # fmt: skip
    setattr(scripted_loadable_module, layer.__name__, layer)
