"""The worker as Slicer starts it: a job file in, JSON lines and arrays out, in a process of its own."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from pdm_core import SuperResolutionOptions, Volume, super_resolve
from pdm_core.cli.failures import as_user_error
from pdm_core.pipeline.placement import measured_only, zero_filled

OBLIQUE = [[0.6, 0.1, 0.0, 5.0], [-0.1, -0.6, 0.0, 6.0], [0.0, 0.0, 3.0, -7.0], [0.0, 0.0, 0.0, 1.0]]


@pytest.fixture
def a_job(tmp_path, tiny_zoo):
    """A folder with a job for the tiny model; the name is one that a code page of the West cannot hold."""
    folder = tmp_path / "Lékař Ω 病院"
    folder.mkdir()
    array = np.random.default_rng(0).random((3, 40, 36)).astype(np.float32) * 500
    np.save(folder / "volume.npy", array)
    job = {
        "task": "super-resolve", "volume": "volume.npy", "ijk_to_ras": OBLIQUE,
        "options": {"model": "tiny", "factor": 2.0, "steps": 2, "device": "cpu"},
    }  # fmt: skip
    return folder, job


def run(folder, job, *, cancel_at_first_progress=False):
    path = folder / "job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    command = [sys.executable, "-m", "pdm_core.worker", str(path)]
    environment = {**os.environ, "PYTHONUTF8": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        events = []
        for line in process.stdout:
            events.append(json.loads(line))
            if cancel_at_first_progress and events[-1]["event"] == "progress":
                (folder / "cancel").touch()
        process.stderr.read()
    return process.returncode, events


def test_the_worker_gives_what_the_library_gives(a_job):
    folder, job = a_job
    job["options"] |= {"samples": 2, "steps": 3}
    code, events = run(folder, job)
    assert code == 0
    *before, result = events
    steps = [event["step"] for event in before if event["event"] == "progress"]
    assert steps == sorted(steps) and steps[-1] == before[-1]["of"] == 3 * 2 * 3
    assert result["event"] == "result"
    options = SuperResolutionOptions(**job["options"])
    expected = super_resolve(Volume(np.load(folder / "volume.npy"), np.array(OBLIQUE)), options)
    np.testing.assert_allclose(np.load(folder / result["volume"]), expected.volume.array, atol=1e-2)
    np.testing.assert_allclose(np.load(folder / result["uncertainty"]), expected.uncertainty.array, atol=1e-2)
    detail = expected.volume.array - zero_filled(Volume(np.load(folder / "volume.npy"), np.array(OBLIQUE)), 2.0).array
    np.testing.assert_allclose(np.load(folder / result["detail"]), detail, atol=1e-2)
    np.testing.assert_array_equal(result["ijk_to_ras"], expected.volume.ijk_to_ras)
    assert result["provenance"]["input"]["sha256"] == expected.provenance["input"]["sha256"]


def test_the_worker_adapts_a_model_and_says_how(a_job, both_zoo):
    folder, job = a_job
    job["options"] = {"mode": "through-plane", "factor": None, "steps": 1, "adapt": 2, "device": "cpu"}
    code, events = run(folder, job)
    assert code == 0 and {"adapting the model", "restoring"} <= {event.get("stage") for event in events}
    assert events[-1]["provenance"]["adaptation"]["steps"] == 2


def test_a_reference_measures_the_result(a_job):
    folder, job = a_job
    np.save(folder / "reference.npy", 500 * np.random.default_rng(1).random((3, 80, 72)).astype(np.float32))
    finer = np.array(OBLIQUE) @ np.diag([0.5, 0.5, 1.0, 1.0])
    job |= {"reference": "reference.npy", "reference_ijk_to_ras": finer.tolist()}
    code, events = run(folder, job)
    assert code == 0
    assert events[-1]["uncertainty"] is None
    assert 5 < events[-1]["quality"]["psnr_db"] < 15 and -0.5 < events[-1]["quality"]["ssim"] < 0.5
    np.save(folder / "reference.npy", np.random.default_rng(1).random((3, 80, 80)).astype(np.float32))
    code, events = run(folder, job)
    assert code == 2 and "72" in events[-1]["message"] and len(events) == 1


def test_a_reference_elsewhere_is_refused(a_job):
    folder, job = a_job
    np.save(folder / "reference.npy", np.random.default_rng(1).random((3, 80, 72)).astype(np.float32))
    code, events = run(folder, {**job, "reference": "reference.npy", "reference_ijk_to_ras": np.eye(4).tolist()})
    assert code == 2 and "mm" in events[-1]["message"] and len(events) == 1


def test_a_cancel_file_stops_the_work_without_a_result(a_job):
    folder, job = a_job
    job["options"]["steps"] = 1000
    code, events = run(folder, job, cancel_at_first_progress=True)
    assert code == 130
    assert events[-1]["event"] == "error" and events[-1]["kind"] == "cancelled"
    assert not (folder / "result.npy").exists()


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"options": {"model": "nobody"}}, 2, "nobody"),
        ({"options": {"factr": 2}}, 2, "factr"),
        ({"options": {"model": "tiny", "factor": 9}}, 2, "outside the range"),
        ({"options": {"model": "tiny", "device": "cuda:99"}}, 3, "cuda:99"),
        ({"task": "cook"}, 2, "no known task"),
        ({"volume": "gone.npy"}, 1, "gone.npy"),
        ({"ijk_to_ras": [[0] * 4] * 4}, 2, "affine"),
    ],
)
def test_every_failure_is_one_error_event_with_its_exit_code(a_job, change, code, reason):
    folder, job = a_job
    returned, events = run(folder, {**job, **change})
    assert returned == code
    errors = [event for event in events if event["event"] == "error"]
    assert len(errors) == 1 and reason in errors[0]["message"] and errors[0] == events[-1]


def test_the_devices_are_named(tmp_path):
    code, events = run(tmp_path, {"task": "devices"})
    assert code == 0
    assert "cpu" in [device["name"] for device in events[-1]["devices"]]


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (MemoryError(), "memory", "memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), "memory", "memory"),
        (RuntimeError("CUDA error: no kernel image is available for execution on the device\nmore"), "missing", "GPU"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "missing", "torch"),
        (OSError("[WinError 126] Error loading 'C:\\torch\\lib\\fbgemm.dll'"), "missing", "PyTorch"),
        (ModuleNotFoundError("No module named 'monai'", name="monai"), "missing", "monai"),
        (ZeroDivisionError("oh"), "error", "ZeroDivisionError"),
        (OSError(28, "No space left on device", "/d/x.npy"), "error", "disk is full"),
        (OSError(28, "No space left on device", "/torch/x.npy"), "error", "disk is full"),
    ],
)
def test_exceptions_become_what_a_user_can_act_on(error, kind, reason):
    told = as_user_error(error)
    assert told.kind == kind and reason in told.message
    assert told.hint


def test_a_library_that_torch_misses_need_not_bear_its_name():
    namespace = {"__name__": "torch.loading"}
    exec("def load(): raise ImportError('libcudart.so.12: cannot open shared object file')", namespace)
    with pytest.raises(ImportError) as raised:
        namespace["load"]()
    told = as_user_error(raised.value)
    assert told.kind == "missing" and "PyTorch cannot be loaded: libcudart" in told.message
    assert "Unexpected" in as_user_error(ImportError("libcudart.so.12: cannot open shared object file")).message


def test_slices_are_restored_and_measured_on_their_own_grid(a_job, both_zoo):
    folder, job = a_job
    job["options"] = {"mode": "through-plane", "factor": 3.0, "steps": 1, "device": "cpu", "thickness_mm": 3.0}
    code, events = run(folder, job)
    assert code == 0
    result = events[-1]
    restored, added = np.load(folder / result["volume"]), np.load(folder / result["detail"])
    assert restored.shape == added.shape == (9, 40, 36)
    assert np.linalg.norm(np.array(result["ijk_to_ras"])[:3, 2]) == pytest.approx(1.0)
    options = SuperResolutionOptions(**job["options"])
    plain = measured_only(Volume(np.load(folder / "volume.npy"), np.array(OBLIQUE)), options)
    np.testing.assert_allclose(restored - added, plain.array, atol=1e-2)
    np.save(folder / "reference.npy", restored)
    job |= {"reference": "reference.npy", "reference_ijk_to_ras": result["ijk_to_ras"]}
    _, events = run(folder, job)
    assert events[-1]["quality"]["psnr_db"] > 100
    job["options"]["factor"] = 2.0
    _, events = run(folder, job)
    assert events[-1]["event"] == "error" and "the result will have (36, 40, 6)" in events[-1]["message"]
