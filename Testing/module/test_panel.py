"""The panel from its .ui, driven by clicks: wiring, states, errors, cancel, scene close; and its picture."""

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import slicer
from host.waiting import wait_until

from pdm_core.errors import InputError

# Properties of qMRMLNodeComboBox that the stand-in does not have.
SELECTOR = {"nodeTypes", "showChildNodeTypes", "addEnabled", "removeEnabled", "noneEnabled", "noneDisplay"}


def volumes():
    return slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")


def test_apply_waits_for_a_volume_and_says_so(panel, a_volume_node):
    assert not panel.ui.applyButton.enabled and "input volume" in panel.ui.applyButton.toolTip
    node = a_volume_node()
    panel.ui.inputSelector.setCurrentNode(node)
    assert panel._parameters.inputVolume is node and panel.ui.applyButton.enabled
    panel.ui.outputSelector.setCurrentNode(node)
    assert not panel.ui.applyButton.enabled and "is an input" in panel.ui.applyButton.toolTip
    panel.ui.outputSelector.setCurrentNode(None)
    panel.ui.factorBox.setValue(7.0)
    assert not panel.ui.applyButton.enabled and "outside the range" in panel.ui.applyButton.toolTip


def test_every_parameter_has_its_widget(panel):
    bound = {}
    for widget in vars(panel.ui).values():
        name = widget.property("SlicerParameterName")
        if name:
            assert name not in bound
            bound[name] = widget.name
        stray = {bytes(entry).decode() for entry in widget.dynamicPropertyNames()} - {"SlicerParameterName", "nodeTypes"}
        assert not {entry for entry in stray if not entry.startswith(("_q_", "showChild", "add", "remove", "none"))}, (
            widget.name
        )
    assert set(panel._parameters.allParameters) - set(bound) == {"model", "device", "zoneModel"}


def test_the_dial_moves_steps_and_samples_and_follows_them(panel, a_volume_node):
    panel.setInputVolume(a_volume_node())
    panel.ui.qualitySlider.setValue(2)
    assert (panel._parameters.steps, panel._parameters.samples) == (8, 1)
    panel.ui.uncertaintyBox.setChecked(True)
    assert (panel._parameters.steps, panel._parameters.samples) == (8, 4)
    panel.ui.stepsBox.setValue(4)
    assert panel.ui.qualitySlider.value == 1 and panel._parameters.steps == 4
    panel.ui.samplesBox.setValue(1)
    assert not panel.ui.uncertaintyBox.checked
    panel.ui.qualitySlider.setValue(0)
    assert panel._parameters.steps == 0


def test_a_click_restores_and_the_next_run_knows_its_time(panel, a_volume_node):
    panel.setInputVolume(a_volume_node())
    panel.ui.deviceBox.setCurrentIndex(panel.ui.deviceBox.findData("cpu"))
    panel.ui.modelBox.setCurrentIndex(panel.ui.modelBox.findData("fast"))
    assert panel.ui.expectedLabel.text == "" and panel._parameters.model == "fast"
    panel.ui.applyButton.click()
    assert panel.ui.applyButton.text == "Cancel" and not panel.ui.inputsSection.enabled
    wait_until(lambda: panel._run is None)
    assert panel.ui.applyButton.text == "Apply" and panel.ui.inputsSection.enabled
    assert [node.GetName() for node in volumes()] == ["t2", "t2 SR x2", "t2 SR x2 added detail"]
    assert "consistency" in panel.ui.statusLabel.text and "not for diagnosis" in panel.ui.statusLabel.text
    assert "Expected: about" in panel.ui.expectedLabel.text
    panel.ui.copyButton.click()
    import qt

    copied = qt.QApplication.clipboard().text()
    assert "PartialDiffusionSR" in copied and "Options" in copied


def test_a_second_click_cancels_and_leaves_the_scene_alone(panel, a_volume_node):
    panel.setInputVolume(a_volume_node())
    panel._parameters.steps, panel._parameters.device = 1000, "cpu"
    panel.ui.applyButton.click()
    wait_until(lambda: panel.ui.progressBar.maximum > 0 and panel.ui.progressBar.value > 0)
    assert "left" in panel.ui.statusLabel.text
    panel.ui.applyButton.click()
    wait_until(lambda: panel._run is None)
    assert "Cancelled" in panel.ui.statusLabel.text and len(volumes()) == 1
    assert panel.ui.applyButton.enabled and panel.ui.reportSection.collapsed


def test_a_killed_worker_leaves_the_panel_usable(panel, a_volume_node):
    panel.setInputVolume(a_volume_node())
    panel._parameters.steps, panel._parameters.batch, panel._parameters.device = 1000, 1, "cpu"
    panel.ui.applyButton.click()
    wait_until(lambda: panel.ui.progressBar.value > 0)
    os.killpg(panel._run._worker._process.pid, signal.SIGKILL)
    wait_until(lambda: panel._run is None)
    assert "memory" in panel.ui.statusLabel.text and len(volumes()) == 1
    assert not panel.ui.reportSection.collapsed
    panel._parameters.steps = 1
    panel.ui.applyButton.click()
    wait_until(lambda: panel._run is None)
    assert len(volumes()) == 3


def test_a_refused_volume_is_explained_at_once(panel, a_volume_node):
    panel.setInputVolume(a_volume_node(array=np.full((2, 40, 40), 3.0)))
    panel._parameters.device = "cpu"
    panel.ui.applyButton.click()
    wait_until(lambda: panel._run is None)
    assert "constant" in panel.ui.statusLabel.text and "Choose another" in panel.ui.statusLabel.text


def test_closing_the_scene_stops_the_run(panel, a_volume_node):
    panel.setInputVolume(a_volume_node())
    panel._parameters.steps = 1000
    panel.ui.applyButton.click()
    run = panel._run
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.StartCloseEvent)
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.EndCloseEvent)
    assert run.ended and run._worker._process.poll() is not None
    assert panel._run is None and panel._parameters is not None and not panel.ui.applyButton.enabled


def test_what_is_missing_is_explained_and_not_installed_without_asking(panel, a_volume_node, monkeypatch):
    from PartialDiffusionSRLib import dependencies

    panel.setInputVolume(a_volume_node())
    monkeypatch.setattr(dependencies, "torchIsThere", lambda: False)
    panel.ui.applyButton.click()
    assert panel._run is None and "PyTorch is not installed" in panel.ui.statusLabel.text


def test_a_volume_outside_the_models_experience_is_noted(panel, a_volume_node):
    panel.setInputVolume(a_volume_node())
    assert not panel.ui.suitabilityLabel.text
    panel.setInputVolume(a_volume_node(matrix=np.diag([0.2, 0.2, 3.0, 1.0])))
    assert "trained on" in panel.ui.suitabilityLabel.text


@pytest.mark.usefixtures("phantom_zoo")
def test_tasks_without_a_model_are_not_offered(panel, a_volume_node, tmp_path, monkeypatch):
    from PartialDiffusionSRLib import modelBox
    from PartialDiffusionSRLib.parameters import Mode
    from pdm_core.zoo import catalogue

    def hidden():
        return [panel.ui.modeBox.view().isRowHidden(row) for row in range(4)]

    assert hidden() == [False] * 4
    for suffix in (".json", ".safetensors"):
        shutil.copy(catalogue.BUNDLED / f"fast{suffix}", tmp_path)
    monkeypatch.setattr(catalogue, "BUNDLED", tmp_path)
    monkeypatch.setenv("PDM_ZOO", str(tmp_path / "empty"))
    modelBox.offerModes(panel.ui.modeBox)
    assert hidden() == [False, True, True, True]
    panel.setInputVolume(a_volume_node())
    # A scene that was saved where there was a model.
    panel._parameters.mode = Mode.THROUGH_PLANE
    assert not panel.ui.applyButton.enabled and "No through-plane model" in panel.ui.applyButton.toolTip


def test_the_task_decides_models_and_widgets(panel, a_volume_node):
    def models():
        return [panel.ui.modelBox.itemText(row) for row in range(panel.ui.modelBox.count)]

    def shown():
        between = [panel.ui.thicknessBox, panel.ui.profileBox, panel.ui.matchingBox, panel.ui.adaptBox]
        assert len({widget.isHidden() for widget in between}) == 1
        return [not widget.isHidden() for widget in (panel.ui.reachBox, *between[:2])]

    panel.setInputVolume(a_volume_node())
    panel.ui.modelBox.setCurrentIndex(panel.ui.modelBox.findData("fast"))
    assert "through_plane" not in models() and shown() == [False, False, False] and panel.ui.factorBox.enabled
    panel.ui.modeBox.setCurrentIndex(1)
    assert models() == ["automatic (through_plane)", "through_plane"] and shown() == [True, True, True]
    assert panel._parameters.model == "auto" and not panel.ui.factorBox.enabled and panel.ui.applyButton.enabled
    panel.ui.reachBox.setChecked(False)
    panel.ui.factorBox.setValue(1.2)
    assert "outside the range" in panel.ui.applyButton.toolTip
    panel.ui.modeBox.setCurrentIndex(2)
    assert models()[0] == "automatic (fast, through_plane)" and shown() == [False, True, True]
    assert panel.ui.factorBox.enabled and "model fast" in panel.ui.applyButton.toolTip


def test_a_click_restores_slices_and_the_next_run_knows_its_time(panel, a_volume_node):
    panel.setInputVolume(a_volume_node())
    panel.ui.deviceBox.setCurrentIndex(panel.ui.deviceBox.findData("cpu"))
    panel.ui.modeBox.setCurrentIndex(1)
    panel.ui.applyButton.click()
    wait_until(lambda: panel._run is None)
    assert "t2 SR through-plane" in [node.GetName() for node in volumes()], panel.ui.statusLabel.text
    assert "thickness is not known" in panel.ui.statusLabel.text and "Expected: about" in panel.ui.expectedLabel.text


def test_adapting_is_counted_apart_once_it_was_timed(panel, a_volume_node, monkeypatch):
    from PartialDiffusionSRLib import timings

    def expected():
        """Seconds that the panel reckons with, and the line that tells of what it does not know."""
        panel._update()
        first, *rest = panel.ui.expectedLabel.text.splitlines()
        return float(first.removeprefix("Expected: about ").split(" s,")[0]), rest

    records = []
    remember = timings.remember
    monkeypatch.setattr(timings, "remember", lambda record: (records.append(record), remember(record)))
    panel.setInputVolume(a_volume_node(shape=(3, 32, 32)))
    panel.ui.deviceBox.setCurrentIndex(panel.ui.deviceBox.findData("cpu"))
    panel.ui.modeBox.setCurrentIndex(1)
    panel.ui.adaptBox.setValue(2)
    assert panel.ui.expectedLabel.text.startswith("Adapting comes on top: 2 steps")
    for steps, notes in ((0, []), (2, ["Adapting comes on top: 2 steps, whose time here is known after a first run with it"])):
        panel.ui.adaptBox.setValue(steps)
        assert steps == 0 or expected()[1] == notes
        panel.ui.applyButton.click()
        wait_until(lambda: panel._run is None)
    run, adaptation = records[-1]["run"], records[-1]["adaptation"]
    assert 0 < adaptation["seconds"] < run["seconds"] and len(records) == 2, panel.ui.statusLabel.text
    monkeypatch.setattr(timings, "inWords", lambda seconds: f"{seconds:.6f} s")
    after = {}
    for steps in (0, 2, 6):
        panel.ui.adaptBox.setValue(steps)
        after[steps], notes = expected()
        assert notes == []
    # The pixels of a volume as small as this one are recorded to a few per cent.
    assert after[0] == pytest.approx(run["seconds"] - adaptation["seconds"], rel=0.1)
    assert after[2] - after[0] == pytest.approx(adaptation["seconds"], abs=1e-4)
    assert after[6] - after[0] == pytest.approx(3 * adaptation["seconds"], abs=1e-4)
    panel.ui.precisionBox.setCurrentIndex(1)
    panel._update()
    assert panel._parameters.precision.value == "float32" and "Expected" not in panel.ui.expectedLabel.text


def test_a_fall_back_to_the_cpu_is_said_before_the_run(panel, a_volume_node):
    panel.setInputVolume(a_volume_node())
    cpu = {"name": "cpu", "description": "2 threads"}
    panel._onDevices([cpu])
    assert "no GPU" in panel.ui.suitabilityLabel.text
    panel._onDevices([{"name": "cuda:0", "description": "a card", "free_bytes": 2**33, "total_bytes": 2**34}, cpu])
    assert not panel.ui.suitabilityLabel.text and "8.0 of 16.0 GB" in panel.ui.deviceBox.itemText(1)
    panel._parameters.device = "cuda:3"
    assert "no device cuda:3" in panel.ui.suitabilityLabel.text


def test_the_devices_come_from_the_worker(panel):
    panel._parameters.device = "cpu"
    panel.enter()
    wait_until(lambda: panel._devices)
    texts = [panel.ui.deviceBox.itemText(index) for index in range(panel.ui.deviceBox.count)]
    assert texts[0].startswith("automatic (") and any("threads" in text for text in texts)
    assert panel._parameters.device == "cpu" and panel.ui.deviceBox.currentData == "cpu"
    wait_until(lambda: not panel.logic._runs)


def test_parameters_out_of_range_cannot_be_set(panel):
    with pytest.raises(ValueError):
        panel._parameters.samples = 0
    with pytest.raises(InputError):
        panel.logic.process(None)


@pytest.mark.usefixtures("phantom_zoo")
@pytest.mark.parametrize("task", ["restoration", "zones"])
def test_the_panels_picture(task, panel, a_volume_node, tmp_path):
    """Saved in the folder that PDM_SCREENSHOT names, to be looked at; its size shows that everything is laid out."""
    panel.setInputVolume(a_volume_node(name="t2_tra"))
    panel._parameters.zones = True
    if task == "zones":
        panel.ui.modeBox.setCurrentIndex(3)
    panel.ui.advancedSection.collapsed = task == "restoration"
    panel.parent.resize(460, 720)
    panel.parent.show()
    slicer.app.processEvents()
    picture = Path(os.environ.get("PDM_SCREENSHOT", tmp_path)) / f"{task}.png"
    assert panel.parent.grab().save(str(picture)) and picture.stat().st_size > 10_000
