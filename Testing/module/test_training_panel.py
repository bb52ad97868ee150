"""The training panel from its .ui, driven by clicks: from images to a model, stopped, killed, gone on with; its picture."""

import json
import os
import signal
from pathlib import Path

import pytest
import slicer
from host.waiting import wait_until

LONG = {"iterations": 100_000, "validate_every": 4}


@pytest.fixture
def settings(tmp_path):
    """A user's settings, empty."""
    import qt

    qt.QSettings.setPath(qt.QSettings.NativeFormat, qt.QSettings.UserScope, str(tmp_path / "settings"))
    qt.QCoreApplication.setOrganizationName("test")
    qt.QCoreApplication.setApplicationName("training")
    qt.QSettings().clear()


@pytest.fixture
def panels(scene, settings):
    """Makes the widget as Slicer does; each one is that of another session."""
    from PDMTraining import PDMTrainingWidget

    made = []

    def make():
        slicer.mrmlScene.Clear(0)
        made.append(PDMTrainingWidget())
        made[-1].setup()
        return made[-1]

    yield make
    for panel in made:
        panel.cleanup()


@pytest.fixture
def panel(panels):
    return panels()


def choose(panel, **values):
    """Fill in paths as a user does, and the rest."""
    for name, value in values.items():
        if name in panel._paths:
            panel._paths[name].currentPath = str(value)
        else:
            setattr(panel._parameters, name, value)


def choose_training(panel, dataset, run, recipe):
    from PDMTrainingLib.parameters import RECIPE_FILE, Step

    choose(panel, dataset=dataset, run=run, recipe=RECIPE_FILE, recipeFile=recipe, device="cpu", step=Step.TRAIN)


def step_of(run):
    return json.loads((run / "state.json").read_text())["step"]


def begun(panel, steps=2):
    """Start, wait for some steps, and return the step that the run began or went on from.

    The bar shows the last of what one look at the worker has brought, which on a busy machine is several steps: they are
    counted where they come in.
    """
    reached = []
    show = panel.report.progress
    panel.report.progress = lambda event: (reached.append(event["step"]), show(event))
    panel.ui.startButton.click()
    assert panel.ui.startButton.text == "Stop", panel.ui.statusLabel.text
    wait_until(lambda: panel._run is None or (reached and reached[-1] >= reached[0] + steps))
    panel.report.progress = show
    assert panel._run is not None, panel.ui.logBox.plainText
    return reached[0]


def ended(panel):
    wait_until(lambda: panel._run is None)
    return panel.ui.statusLabel.text


def charts():
    return slicer.util.getNodesByClass("vtkMRMLPlotChartNode")


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


def test_from_images_to_a_model_by_clicks(panel, studies, a_recipe, tmp_path, monkeypatch):
    import qt

    from PDMTrainingLib.parameters import Step

    opened = []
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", opened.append)
    monkeypatch.setattr(slicer.app, "layoutManager", lambda: object())
    monkeypatch.setenv("PDM_ZOO", str(tmp_path / "zoo"))
    dataset, run = tmp_path / "Lékař Ω" / "d", tmp_path / "Lékař Ω" / "r"

    choose(panel, source=studies, dataset=dataset, include="t2")
    panel.ui.startButton.click()
    assert panel.ui.startButton.text == "Stop" and not panel.ui.dataSection.enabled
    assert "3 volumes of 3 patients" in ended(panel)
    panel.ui.openButton.click()
    assert opened[-1].toLocalFile() == str(dataset / "report.html")

    choose(panel, step=Step.CONVERGE)
    panel.ui.startButton.click()
    assert "K = " in ended(panel)
    panel.ui.openButton.click()
    assert opened[-1].toLocalFile() == str(dataset / "convergence" / "convergence.png")

    choose_training(panel, dataset, run, a_recipe(iterations=60, validate_every=30))
    panel.ui.startButton.click()
    assert "trained. Use it" in ended(panel) and "small is trained" in panel.ui.stateLabel.text
    panel.ui.openButton.click()
    assert opened[-1].toLocalFile() == str(run / "curves.html")
    (chart,) = charts()
    columns = [chart.GetNthPlotSeriesNode(index).GetYColumnName() for index in range(chart.GetNumberOfPlotSeriesNodes())]
    assert columns == ["loss", "psnr_gain_x2"]
    values = chart.GetNthPlotSeriesNode(1).GetTableNode().GetTable()
    history = json.loads((run / "history.json").read_text())
    for row, record in enumerate(history):
        for column, value in record.items():
            assert values.GetValueByName(row, column).ToDouble() == pytest.approx(value)
    assert values.GetNumberOfRows() == len(history) == 2
    assert slicer.app.applicationLogic().GetSelectionNode().GetActivePlotChartID() == chart.GetID()

    assert panel.ui.addButton.enabled
    panel.ui.addButton.click()
    assert "small is added" in ended(panel)
    assert (tmp_path / "zoo" / "small.safetensors").is_file()
    panel.ui.copyButton.click()
    assert "pdm-sr models add" in qt.QApplication.clipboard().text()


def test_from_a_model_to_its_student_by_clicks(panel, dataset, a_recipe, tmp_path, monkeypatch):
    from PDMTrainingLib.parameters import Step

    monkeypatch.setattr(slicer.app, "layoutManager", lambda: object())
    monkeypatch.setenv("PDM_ZOO", str(tmp_path / "zoo"))
    teacher, run = tmp_path / "Lékař Ω" / "teacher", tmp_path / "Lékař Ω" / "student"
    choose_training(panel, dataset, teacher, a_recipe(iterations=60, validate_every=60))
    panel.ui.startButton.click()
    assert "trained. Use it" in ended(panel)

    choose(panel, run=run, step=Step.DISTILL)
    panel.ui.startButton.click()
    assert "names no teacher" in ended(panel) and "distillation:" in panel.ui.statusLabel.text and not run.exists()
    assert not panel.ui.addButton.enabled and panel.ui.startButton.enabled

    lesson = {"teacher": str(teacher / "small.json"), "steps": 2, "scales": 6}
    student = {"name": "pupil", "loss": "mse", "learning_rate": 1e-4, "iterations": 4, "validate_every": 2}
    choose(panel, recipeFile=a_recipe("student.json", distillation=lesson, **student))
    panel.ui.startButton.click()
    assert "trained. Use it" in ended(panel) and "pupil is trained: add it" in panel.ui.stateLabel.text
    assert [chart.GetName() for chart in charts()] == ["Training of teacher", "Training of student"]
    values = charts()[1].GetNthPlotSeriesNode(0).GetTableNode().GetTable()
    assert values.GetNumberOfRows() == len(json.loads((run / "history.json").read_text())) == 2

    panel.ui.addButton.click()
    assert "pupil is added" in ended(panel)
    card = json.loads((tmp_path / "zoo" / "pupil.json").read_text())
    methods = {row["method"] for row in card["quality"]["in_plane"]}
    assert card["method"] == "consistency" and {"pupil, 1 step", "pupil, 2 steps", "small, 1 step"} <= methods


def test_the_chart_of_a_zone_run_shows_its_dice_coefficients(scene, tmp_path):
    from PDMTrainingLib.curves import Curves

    measures = {"dice_pz": 0.5, "dice_tz": 0.75, "dice_gland": 0.8}
    (tmp_path / "history.json").write_text(json.dumps([{"step": 10, "loss": 1.5, **measures}]))
    assert Curves(tmp_path).refresh()
    (chart,) = charts()
    series = [chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes())]
    assert [one.GetYColumnName() for one in series] == ["loss", *measures]
    assert [one.GetName() for one in series] == ["loss", "Dice, peripheral zone", "Dice, transition zone", "Dice, gland"]


def test_a_stopped_run_goes_on_and_a_killed_one_too_but_not_with_another_recipe(panel, dataset, a_recipe, tmp_path):
    run = tmp_path / "run"
    choose_training(panel, dataset, run, a_recipe(**LONG))
    begun(panel, steps=5)
    assert "left" in panel.ui.statusLabel.text and "crops/s" in panel.ui.statusLabel.text
    panel.ui.startButton.click()
    assert f"go on from step {ended_at(panel, run)}" in panel.ui.statusLabel.text and panel.ui.reportSection.collapsed
    assert f"interrupted at step {step_of(run)} of 100000: Start goes on" in panel.ui.stateLabel.text
    assert charts()

    stopped = step_of(run)
    assert begun(panel) == stopped
    os.killpg(panel._run._worker._process.pid, signal.SIGKILL)
    assert "ended from outside" in ended(panel) and not panel.ui.reportSection.collapsed
    assert panel.ui.startButton.enabled and panel.ui.startButton.text == "Start"
    assert begun(panel) >= stopped
    panel.ui.startButton.click()
    assert ended_at(panel, run) > stopped
    assert len(charts()) == 1

    before = (run / "checkpoint.pt").read_bytes()
    choose(panel, recipeFile=a_recipe("other.json", **LONG, learning_rate=1e-3))
    panel.ui.startButton.click()
    assert "different" in ended(panel) and "learning_rate" in panel.ui.statusLabel.text
    assert (run / "checkpoint.pt").read_bytes() == before


def ended_at(panel, run):
    ended(panel)
    return step_of(run)


def test_closing_slicer_or_the_scene_does_not_lose_the_run(panels, dataset, a_recipe, tmp_path):
    run = tmp_path / "run"
    panel = panels()
    choose_training(panel, dataset, run, a_recipe(**LONG))
    begun(panel)
    worker = panel._run._worker
    callback = [callback for signal_, callback in slicer.app.startupCallbacks if signal_ == "aboutToQuit()"][-1]
    callback()
    assert worker._process.poll() is not None and not worker.folder.exists()
    first = step_of(run)

    panel = panels()
    assert panel._paths["run"].currentPath == str(run)
    assert f"interrupted at step {first} of 100000" in panel.ui.stateLabel.text
    assert begun(panel) == first
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.StartCloseEvent)
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.EndCloseEvent)
    assert f"go on from step {ended_at(panel, run)}" in panel.ui.statusLabel.text
    assert step_of(run) > first and not charts()
    assert panel.ui.startButton.enabled and panel._parameters.run == str(run)


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
