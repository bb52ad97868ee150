"""Several batches in one folder of results: one whole report, no result of another input replaced, no work done twice."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from filelock import FileLock

from pdm_core import Volume, read_volume, write_volume
from pdm_core.cli.main import main
from pdm_core.pipeline.batch_report import BatchReport, CaseReport

pytestmark = pytest.mark.usefixtures("tiny_zoo")
TINY = ["--model", "tiny", "--device", "cpu", "--steps", "1"]


def a_volume(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    return write_volume(Volume(100 * random.random((2, 40, 36)), np.diag([1, 1, 3, 1])), path)


def batch(*words):
    return main(["batch", *map(str, words), *TINY])


def started(*words):
    command = [sys.executable, "-m", "pdm_core", "batch", *map(str, words), *TINY]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


def rows(folder):
    with (folder / "report.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["case"] for row in table] == [row["case"] for row in json.loads((folder / "report.json").read_text())]
    return table


def test_two_batches_at_once_give_one_whole_report(tmp_path):
    for number in range(6):
        a_volume(tmp_path / ("a" if number < 3 else "b") / f"case{number}.nii.gz", number)
    out = tmp_path / "out"
    processes = [started(tmp_path / name, "-o", out) for name in "ab"]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    assert [row["case"] for row in rows(out)] == [f"case{number}" for number in range(6)]
    assert {row["status"] for row in rows(out)} == {"done"}
    assert not list((out / "records").glob("case*.lock"))


def test_the_same_batch_twice_at_once_does_no_work_twice(tmp_path):
    for number in range(4):
        a_volume(tmp_path / "in" / f"case{number}.nii.gz", number)
    out = tmp_path / "out"
    said = [process.communicate()[0].decode() for process in [started(tmp_path / "in", "-o", out) for _ in range(2)]]
    done = sum(int(text.split(" done")[0].split()[-1]) for text in said if " done" in text)
    assert done == 4 and [row["case"] for row in rows(out)] == [f"case{number}" for number in range(4)]


def test_a_case_of_another_process_is_left_until_last(tmp_path):
    for number in range(3):
        a_volume(tmp_path / "in" / f"case{number}.nii.gz", number)
    out = tmp_path / "out"
    batch(tmp_path / "in", "-o", out, "--exclude", "case1", "case2")
    report, order = BatchReport(out), []
    with report.claim("case0_SRx2", wait=True) as held:
        assert held
        process = started(tmp_path / "in", "-o", out, "--progress", "json")
        for line in process.stdout:
            event = json.loads(line)
            order.append(event.get("stage", ""))
            if "case2" in order[-1]:
                break
    process.communicate()
    assert process.returncode == 0 and not any("case0" in stage for stage in order)
    assert {row["case"]: row["status"] for row in rows(out)} == {"case0": "kept", "case1": "done", "case2": "done"}


def test_a_result_of_another_input_is_not_replaced(tmp_path, monkeypatch, capsys):
    for number, folder in enumerate(("p1", "p2")):
        a_volume(tmp_path / folder / "t2.nii.gz", number)
    out = tmp_path / "out"
    # The same relative path names two files.
    monkeypatch.chdir(tmp_path / "p1")
    assert batch("t2.nii.gz", "-o", out) == 0
    first = (out / "t2_SRx2.nii.gz").read_bytes()
    monkeypatch.chdir(tmp_path / "p2")
    assert batch("t2.nii.gz", "-o", out) == 1
    assert batch("t2.nii.gz", "-o", out, "--suffix", ".nrrd") == 1
    assert "is the result of another input" in capsys.readouterr().err
    assert (out / "t2_SRx2.nii.gz").read_bytes() == first and not (out / "t2_SRx2.nrrd").exists()
    assert [(row["status"], "p1" in row["source"]) for row in rows(out)] == [("done", True), ("failed", False)]
    words = ["upsample", "t2.nii.gz", "-o", str(out / "t2_SRx2.nii.gz"), *TINY]
    assert main(words) == 2 and (out / "t2_SRx2.nii.gz").read_bytes() == first
    (out / "t2_SRx2.nii.gz").unlink()
    assert main(words) == 0


def test_a_moved_or_changed_input_is_the_same_one(tmp_path):
    path, out = a_volume(tmp_path / "p1" / "t2.nii.gz", 0), tmp_path / "out"
    assert batch(path, "-o", out) == 0
    (tmp_path / "p1").rename(tmp_path / "p2")
    moved = tmp_path / "p2" / "t2.nii.gz"
    assert batch(moved, "-o", out) == 0
    # One result, one row.
    assert [(row["status"], row["source"]) for row in rows(out)] == [("kept", str(moved))]
    os.remove(out / "t2_SRx2.nii.gz")
    assert batch(moved, "-o", out) == 0
    write_volume(read_volume(moved).with_array(read_volume(moved).array + 1), moved)
    assert batch(moved, "-o", out) == 0
    assert [row["status"] for row in rows(out)] == ["done"]


def a_report(case, status="done", **changes):
    return CaseReport(
        case, f"/in/{case}", status, **{"output": "", "message": "", "seconds": 1.0, "consistency_db": None, **changes}
    )


def test_the_report_is_made_of_the_records(tmp_path):
    report = BatchReport(tmp_path)
    for case in ("b", "a"):
        (tmp_path / f"{case}.nii.gz").touch()
        report.add(a_report(case, output=str(tmp_path / f"{case}.nii.gz")), "SRx2")
    report.add(a_report("c", "failed", message="damaged"), "SRx2")
    (tmp_path / "records" / "other.json").write_text("[1, 2]")
    (tmp_path / "records" / "cut.json").write_text('{"case": "a", ')
    report.write_tables()
    assert [(row["case"], row["status"]) for row in rows(tmp_path)] == [("a", "done"), ("b", "done"), ("c", "failed")]
    # What was removed has no row; what failed has one until it succeeds.
    (tmp_path / "a.nii.gz").unlink()
    (tmp_path / "c.nii.gz").touch()
    report.add(a_report("c", output=str(tmp_path / "c.nii.gz")), "SRx2")
    BatchReport(tmp_path).write_tables()
    assert [(row["case"], row["status"]) for row in rows(tmp_path)] == [("b", "done"), ("c", "done")]


def test_a_writer_of_the_report_waits_for_the_other(tmp_path):
    report = BatchReport(tmp_path)
    with FileLock(tmp_path / "records" / "report.lock"):
        program = (
            "import sys, pathlib; from pdm_core.pipeline.batch_report import BatchReport; "
            "BatchReport(pathlib.Path(sys.argv[1])).write_tables()"
        )
        process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=3)
        assert not (tmp_path / "report.csv").exists()
    assert process.wait(timeout=30) == 0 and rows(tmp_path) == []
    report.write_tables()
