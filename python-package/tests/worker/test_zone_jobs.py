"""Jobs for zones, as Slicer starts them: events, arrays, report; in a process of their own and in this one."""

import json
import subprocess
import sys

import numpy as np
import pytest

from pdm_core import Volume
from pdm_core.segmentation.zones import find_zones
from pdm_core.worker.jobs import main

MATRIX = [[-1.0, 0, 0, 30], [0, -1.0, 0, 30], [0, 0, 3.0, -30], [0, 0, 0, 1.0]]


@pytest.fixture
def a_job(tmp_path):
    array = np.random.default_rng(0).uniform(99, 101, (20, 60, 60)).astype(np.float32)
    array[5:15, 30:42, 15:45] = 400.0
    array[5:15, 12:30, 15:45] = 700.0
    np.save(tmp_path / "volume.npy", array)
    return {"volume": "volume.npy", "ijk_to_ras": MATRIX}


def run(folder, job, capsys):
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    code = main([str(folder / "job.json")])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_segmentation_alone(seeing, a_job, tmp_path, capsys):
    code, events = run(tmp_path, {**a_job, "task": "segment-zones", "device": "cpu"}, capsys)
    result = events[-1]
    assert code == 0 and result["event"] == "result"
    zones = np.load(tmp_path / result["zones"])
    expected = find_zones(Volume(np.load(tmp_path / "volume.npy"), np.array(MATRIX)), device="cpu")
    assert zones.dtype == np.uint8
    np.testing.assert_array_equal(zones, expected.labels.array)
    assert result["zone_report"] == expected.report and result["provenance"]["model"]["name"] == "seer"
    assert any(event["event"] == "warning" and "non-commercial" in event["message"] for event in events)
    assert any(event["event"] == "progress" and event["stage"] == "finding the zones" for event in events)


def test_a_restoration_with_zones_on_both_grids(seeing, a_job, tmp_path, capsys):
    options = {"model": "tiny", "factor": 2.0, "steps": 1, "device": "cpu"}
    job = {**a_job, "task": "super-resolve", "options": options, "zones": True, "zone_model": "seer"}
    code, events = run(tmp_path, job, capsys)
    result = events[-1]
    assert code == 0
    restored, zones, before = (np.load(tmp_path / result[name]) for name in ("volume", "zones", "zones_input"))
    assert zones.shape == restored.shape == (20, 120, 120) and before.shape == (20, 60, 60)
    assert zones.dtype == before.dtype == np.uint8 and set(np.unique(before)) == {0, 1, 2}
    assert result["zone_report"]["volumes_ml"]["gland"] > 5 and result["provenance"]["zones"]["model"]["name"] == "seer"


def test_without_zones_nothing_is_said_of_them(seeing, a_job, tmp_path, capsys):
    options = {"model": "tiny", "factor": 2.0, "steps": 1, "device": "cpu"}
    code, events = run(tmp_path, {**a_job, "task": "super-resolve", "options": options}, capsys)
    assert code == 0 and not {"zones", "zones_input", "zone_report"} & set(events[-1])


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"zone_model": "giant"}, 2, "no zone model 'giant'"),
        ({"device": "cuda:99"}, 3, "cuda:99"),
        ({"metadata": {"body_part": "HEAD"}}, 2, "body part HEAD"),
    ],
)
def test_failures_are_one_error_event(seeing, a_job, tmp_path, capsys, change, code, reason):
    returned, events = run(tmp_path, {**a_job, "task": "segment-zones", **change}, capsys)
    assert returned == code and events[-1]["event"] == "error" and reason in events[-1]["message"]
    assert not (tmp_path / "zones.npy").exists()


def test_a_process_of_its_own_hears_the_cancel_file(zone_zoo, a_job, tmp_path):
    (tmp_path / "job.json").write_text(json.dumps({**a_job, "task": "segment-zones", "device": "cpu", "zone_model": "seer"}))
    (tmp_path / "cancel").touch()
    done = subprocess.run(
        [sys.executable, "-m", "pdm_core.worker", str(tmp_path / "job.json")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert json.loads(done.stdout.splitlines()[-1])["kind"] == "cancelled"
