"""The logic on real MRML with the real worker: what it leaves in the scene, and what it does when things go wrong."""

import json
import os
import re
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import slicer
import vtk

from pdm_core.errors import CancelledError, InputError, MemoryShortageError, PdmError

README = Path(__file__).resolve().parents[2] / "README.md"
FAST = {"model": "fast", "device": "cpu"}
SLOW = {**FAST, "steps": 1000}


def names():
    return sorted(node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"))


def poll_until(run, condition, limit_s=60.0):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "the run did not get there"
        run.poll()
        time.sleep(0.02)


def a_running(logic, node, events, **settings):
    """A long run that has made its first step."""
    from PartialDiffusionSRLib.workerRun import RunListener

    run = logic.process(node, wait=False, listener=RunListener(progress=events.append), **{**SLOW, **settings})
    poll_until(run, lambda: run.ended or len(events) > 1)
    return run


def test_process_leaves_a_sharper_volume_beside_the_input(logic, a_volume_node):
    node = a_volume_node()
    node.GetDisplayNode().AutoWindowLevelOff()
    node.GetDisplayNode().SetWindowLevel(123, 321)
    before = np.array(slicer.util.arrayFromVolume(node))
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.CreateItem(study, node)

    result = logic.process(node, factor=2, samples=2, steps=3, **FAST)

    assert slicer.util.arrayFromVolume(result.volume).shape == (3, 96, 80)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), before)
    assert result.volume.GetDisplayNode() is not node.GetDisplayNode()
    assert (result.volume.GetDisplayNode().GetWindow(), result.volume.GetDisplayNode().GetLevel()) == (123, 321)
    for companion in (result.volume, result.uncertainty, result.detail, result.provenanceNode):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(companion)) == study
    for image in (result.volume, result.uncertainty, result.detail):
        item = hierarchy.GetItemByDataNode(image)
        described = f"Estimated, not for diagnosis: {image.GetName()}"
        assert hierarchy.GetItemAttribute(item, "DICOM.Modality") == "MR"
        assert hierarchy.GetItemAttribute(item, "DICOM.SeriesDescription") == described
    assert not hierarchy.GetItemAttributeNames(hierarchy.GetItemByDataNode(node))
    record = json.loads(result.provenanceNode.GetText())
    assert record == result.provenance and record["consistency_db"] > 90
    assert "not for diagnosis" in result.volume.GetAttribute("PartialDiffusionSR.Notice")
    assert (slicer.util.arrayFromVolume(result.uncertainty) >= 0).all()
    again = logic.process(node, factor=2, samples=2, steps=3, **FAST)
    assert again.volume.GetName() != result.volume.GetName()
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(again.volume), slicer.util.arrayFromVolume(result.volume))


def test_an_output_may_be_given_but_is_never_an_input(logic, a_volume_node):
    node, output = a_volume_node(), slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "mine")
    assert logic.process(node, outputVolume=output, **FAST).volume is output
    assert slicer.util.arrayFromVolume(output).shape == (3, 96, 80)
    with pytest.raises(InputError, match="is an input"):
        logic.process(node, outputVolume=node, **FAST)
    with pytest.raises(InputError, match="is an input"):
        logic.process(node, outputVolume=output, referenceVolume=output, **FAST)


def test_a_reference_measures_the_result(logic, a_volume_node):
    node = a_volume_node()
    first = logic.process(node, **FAST)
    quality = logic.process(node, referenceVolume=first.volume, **FAST).quality
    assert quality["psnr_db"] > 100 and quality["ssim"] == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(InputError, match="reference"):
        logic.process(node, referenceVolume=a_volume_node(name="elsewhere"), **FAST)


def test_the_console_hears_of_progress_without_waiting(logic, a_volume_node):
    from PartialDiffusionSRLib.workerRun import RunListener

    events, results = [], []
    run = logic.process(
        a_volume_node(), wait=False, listener=RunListener(progress=events.append, finished=results.append), **FAST
    )
    assert not run.ended
    deadline = time.monotonic() + 60
    while not run.ended and time.monotonic() < deadline:
        slicer.app.processEvents()
        time.sleep(0.02)
    assert results == [run.result] and events[-1]["step"] == events[-1]["of"]
    assert not logic._runs and not logic._timer.isActive()


@pytest.mark.parametrize("spoil", ["none", "empty", "label map", "vector", "transformed", "nonlinear", "tiny", "constant"])
def test_a_volume_that_cannot_be_worked_on_is_refused(logic, a_volume_node, spoil):
    node = a_volume_node()
    if spoil == "none":
        node = None
    elif spoil == "empty":
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    elif spoil == "label map":
        node = slicer.util.addVolumeFromArray(np.zeros((3, 40, 40), np.int16), nodeClassName="vtkMRMLLabelMapVolumeNode")
    elif spoil == "vector":
        image = vtk.vtkImageData()
        image.SetDimensions(40, 40, 3)
        image.AllocateScalars(vtk.VTK_FLOAT, 3)
        node.SetAndObserveImageData(image)
    elif spoil in ("transformed", "nonlinear"):
        kind = "vtkMRMLLinearTransformNode" if spoil == "transformed" else "vtkMRMLBSplineTransformNode"
        transform = slicer.mrmlScene.AddNewNodeByClass(kind)
        if spoil == "nonlinear":
            transform.SetAndObserveTransformToParent(vtk.vtkThinPlateSplineTransform())
        node.SetAndObserveTransformNodeID(transform.GetID())
    elif spoil == "tiny":
        node = a_volume_node(shape=(2, 12, 12))
    elif spoil == "constant":
        node = a_volume_node(array=np.full((2, 40, 40), 7.0))
    before = names()
    with pytest.raises(InputError) as refused:
        logic.process(node, **FAST)
    assert refused.value.hint
    assert names() == before


@pytest.mark.parametrize("options", [{"factor": 9}, {"factor": 1}, {"samples": 0}, {"model": "nobody"}, {"factr": 2}])
def test_options_that_cannot_be_are_refused(logic, a_volume_node, options):
    with pytest.raises(InputError):
        logic.process(a_volume_node(), **{**FAST, **options})


def test_cancel_leaves_the_scene_as_it_was(logic, a_volume_node):
    node, events = a_volume_node(), []
    before = names()
    run = a_running(logic, node, events)
    run.cancel()
    poll_until(run, lambda: run.ended)
    assert isinstance(run.error, CancelledError) and names() == before
    assert logic.process(node, **FAST).volume is not None


def test_a_killed_worker_is_tried_once_more_and_then_explained(logic, a_volume_node):
    node, events = a_volume_node(), []
    before = names()
    run = a_running(logic, node, events, batch=2)
    first = run._worker
    os.killpg(first._process.pid, signal.SIGKILL)
    poll_until(run, lambda: run._worker is not first)
    assert run._options.batch == 1 and not run.ended
    os.killpg(run._worker._process.pid, signal.SIGKILL)
    poll_until(run, lambda: run.ended)
    assert isinstance(run.error, MemoryShortageError) and "crop" in run.error.hint
    assert names() == before and not first.folder.exists() and not run._worker.folder.exists()


def test_a_removed_input_is_an_error_not_a_crash(logic, a_volume_node):
    node = a_volume_node()
    run = logic.process(node, wait=False, **FAST)
    slicer.mrmlScene.RemoveNode(node)
    poll_until(run, lambda: run.ended)
    assert isinstance(run.error, PdmError) and "removed" in run.error.message
    assert names() == []


def test_a_user_name_that_no_code_page_holds(logic, a_volume_node, tmp_path, monkeypatch):
    home = tmp_path / "Lékař Ω 病院"
    home.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(home))
    assert logic.process(a_volume_node(), **FAST).volume is not None
    assert list(home.iterdir()) == []


def test_a_full_disk_is_explained_and_leaves_nothing(logic, a_volume_node, tmp_path, monkeypatch):
    def full(path, array):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(np, "save", full)
    with pytest.raises(PdmError, match="No space left") as refused:
        logic.process(a_volume_node(), **FAST)
    assert "free space" in refused.value.hint and list(tmp_path.iterdir()) == []


def test_stopping_all_leaves_no_process_and_no_folder(logic, a_volume_node):
    events = []
    runs = [a_running(logic, a_volume_node(name=name), events) for name in "ab"]
    logic.stopAll()
    for run in runs:
        assert run._worker._process.poll() is not None and not run._worker.folder.exists()
        assert isinstance(run.error, CancelledError)


def test_the_parameters_are_the_options_one_to_one(logic):
    from dataclasses import fields

    from PartialDiffusionSRLib.parameters import Align, Grid, Matching, Mode, Precision, Profile, Sampler, optionsOf
    from pdm_core.pipeline import options as core

    parameters = logic.getParameterNode()
    assert optionsOf(parameters) == core.SuperResolutionOptions()
    missing = {field.name for field in fields(core.SuperResolutionOptions)} - set(parameters.allParameters)
    assert not missing
    kinds = {"mode": Mode, "profile": Profile, "sampler": Sampler, "grid": Grid, "align": Align}
    kinds |= {"thickness_matching": Matching, "precision": Precision}
    for name, kind in kinds.items():
        assert tuple(member.value for member in kind if member is not Mode.ZONES) == core._CHOICES[name]
    parameters.steps, parameters.batch, parameters.renewAllNoise, parameters.align = 5, 2, True, Align.FIELD_OF_VIEW
    parameters.start = 0.25
    changed = optionsOf(logic.getParameterNode())
    assert (changed.steps, changed.batch, changed.eta, changed.align, changed.start) == (5, 2, "full", "fov", 0.25)
    parameters.mode, parameters.thickness_mm, parameters.profile = Mode.THROUGH_PLANE, 3.5, Profile.BOX
    changed = optionsOf(logic.getParameterNode())
    assert (changed.mode, changed.factor, changed.thickness_mm, changed.profile) == ("through-plane", None, 3.5, "box")
    parameters.precision = Precision.FULL
    assert optionsOf(logic.getParameterNode()).precision == "float32"
    parameters.thickness_matching, parameters.adapt = Matching.RESIDUAL, 200
    changed = optionsOf(logic.getParameterNode())
    assert (changed.thickness_matching, changed.adapt) == ("residual", 200)
    parameters.reachPixels, parameters.factor = False, 3.0
    assert optionsOf(logic.getParameterNode()).factor == 3.0
    parameters.mode, parameters.reachPixels = Mode.ISOTROPIC, True
    assert optionsOf(logic.getParameterNode()).factor == 3.0
    parameters.mode = Mode.IN_PLANE
    optionsOf(logic.getParameterNode()).validate()


def test_slices_are_restored_with_the_thickness_of_their_dicom_headers(logic, a_volume_node, monkeypatch):
    headers = {"1.2.3": "2.5"}
    database = SimpleNamespace(instanceValue=lambda uid, tag: headers[uid] if tag == "0018,0050" else "")
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    node = a_volume_node(shape=(4, 48, 40))
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    settings = {"mode": "through-plane", "factor": None, "steps": 1, "device": "cpu"}
    result = logic.process(node, **settings)
    assert slicer.util.arrayFromVolume(result.volume).shape == (13, 48, 40)
    assert result.volume.GetName() == "t2 SR through-plane" and result.detail is not None
    assert result.provenance["geometry"]["thickness_mm"] == 2.5 and result.provenance["consistency_db"] > 90
    headers["1.2.3"] = ""
    record = logic.process(node, thickness_mm=2.0, **settings).provenance
    assert record["geometry"]["thickness_from"] == "options"
    with pytest.raises(InputError, match="one slice"):
        logic.process(a_volume_node(shape=(1, 48, 40)), **settings)


def test_an_input_that_was_estimated_before_is_told_of(logic, a_volume_node, monkeypatch):
    headers = {"0008,0008": "DERIVED\\SECONDARY\\OTHER\\SUPER_RESOLUTION"}
    monkeypatch.setattr(
        slicer, "dicomDatabase", SimpleNamespace(instanceValue=lambda uid, tag: headers.get(tag, "")), raising=False
    )
    node = a_volume_node(shape=(2, 48, 40))
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    settings = {"factor": 2, "steps": 1, "device": "cpu"}
    said = logic.process(node, **settings).provenance["warnings"]
    assert any("itself a result of super-resolution" in line for line in said)
    headers["0008,0008"] = "ORIGINAL\\PRIMARY\\M"
    assert not any("result of super-resolution" in line for line in logic.process(node, **settings).provenance["warnings"])


def test_a_real_prostate_volume(logic, shared_data, scene):
    from pdm_core import read_volume, super_resolve
    from pdm_core.pipeline.options import SuperResolutionOptions

    path = shared_data / "prostate/prostatex/ProstateX-0218/t2_tra.nii.gz"
    volume = read_volume(path)
    node = slicer.modules.volumes.logic().AddArchetypeVolume(str(path), "t2", 0)
    result = logic.process(node, **FAST)
    expected = super_resolve(volume, SuperResolutionOptions(**FAST)).volume
    np.testing.assert_allclose(slicer.util.arrayFromVolume(result.volume), expected.array, atol=0.5)
    matrix = vtk.vtkMatrix4x4()
    result.volume.GetIJKToRASMatrix(matrix)
    np.testing.assert_allclose(slicer.util.arrayFromVTKMatrix(matrix), expected.ijk_to_ras, atol=1e-4)


@pytest.mark.usefixtures("phantom_zoo")
def test_readmes_example_for_the_console_runs(logic, a_phantom_node, monkeypatch, capsys):
    node = a_phantom_node()
    monkeypatch.setattr(slicer.util, "getModuleLogic", lambda name: logic, raising=False)
    monkeypatch.setattr(slicer.util, "getNode", lambda name: node)
    (example,) = re.findall(r"```pycon\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(example, "README.md", "exec"), {"slicer": slicer})
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("t2 SR x2 uncertainty", "t2 SR through-plane x2 zones", "t2 zones_1 volumes"))
