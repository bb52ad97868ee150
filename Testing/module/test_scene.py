"""The panel and the scenes that come and go: saved and loaded again, closed, with volumes in them that are none."""

import numpy as np
import pytest
import slicer


def saved(folder):
    """Save the scene with its volumes in a folder, as a `.mrml` file."""
    scene = slicer.mrmlScene
    scene.SetURL(str(folder / "scene.mrml"))
    scene.SetRootDirectory(str(folder))
    for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        node.AddDefaultStorageNode()
        node.GetStorageNode().SetFileName(str(folder / f"{node.GetName()}.nrrd"))
        assert node.GetStorageNode().WriteData(node)
    assert scene.Commit()


def closed():
    """Close the scene as Slicer does."""
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.StartCloseEvent)
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.EndCloseEvent)


def shown(ui):
    """What stands in the widgets that the panel binds by hand."""
    boxes = [box.currentData for box in (ui.modelBox, ui.zoneModelBox, ui.deviceBox)]
    return [*boxes, ui.qualitySlider.value, ui.uncertaintyBox.checked]


def test_a_loaded_scene_brings_its_settings_and_the_panel_shows_them(panel, a_volume_node, tmp_path):
    from PartialDiffusionSRLib.parameters import Mode

    settings = {"mode": Mode.THROUGH_PLANE, "model": "through_plane", "steps": 8, "samples": 5}
    settings |= {"device": "cpu", "zones": True, "zoneModel": "cat_net"}
    panel.setInputVolume(a_volume_node())
    for name, value in settings.items():
        setattr(panel._parameters, name, value)
    before = shown(panel.ui)
    assert before == ["through_plane", "cat_net", "cpu", 2, True]
    saved(tmp_path)
    closed()
    assert panel._parameters.inputVolume is None and panel._parameters.samples == 1
    assert shown(panel.ui) == ["auto", "auto", "auto", 0, False]
    assert slicer.mrmlScene.Import()
    assert panel._parameters.inputVolume.GetName() == "t2"
    assert {name: getattr(panel._parameters, name) for name in settings} == settings
    assert shown(panel.ui) == before and panel.ui.applyButton.enabled


def test_a_panel_that_opens_late_takes_the_settings_as_they_are(panel):
    from PartialDiffusionSR import PartialDiffusionSRWidget

    panel._parameters.steps, panel._parameters.samples = 8, 5
    late = PartialDiffusionSRWidget()
    late.setup()
    assert (late._parameters.steps, late._parameters.samples) == (8, 5)
    assert late.ui.uncertaintyBox.checked and late.ui.qualitySlider.value == 2
    late.cleanup()


def test_a_model_stays_until_the_task_is_not_its_own(panel):
    from PartialDiffusionSRLib.parameters import Mode

    panel._parameters.model = "base"
    for mode, kept in ((Mode.ZONES, "base"), (Mode.ISOTROPIC, "base"), (Mode.THROUGH_PLANE, "auto")):
        panel._parameters.mode = mode
        assert panel._parameters.model == kept == panel.ui.modelBox.currentData


@pytest.mark.parametrize("kind", ["vtkMRMLLabelMapVolumeNode", "vtkMRMLVectorVolumeNode"])
def test_the_first_volume_is_one_that_can_be_restored(kind, panel, a_volume_node):
    slicer.util.addVolumeFromArray(np.zeros((3, 40, 40), np.uint8), nodeClassName=kind)
    panel._follow(None)
    panel._follow(panel.logic.getParameterNode())
    assert panel._parameters.inputVolume is None and not panel.ui.applyButton.enabled
    node = a_volume_node()
    panel._follow(None)
    panel._follow(panel.logic.getParameterNode())
    assert panel._parameters.inputVolume is node


def test_a_card_that_cannot_be_read_is_named_and_takes_nothing_else_along(panel, a_volume_node, tmp_path, monkeypatch):
    from PartialDiffusionSR import PartialDiffusionSRWidget

    (tmp_path / "torn.json").write_text('{"name": "to')
    monkeypatch.setenv("PDM_ZOO", str(tmp_path))
    a_volume_node()
    other = PartialDiffusionSRWidget()
    other.setup()
    other.enter()
    assert not other.ui.applyButton.enabled and "torn.json cannot be read" in other.ui.applyButton.toolTip
    assert "torn.json cannot be read" in other.ui.suitabilityLabel.text and not other.ui.suitabilityLabel.isHidden()
    (tmp_path / "torn.json").unlink()
    other.enter()
    assert other.ui.applyButton.enabled and other.ui.modelBox.count > 2
    other.cleanup()


def test_long_names_of_models_and_devices_do_not_widen_the_panel(panel):
    from PartialDiffusionSR import PartialDiffusionSRWidget

    panel._parameters.device = panel._parameters.zoneModel = "a_name_that_somebody_else_has_given_" * 4
    late = PartialDiffusionSRWidget()
    late.setup()
    assert late.ui.deviceBox.currentText.endswith("(not here)")
    for box in (late.ui.deviceBox, late.ui.zoneModelBox):
        assert box.minimumSizeHint.width() < 250
    late.cleanup()
