"""What the modules tell Slicer at its start, how lightly they load, and their self tests."""

import importlib.util
import subprocess
import sys
import types
import unittest
from pathlib import Path

import pytest
import slicer

from pdm_core.segmentation.labels import GLAND, TERMINOLOGY_CONTEXT, ZONES

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
MODULES = ("PartialDiffusionSR", "PDMTraining")
HEAVY = {"torch", "monai", "scipy", "SimpleITK", "nibabel", "pydicom", "safetensors", "skimage", "matplotlib", "yaml"}


def test_the_module_registers_itself(scene, monkeypatch):
    from PartialDiffusionSR import PartialDiffusionSR, registerWithApplication

    monkeypatch.setattr(slicer.app, "startupCallbacks", [])
    parent = types.SimpleNamespace()
    PartialDiffusionSR(parent)
    assert parent.title and parent.categories and parent.contributors and parent.acknowledgementText
    assert "not for diagnosis" in parent.helpText
    assert slicer.app.startupCallbacks == [("startupCompleted()", registerWithApplication)]


def test_the_training_registers_itself_behind_its_sister(scene):
    from PDMTraining import PDMTraining

    parent = types.SimpleNamespace()
    PDMTraining(parent)
    assert parent.title and parent.categories and parent.contributors and parent.acknowledgementText
    assert "not for diagnosis" in parent.helpText and parent.dependencies == ["PartialDiffusionSR"]


@pytest.mark.parametrize("module", MODULES)
def test_loading_a_module_is_quick_and_light(module):
    """With its own folder alone on the path, as in a developer's Slicer; in seconds of the processor, which may be busy."""
    code = f"""
import sys, time
sys.path[:0] = [{str(ROOT / "Testing")!r}, {str(ROOT / module)!r}]
from host import application
application.start()
import numpy
before = set(sys.modules)
start = time.process_time()
import {module}
seconds = time.process_time() - start
heavy = {HEAVY!r} & (set(sys.modules) - before)
sys.exit(f"{{seconds:.2f}} s, {{heavy}}" if heavy or seconds > 0.2 else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-300:]


def test_the_zones_are_terms_that_slicer_knows(scene):
    from PartialDiffusionSRLib import registration

    logic = slicer.vtkSlicerTerminologiesModuleLogic()
    slicer.modules.terminologies = types.SimpleNamespace(logic=lambda: logic)
    context = registration.registerTerminology()
    assert context == TERMINOLOGY_CONTEXT
    entry = slicer.vtkSlicerTerminologyEntry()
    for structure in (GLAND, *ZONES.values()):
        assert logic.DeserializeTerminologyEntry(structure.terminology_entry, entry)
        assert entry.GetTypeObject().GetCodeMeaning() == structure.meaning
        assert logic.FindTypeInTerminologyBy3dSlicerLabel(context, structure.meaning.lower(), entry)
        assert entry.GetTypeObject().GetCodeValue() == structure.code


def test_the_sample_names_a_file_by_its_checksum(scene, monkeypatch):
    from PartialDiffusionSRLib import registration

    registration.registerSampleData()
    given = {}
    logic = types.SimpleNamespace(registerCustomSampleDataSource=lambda **settings: given.update(settings))
    monkeypatch.setitem(sys.modules, "SampleData", types.SimpleNamespace(SampleDataLogic=logic))
    registration.registerSampleData()
    kind, digest = given["checksums"].split(":")
    assert kind == "SHA256" and len(bytes.fromhex(digest)) == 32 and given["uris"].endswith("/" + digest)
    assert given["fileNames"].endswith(".nrrd") and given["nodeNames"] and given["sampleName"] in README.read_text()


def test_the_right_click_action_is_for_scalar_volumes(scene, a_volume_node, monkeypatch):
    abstract = types.ModuleType("AbstractScriptedSubjectHierarchyPlugin")
    abstract.AbstractScriptedSubjectHierarchyPlugin = type(
        "AbstractScriptedSubjectHierarchyPlugin", (), {"__init__": lambda self, scriptedPlugin: None}
    )
    monkeypatch.setitem(sys.modules, abstract.__name__, abstract)
    import qt

    from PartialDiffusionSRLib.PartialDiffusionSRSubjectHierarchyPlugin import _volumeOf

    assert qt.QAction
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    node = a_volume_node()
    item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
    assert _volumeOf(item) is node
    labels = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    assert _volumeOf(hierarchy.CreateItem(hierarchy.GetSceneItemID(), labels)) is None
    assert _volumeOf(hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "f")) is None


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize("name", MODULES)
def test_the_self_test_passes_here_too(name):
    path = ROOT / f"{name}/Testing/{name}Test.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    assert result.testsRun and result.wasSuccessful(), result.errors + result.failures
