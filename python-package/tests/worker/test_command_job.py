"""Commands of `pdm-sr` in the worker: prepared and trained as on the command line, stopped by a file, gone on with."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from pdm_core import Volume, write_volume
from pdm_core.worker import WorkerProcess

RECIPE = {
    "name": "small", "network": {"preset": "fast", "channels": [16, 32], "blocks": 1, "detail": 8}, "crop": 32, "batch": 2,
    "factors": [1.5, 2.0], "iterations": 100_000, "validate_every": 100_000, "warmup": 2,
    "card": {"title": "t", "purpose": "p", "licence": "l", "data": [{"name": "n"}], "contrasts": ["c"]},
}  # fmt: skip


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Three patients with one small volume each."""
    root = tmp_path_factory.mktemp("studies")
    for number in range(3):
        (root / f"p{number}").mkdir()
        array = np.random.default_rng(number).random((3, 64, 64)).astype(np.float32)
        array[:, 10:50, 12:52] += 3
        write_volume(Volume(array, np.eye(4)), root / f"p{number}" / "t2.nii.gz")
    return root


@pytest.fixture(scope="module")
def dataset(studies, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    events = followed(WorkerProcess(prepare_job(studies, folder), {}))
    assert events[-1]["event"] == "result" and events[-1]["taken"] == 3, events[-1]
    assert {event["stage"] for event in events[:-1]} == {"looking through folders", "reading volumes"}
    return folder


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(RECIPE))
    return path


def prepare_job(studies, folder):
    words = ["prepare", str(studies), "-o", str(folder), "--min-slices", "3", "--min-matrix", "32", "--include", "t2"]
    return {"task": "command", "words": words}


def train_job(recipe, run, dataset):
    words = ["train", str(recipe), "-o", str(run), "--data", str(dataset), "--device", "cpu", "--threads", "1"]
    return {"task": "command", "words": words}


def followed(worker, stop_when=lambda event: False, limit_s=120.0):
    """All events; the worker is asked to stop at the first for which `stop_when` holds."""
    events, deadline, asked = [], time.monotonic() + limit_s, False
    try:
        while not worker.ended:
            assert time.monotonic() < deadline, worker.log
            for event in worker.poll():
                events.append(event)
                if not asked and stop_when(event):
                    worker.cancel()
                    asked = True
            time.sleep(0.02)
    finally:
        worker.close()
    return events


def step_of(run):
    return json.loads((run / "state.json").read_text())["step"]


def test_a_stopped_training_keeps_its_checkpoint_and_goes_on(dataset, recipe, tmp_path):
    run = tmp_path / "run"
    job = train_job(recipe, run, dataset)
    events = followed(WorkerProcess(job, {}), lambda event: event["event"] == "progress" and event["step"] >= 5)
    assert events[-1]["kind"] == "cancelled", events[-2:]
    assert f"go on from step {step_of(run)}" in events[-1]["hint"]
    assert any(event["event"] == "warning" and "checkpoint" in event["message"] for event in events)
    first = step_of(run)
    assert first >= 5 and json.loads((run / "state.json").read_text()) == {"name": "small", "step": first, "of": 100_000}
    events = followed(WorkerProcess(job, {}), lambda event: event["event"] == "progress" and event["step"] >= first + 3)
    assert next(event for event in events if event["event"] == "progress")["step"] == first
    assert step_of(run) >= first + 3


def test_a_training_that_nobody_listens_to_any_more_stops_with_a_checkpoint(dataset, recipe, tmp_path):
    run, path = tmp_path / "run", tmp_path / "job.json"
    path.write_text(json.dumps(train_job(recipe, run, dataset)))
    process = subprocess.Popen([sys.executable, "-m", "pdm_core.worker", str(path)], stdout=subprocess.PIPE)
    while json.loads(process.stdout.readline()).get("step", 0) < 2:
        pass
    process.stdout.close()
    assert process.wait(60) == 130
    assert step_of(run) >= 2 and (run / "checkpoint.pt").is_file()


def test_a_stopped_preparation_keeps_what_it_has_read(tmp_path):
    table = tmp_path / "table.csv"
    for number in range(100):
        write_volume(Volume(np.random.default_rng(number).random((3, 64, 64)), np.eye(4)), tmp_path / f"t2_{number}.nii.gz")
    table.write_text("image,patient\n" + "".join(f"t2_{number}.nii.gz,p{number}\n" for number in range(100)))
    job = prepare_job(table, tmp_path / "d")
    stopped = followed(WorkerProcess(job, {}), lambda event: event.get("stage") == "reading volumes" and event["step"] > 2)
    assert stopped[-1]["kind"] == "cancelled" and "Run it again to go on" in stopped[-1]["hint"]
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "d" / "volumes").glob("*.npy")}
    assert 2 < len(kept) < 100
    assert followed(WorkerProcess(job, {}))[-1]["taken"] == 100
    again = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "d" / "volumes").glob("*.npy")}
    assert len(again) == 100 and kept.items() <= again.items()


def test_a_wish_before_the_command_can_hear_it_ends_it_at_once(dataset, recipe, tmp_path):
    worker = WorkerProcess(train_job(recipe, tmp_path / "run", dataset), {})
    worker.cancel()
    events = followed(worker)
    assert events[-1]["kind"] == "cancelled" and len(events) < 20


@pytest.mark.parametrize(
    ("words", "kind", "reason"),
    [
        ([], "input", "names no command"),
        ("train", "input", "names no command"),
        (["train", 3], "input", "names no command"),
        (["cook"], "input", "invalid choice: 'cook'"),
        (["train", "fast", "-o", "run"], "input", "--data"),
        (["converge", "nowhere", "-o", "k"], "input", "nowhere"),
    ],
)
def test_what_cannot_be_is_one_error_event(words, kind, reason, tmp_path):
    (event,) = followed(WorkerProcess({"task": "command", "words": words}, {}, folder=tmp_path))
    assert (event["event"], event["kind"]) == ("error", kind) and reason in event["message"]
