"""From images to a model and from a model to its student by clicks, and the curves on the way."""

import json

import pytest
import slicer
from host.training import charts, choose, choose_training, ended


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
