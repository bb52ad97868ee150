"""Runs that are stopped, killed, or left behind by a scene or a Slicer that closes: they go on where they were."""

import os
import signal

import slicer
from host.training import begun, charts, choose, choose_training, ended, ended_at, step_of

LONG = {"iterations": 100_000, "validate_every": 4}


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
