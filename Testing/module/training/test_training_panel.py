"""The training panel from its .ui: its widgets, what it says is missing, the commands behind it, and its picture."""

import json
import os
from pathlib import Path

import slicer
from host.training import choose


def test_every_parameter_has_its_widget(panel):
    bound = [name for widget in vars(panel.ui).values() if (name := widget.property("SlicerParameterName"))]
    by_hand = {"recipe", "device", *panel._paths}
    assert len(set(bound)) == len(bound) and not set(bound) & by_hand
    assert set(bound) | by_hand == set(panel._parameters.allParameters)
    for name, value in {"source": "/a", "dataset": "/b", "recipeFile": "/c", "run": "/d"}.items():
        choose(panel, **{name: value})
        assert getattr(panel._parameters, name) == value
        setattr(panel._parameters, name, "")
        assert panel._paths[name].currentPath == ""
        choose(panel, **{name: value})
        choose(panel, **{name: ""})
        assert getattr(panel._parameters, name) == ""
    panel.ui.recipeBox.setCurrentIndex(panel.ui.recipeBox.findData("base"))
    assert panel._parameters.recipe == "base" and not panel.ui.recipeFilePath.enabled
    panel.ui.recipeBox.setCurrentIndex(panel.ui.recipeBox.findData("file"))
    assert panel.ui.recipeFilePath.enabled


def test_start_says_what_is_missing(panel, dataset, tmp_path):
    from PDMTrainingLib.parameters import RECIPE_FILE, Step

    def says():
        assert not panel.ui.startButton.enabled
        return panel.ui.startButton.toolTip

    assert "folder of the images" in says()
    choose(panel, source=tmp_path / "nowhere")
    assert "nowhere does not exist" in says()
    choose(panel, source=tmp_path)
    assert "folder for the dataset" in says()
    choose(panel, dataset=tmp_path / "d")
    assert panel.ui.startButton.enabled
    for step in (Step.CONVERGE, Step.TRAIN, Step.DISTILL):
        choose(panel, step=step)
        assert "no dataset yet" in says()
    choose(panel, dataset=dataset)
    assert "folder for the run" in says() and "folder for the run" in panel.ui.addButton.toolTip
    choose(panel, run=tmp_path / "r", recipe=RECIPE_FILE)
    assert "recipe file" in says() and "no finished model" in panel.ui.addButton.toolTip
    assert not panel.ui.addButton.enabled
    assert not panel.ui.openButton.enabled and "no report yet" in panel.ui.openButton.toolTip
    assert not panel.ui.curvesButton.enabled and "no curves yet" in panel.ui.curvesButton.toolTip


def test_each_action_is_a_command_of_pdm_sr(panel, dataset, tmp_path):
    from pdm_core.cli.main import _parser
    from PDMTrainingLib.actions import ACTIONS, ADD
    from PDMTrainingLib.parameters import Step

    choose(panel, source=tmp_path, include="t2, tra", dataset=dataset, run=tmp_path / "r", recipe="base")
    words = {step: action.words(panel._parameters) for step, action in ACTIONS.items()}
    assert words[Step.PREPARE] == ["prepare", str(tmp_path), "-o", str(dataset), "--include", "t2", "tra"]
    assert words[Step.DISTILL] == ["distill", *words[Step.TRAIN][1:]]
    for known in (*words.values(), ADD.words(panel._parameters)):
        assert _parser().parse_args([*known, "--progress", "json"]).progress == "json"


def test_the_files_have_the_names_that_the_core_gives_them():
    from pdm_core.training import converge, journal, loop
    from pdm_core.training.dataset import index, report
    from PDMTrainingLib import files

    assert (files.HISTORY, files.STATE, files.PAGE) == (loop.HISTORY, loop.STATE, journal.PAGE)
    assert (files.INDEX, files.REPORT, files.PICTURE) == (index.INDEX, report.REPORT, converge.PICTURE)


def test_what_is_missing_is_explained_and_not_installed_without_asking(panel, tmp_path, monkeypatch):
    from PartialDiffusionSRLib import dependencies

    choose(panel, source=tmp_path, dataset=tmp_path / "d")
    monkeypatch.setattr(dependencies, "_isInstalled", lambda package: package != "matplotlib")
    panel.ui.startButton.click()
    assert panel._run is None and "missing: matplotlib>=3.8" in panel.ui.statusLabel.text
    monkeypatch.setattr(dependencies, "torchIsThere", lambda: False)
    panel.ui.startButton.click()
    assert "PyTorch is not installed" in panel.ui.statusLabel.text


def test_the_panels_picture(panel, dataset, tmp_path):
    """Saved where PDM_SCREENSHOT_TRAINING says, to be looked at; its size shows that everything is laid out."""
    from PDMTrainingLib.parameters import Step

    run = tmp_path / "run"
    run.mkdir()
    (run / "state.json").write_text(json.dumps({"name": "prostate", "step": 2400, "of": 5000}))
    choose(panel, source="/data/studies", include="t2", dataset=dataset, run=run, step=Step.TRAIN)
    panel._parameters.dataset, panel._parameters.run = str(dataset), str(run)
    panel.parent.resize(460, 560)
    panel.parent.show()
    slicer.app.processEvents()
    for name, text in {"datasetPath": "/data/dataset", "runPath": "/data/runs/prostate"}.items():
        widget = getattr(panel.ui, name)
        widget.blockSignals(True)
        widget.currentPath = text
    picture = Path(os.environ.get("PDM_SCREENSHOT_TRAINING", tmp_path / "panel.png"))
    assert panel.parent.grab().save(str(picture)) and picture.stat().st_size > 10_000


def test_the_boxes_follow_a_scene_that_is_loaded(panel, tmp_path):
    def shown():
        return panel.ui.recipeBox.currentData, panel.ui.deviceBox.currentData, panel._paths["run"].currentPath

    panel._parameters.recipe, panel._parameters.device, panel._parameters.run = "base", "cpu", "/runs/mine"
    assert shown() == ("base", "cpu", "/runs/mine")
    slicer.mrmlScene.SetURL(str(tmp_path / "scene.mrml"))
    assert slicer.mrmlScene.Commit()
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.StartCloseEvent)
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.EndCloseEvent)
    assert shown() == ("fast", "auto", "")
    assert slicer.mrmlScene.Import()
    assert shown() == ("base", "cpu", "/runs/mine")


def test_a_start_that_fails_is_told(panel, tmp_path, monkeypatch):
    def broken(*arguments, **options):
        raise ValueError("an odd thing")

    choose(panel, source=tmp_path, dataset=tmp_path / "d")
    monkeypatch.setattr(panel.logic, "process", broken)
    panel.ui.startButton.click()
    assert "an odd thing" in panel.ui.statusLabel.text and panel.ui.startButton.text == "Start"
