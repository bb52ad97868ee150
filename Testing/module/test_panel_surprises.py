"""What a panel goes through: another volume chosen during a run, views that fail, full disks, installations that break."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest
import slicer
from host.views import layout_manager
from host.waiting import wait_until


@pytest.fixture
def ready(panel, a_volume_node):
    """The panel with a volume, on the CPU."""
    panel.setInputVolume(a_volume_node())
    panel._parameters.device = "cpu"
    return panel


@pytest.fixture
def views(monkeypatch):
    manager = layout_manager()
    monkeypatch.setattr(slicer.app, "layoutManager", lambda: manager)
    return manager


def run_to_the_end(panel):
    panel.ui.applyButton.click()
    wait_until(lambda: panel._run is None)


def background_of(views, name):
    return views.sliceWidget(name).mrmlSliceCompositeNode().GetBackgroundVolumeID()


def test_before_and_after_are_of_one_volume_whatever_was_chosen_meanwhile(ready, a_volume_node, views):
    before, other = ready._parameters.inputVolume, a_volume_node(name="another patient")
    for chosen in (other, None):
        ready.setInputVolume(before)
        ready.ui.applyButton.click()
        ready.setInputVolume(chosen)
        wait_until(lambda: ready._run is None)
        assert background_of(views, "Red") == before.GetID()
        after = slicer.mrmlScene.GetNodeByID(background_of(views, "Yellow"))
        assert after.GetName().startswith("t2 SR x2")


def test_an_overlay_belongs_to_its_run(ready, views):
    box, composite = ready.ui.overlayBox, views.sliceWidget("Yellow").mrmlSliceCompositeNode()
    run_to_the_end(ready)
    assert box.enabled and box.text == "Overlay what was added"
    box.setChecked(True)
    assert composite.GetForegroundOpacity() > 0
    ready.ui.uncertaintyBox.setChecked(True)
    run_to_the_end(ready)
    assert box.enabled and not box.checked and composite.GetForegroundOpacity() == 0
    assert box.text == "Overlay the uncertainty"
    box.setChecked(True)
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.StartCloseEvent)
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.EndCloseEvent)
    assert not box.enabled and not box.checked and composite.GetForegroundOpacity() == 0


@pytest.mark.usefixtures("phantom_zoo")
def test_zones_of_a_volume_do_not_stand_under_the_overlay_of_another(ready, a_phantom_node, views):
    run_to_the_end(ready)
    ready.ui.overlayBox.setChecked(True)
    ready.setInputVolume(a_phantom_node(name="another patient"))
    ready._parameters.zoneModel = "phantom"
    ready.ui.modeBox.setCurrentIndex(3)
    run_to_the_end(ready)
    composite = views.sliceWidget("Yellow").mrmlSliceCompositeNode()
    assert slicer.mrmlScene.GetNodeByID(composite.GetBackgroundVolumeID()).GetName() == "another patient"
    assert composite.GetForegroundOpacity() == 0 and not ready.ui.overlayBox.checked


def test_a_view_that_fails_leaves_the_panel_usable(ready, monkeypatch):
    from PartialDiffusionSRLib import panel as module

    def broken(*nodes):
        raise RuntimeError("no graphics")

    monkeypatch.setattr(module, "showComparison", broken)
    run_to_the_end(ready)
    assert ready.ui.applyButton.text == "Apply" and ready.ui.inputsSection.enabled
    assert "consistency" in ready.ui.statusLabel.text
    wait_until(lambda: not ready.logic._runs)


def test_a_result_that_cannot_be_placed_ends_the_run_once(ready, monkeypatch, capfd):
    from PartialDiffusionSRLib import run as runs

    def broken(*arguments):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(runs, "placeResult", broken)
    ready.ui.applyButton.click()
    folder = ready._run._worker.folder
    wait_until(lambda: ready._run is None)
    assert "no such luck" in ready.ui.statusLabel.text and ready.ui.applyButton.text == "Apply"
    assert not ready.logic._runs and not folder.exists() and "Traceback" in ready.ui.logBox.plainText
    assert capfd.readouterr().err.count("RuntimeError: no such luck") == 1


def test_a_cancel_on_a_full_disk_ends_the_run_by_force(ready, monkeypatch):
    def full(path, *arguments, **options):
        raise OSError(28, "No space left on device", str(path))

    ready._parameters.steps = 1000
    ready.ui.applyButton.click()
    run = ready._run
    wait_until(lambda: ready.ui.progressBar.value > 0)
    monkeypatch.setattr(Path, "touch", full)
    ready.ui.applyButton.click()
    wait_until(lambda: ready._run is None)
    assert "Cancelled" in ready.ui.statusLabel.text and ready.ui.applyButton.enabled
    assert run._worker._process.poll() is not None and not run._worker.folder.exists()


def test_a_full_disk_does_not_keep_the_module_from_opening(panel, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("tempfile.mkdtemp", full)
        panel.enter()
    assert not panel.logic._runs
    panel.enter()
    panel.enter()
    assert len(panel.logic._runs) == 1


def test_a_copy_that_does_not_fit_the_memory_is_explained(ready, monkeypatch):
    def none_left(*arguments):
        raise MemoryError

    monkeypatch.setattr(slicer.util, "arrayFromVolume", none_left)
    ready.ui.applyButton.click()
    assert "memory did not suffice" in ready.ui.statusLabel.text and ready.ui.applyButton.text == "Apply"


def test_an_installation_of_torch_that_fails_is_explained(ready, monkeypatch):
    from PartialDiffusionSRLib import dependencies

    def fails(self, **settings):
        raise RuntimeError("pip returned 1")

    utilities = types.SimpleNamespace(PyTorchUtilsLogic=type("Logic", (), {"installTorch": fails}))
    monkeypatch.setitem(sys.modules, "PyTorchUtils", utilities)
    monkeypatch.setattr(dependencies, "torchIsThere", lambda: False)
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: True, raising=False)
    monkeypatch.setattr(slicer.util, "mainWindow", lambda: object())
    ready.ui.applyButton.click()
    assert "could not be installed: pip returned 1" in ready.ui.statusLabel.text and ready._run is None
    assert "network" in ready.ui.statusLabel.text and not ready.ui.reportSection.collapsed


def test_a_torch_that_misses_a_library_is_told_apart(ready, monkeypatch, tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('libcudart.so.12: cannot open shared object file')")
    from pdm_core.worker import process

    # Before the torch that is installed, behind the worker's own package.
    monkeypatch.setattr(process, "started", started_with(process.started, tmp_path))
    run_to_the_end(ready)
    assert ready.ui.statusLabel.text.startswith("PyTorch cannot be loaded: libcudart.so.12")
    assert "Traceback" in ready.ui.logBox.plainText


def started_with(started, folder):
    def start(command):
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("PYTHONPATH", str(folder))
            return started(command)

    return start


def test_impossible_options_are_told_before_a_run(ready):
    ready.ui.modeBox.setCurrentIndex(1)
    ready.ui.adaptBox.setValue(10)
    assert ready.ui.applyButton.enabled
    ready.ui.projectBox.setChecked(False)
    assert not ready.ui.applyButton.enabled and "must stay as measured" in ready.ui.applyButton.toolTip


def test_what_the_sampler_decides_cannot_be_set(ready):
    from PartialDiffusionSRLib.parameters import Sampler

    ui, parameters = ready.ui, ready._parameters

    def usable():
        return [widget.enabled for widget in (ui.gridBox, ui.renewBox, ui.etaBox)]

    assert usable() == [False] * 3 and "choose another sampler" in ui.gridBox.toolTip
    for sampler, expected in ((Sampler.DDIM, [True] * 3), (Sampler.DPM_SOLVER_2M, [True, False, False])):
        parameters.sampler = sampler
        assert usable() == expected
    parameters.sampler, parameters.renewAllNoise = Sampler.DDIM, True
    assert usable() == [True, True, False]


def test_an_output_is_a_volume_and_no_longer_a_dicom_series(ready, a_volume_node):
    from pdm_core.errors import InputError

    logic, node, options = ready.logic, ready._parameters.inputVolume, {"model": "fast", "device": "cpu"}
    labels = slicer.util.addVolumeFromArray(np.zeros((3, 9, 9), np.uint8), nodeClassName="vtkMRMLLabelMapVolumeNode")
    with pytest.raises(InputError, match="no grayscale volume"):
        logic.process(node, outputVolume=labels, **options)
    output = a_volume_node(name="mine")
    output.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    for _ in range(2):
        logic.process(node, outputVolume=output, **options)
    assert output.GetAttribute("DICOM.instanceUIDs") is None
    notes = [note.GetName() for note in slicer.util.getNodesByClass("vtkMRMLTextNode")]
    assert len(set(notes)) == len(notes) == 2


def test_a_volume_without_values_is_refused(ready):
    import vtk

    from pdm_core.errors import InputError

    image = vtk.vtkImageData()
    image.SetDimensions(40, 40, 3)
    ready._parameters.inputVolume.SetAndObserveImageData(image)
    with pytest.raises(InputError, match="holds no image"):
        ready.logic.process(ready._parameters.inputVolume)
