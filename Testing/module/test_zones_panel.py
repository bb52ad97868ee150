"""The panel's zones, driven by clicks: offered with their licence, found with a restoration and alone, cancelled."""

import shutil

import pytest
import slicer
from host.waiting import wait_until


@pytest.fixture
def phantom_panel(phantom_zoo, panel):
    """The panel, with the network for phantoms chosen for the zones and the small one for restorations."""
    panel.enter()
    panel._parameters.model, panel._parameters.device = "fast", "cpu"
    panel.ui.zoneModelBox.setCurrentIndex(panel.ui.zoneModelBox.findData(phantom_zoo.name))
    return panel


def choose_zones_only(panel):
    from PartialDiffusionSRLib.parameters import Mode

    panel.ui.modeBox.setCurrentIndex(list(Mode).index(Mode.ZONES))


def segmentations():
    return [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]


def hide_zone_models(monkeypatch, tmp_path):
    from pdm_core.zoo import catalogue

    for suffix in (".json", ".safetensors"):
        shutil.copy(catalogue.BUNDLED / f"fast{suffix}", tmp_path)
    monkeypatch.setattr(catalogue, "BUNDLED", tmp_path)
    monkeypatch.setenv("PDM_ZOO", str(tmp_path / "empty"))


def test_zones_are_offered_with_their_licence(phantom_panel, a_phantom_node):
    ui = phantom_panel.ui
    phantom_panel.setInputVolume(a_phantom_node())
    assert ui.zonesBox.enabled and not ui.zonesBox.checked and "CC BY-NC 4.0" in ui.zonesBox.toolTip
    assert ui.zoneModelBox.isHidden() and ui.licenceLabel.isHidden()
    ui.zonesBox.setChecked(True)
    assert phantom_panel._parameters.zones and not ui.zoneModelBox.isHidden()
    assert ui.zoneModelBox.currentData == "phantom" and "not for commercial use" in ui.licenceLabel.text
    assert ui.applyButton.enabled and ui.applyButton.toolTip == "Make the volume sharper"


def test_without_a_model_the_box_says_why(phantom_panel, a_phantom_node, monkeypatch, tmp_path):
    phantom_panel.setInputVolume(a_phantom_node())
    hide_zone_models(monkeypatch, tmp_path)
    phantom_panel.enter()
    ui = phantom_panel.ui
    phantom_panel._parameters.zoneModel = "auto"
    assert not ui.zonesBox.enabled and "No zone model is installed" in ui.zonesBox.toolTip
    # A scene that was saved where there was one.
    phantom_panel._parameters.zones = True
    assert ui.zonesBox.enabled and not ui.applyButton.enabled and "No zone model" in ui.applyButton.toolTip
    ui.zonesBox.setChecked(False)
    assert not ui.zonesBox.enabled and ui.applyButton.enabled


def test_a_click_restores_and_finds_the_zones(phantom_panel, a_phantom_node):
    node = a_phantom_node()
    phantom_panel.setInputVolume(node)
    phantom_panel.ui.zonesBox.setChecked(True)
    phantom_panel.ui.applyButton.click()
    wait_until(lambda: phantom_panel._run is None)
    ui = phantom_panel.ui
    assert segmentations() == ["t2 SR x2 zones", "t2 zones"], ui.statusLabel.text
    assert "Expected: about" in ui.expectedLabel.text
    assert "Peripheral zone 4.4 ml, Transition zone 0.5 ml, Prostate 4.9 ml" in ui.statusLabel.text
    assert "Note: The gland has 4.9 ml" in ui.statusLabel.text and "not for diagnosis" in ui.statusLabel.text
    assert "Zones: model phantom" in ui.logBox.plainText and "non-commercial use only" in ui.logBox.plainText
    assert slicer.util.getNodesByClass("vtkMRMLTableNode")[0].GetName() == "t2 SR x2 zones volumes"


def test_the_zones_alone(phantom_panel, a_phantom_node):
    node, ui = a_phantom_node(), phantom_panel.ui
    phantom_panel.setInputVolume(node)
    choose_zones_only(phantom_panel)
    hidden = (ui.factorBox, ui.modelBox, ui.qualitySlider, ui.outputSelector, ui.zonesBox, ui.stepsBox, ui.startShareBox)
    hidden += (ui.thicknessBox,)
    assert all(widget.isHidden() for widget in hidden)
    assert not any(widget.isHidden() for widget in (ui.zoneModelBox, ui.licenceLabel, ui.deviceBox, ui.hardenBox))
    assert ui.applyButton.enabled and ui.applyButton.toolTip == "Segment the zones" and not ui.expectedLabel.text
    ui.applyButton.click()
    assert ui.applyButton.text == "Cancel"
    wait_until(lambda: phantom_panel._run is None)
    assert segmentations() == ["t2 zones"] and len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 1
    assert ui.statusLabel.text.startswith("Peripheral zone 4.1 ml") and "Note: The gland has 4.7 ml" in ui.statusLabel.text
    assert not ui.overlayBox.enabled and "Expected: about" in ui.expectedLabel.text
    ui.modeBox.setCurrentIndex(0)
    assert not any(widget.isHidden() for widget in hidden[:-1]) and hidden[-1].isHidden()


def test_the_result_is_shown_in_3d(phantom_panel, a_phantom_node, monkeypatch):
    from PartialDiffusionSRLib import panel as module

    shown = []
    monkeypatch.setattr(module, "showZones", lambda *nodes: not shown.append(nodes))
    monkeypatch.setattr(module, "showComparison", lambda *nodes: not shown.append(nodes))
    node = a_phantom_node()
    phantom_panel.setInputVolume(node)
    choose_zones_only(phantom_panel)
    for expected in (1, 1):
        phantom_panel.ui.applyButton.click()
        wait_until(lambda: phantom_panel._run is None)
        assert len(shown) == expected and shown[0] == (node,)
        phantom_panel.ui.comparisonBox.setChecked(False)


def test_the_licence_is_asked_for_once_where_there_is_a_window(phantom_panel, a_phantom_node, monkeypatch):
    asked, answers = [], [False, True]
    monkeypatch.setattr(slicer.util, "mainWindow", lambda: phantom_panel.parent)
    monkeypatch.setattr(
        slicer.util, "confirmOkCancelDisplay", lambda text: asked.append(text) or answers.pop(0), raising=False
    )
    phantom_panel.setInputVolume(a_phantom_node())
    choose_zones_only(phantom_panel)
    phantom_panel.ui.applyButton.click()
    assert phantom_panel._run is None and "not agreed to" in phantom_panel.ui.statusLabel.text and not segmentations()
    for count in (1, 2):
        phantom_panel.ui.applyButton.click()
        wait_until(lambda: phantom_panel._run is None)
        assert len(segmentations()) == count, phantom_panel.ui.statusLabel.text
    assert len(asked) == 2 and "not for commercial use" in asked[0]


def test_cancel_and_scene_close_leave_nothing(phantom_panel, a_phantom_node):
    phantom_panel.setInputVolume(a_phantom_node())
    choose_zones_only(phantom_panel)
    phantom_panel.ui.applyButton.click()
    phantom_panel.ui.applyButton.click()
    wait_until(lambda: phantom_panel._run is None)
    assert "Cancelled" in phantom_panel.ui.statusLabel.text and not segmentations()
    phantom_panel.ui.applyButton.click()
    run = phantom_panel._run
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.StartCloseEvent)
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.EndCloseEvent)
    assert run.ended and not segmentations() and not run._worker.folder.exists()
    assert phantom_panel._parameters is not None and not phantom_panel.ui.applyButton.enabled
