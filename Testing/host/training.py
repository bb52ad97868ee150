"""The training panel driven as a user does: filled in, started, waited for."""

import json

import slicer

from host.waiting import wait_until


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


def ended_at(panel, run):
    ended(panel)
    return step_of(run)


def charts():
    return slicer.util.getNodesByClass("vtkMRMLPlotChartNode")
