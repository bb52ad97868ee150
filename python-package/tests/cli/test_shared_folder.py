"""Several batches in one folder of results: one whole report, no result of another input replaced, no work done twice."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from filelock import FileLock

from pdm_core import InputError, Volume, read_volume, write_volume
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
    plain = {"source": f"/in/{case}", "output": "", "message": "", "seconds": 1.0, "consistency_db": None}
    return CaseReport(**{"case": case, "status": status, **plain, **changes})


def test_the_report_is_made_of_the_records(tmp_path):
    report = BatchReport(tmp_path)
    for case in ("b", "a"):
        (tmp_path / f"{case}.nii.gz").touch()
        report.add(a_report(case, output=str(tmp_path / f"{case}.nii.gz")), "SRx2")
    source = tmp_path / "c.in"
    source.touch()
    report.add(a_report("c", "failed", message="damaged", source=str(source)), "SRx2")
    (record,) = (json.loads(path.read_text()) for path in (tmp_path / "records").glob("a.nii.gz-*.json"))
    odd = ("[1, 2]", '{"case": "a", ', "[" * 100_000, json.dumps({**record, "output": "/etc/passwd"}),
           json.dumps({**record, "output": 5}), json.dumps({**record, "case": None}))  # fmt: skip
    for number, text in enumerate(odd):
        (tmp_path / "records" / f"{number}.json").write_text(text)
    report.write_tables()
    assert [(row["case"], row["status"]) for row in rows(tmp_path)] == [("a", "done"), ("b", "done"), ("c", "failed")]
    # What was removed has no row; what failed has one until it succeeds.
    (tmp_path / "a.nii.gz").unlink()
    (tmp_path / "c.nii.gz").touch()
    report.add(a_report("c", output=str(tmp_path / "c.nii.gz"), source=str(source)), "SRx2")
    BatchReport(tmp_path).write_tables()
    assert [(row["case"], row["status"]) for row in rows(tmp_path)] == [("b", "done"), ("c", "done")]
    # A failure does not hide the result of an earlier run, and is forgotten with its input.
    report.add(a_report("c", "failed", message="full", source=str(source)), "SRx2")
    report.write_tables()
    assert [(row["case"], row["status"]) for row in rows(tmp_path)][1:] == [("c", "done"), ("c", "failed")]
    source.unlink()
    report.write_tables()
    assert [(row["case"], row["status"]) for row in rows(tmp_path)] == [("b", "done"), ("c", "done")]


def test_a_report_that_cannot_be_written_does_not_stop_the_work(tmp_path):
    a_volume(tmp_path / "in" / "a.nii.gz", 0), a_volume(tmp_path / "in" / "b.nii.gz", 1)
    (tmp_path / "out" / "report.csv").mkdir(parents=True)
    assert batch(tmp_path / "in", "-o", tmp_path / "out") == 1
    assert len(list((tmp_path / "out").glob("*_SRx2.nii.gz"))) == 2
    (tmp_path / "out" / "report.csv").rmdir()
    assert batch(tmp_path / "in", "-o", tmp_path / "out") == 0 and len(rows(tmp_path / "out")) == 2


def test_names_with_line_breaks_stay_in_their_row(tmp_path):
    for name in ("a\rb.nii.gz", "a\nc.nii.gz", 'a",d.nii.gz'):
        try:
            a_volume(tmp_path / "in" / name, len(name))
        except (OSError, InputError):
            pytest.skip("this disk takes no such names")
    batch(tmp_path / "in", "-o", tmp_path / "out")
    assert len(rows(tmp_path / "out")) == 3


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


def test_an_input_of_the_batch_is_not_replaced_by_a_result(tmp_path, capsys):
    a_volume(tmp_path / "v.nii.gz", 0), a_volume(tmp_path / "v_SRx2.nii.gz", 1)
    before = (tmp_path / "v_SRx2.nii.gz").read_bytes()
    assert batch(tmp_path / "v.nii.gz", tmp_path / "v_SRx2.nii.gz", "-o", tmp_path) == 1
    assert "is an input of this batch" in capsys.readouterr().err
    assert (tmp_path / "v_SRx2.nii.gz").read_bytes() == before


def test_companions_of_another_input_are_not_replaced(tmp_path, capsys):
    one, other = (str(a_volume(tmp_path / f"{name}.nii.gz", number)) for number, name in enumerate("ab"))
    first, second = str(tmp_path / "first.nii.gz"), str(tmp_path / "second.nii.gz")
    assert main(["upsample", one, "-o", first, *TINY]) == 0
    twice = ["--samples", "2", "--uncertainty"]
    before = (tmp_path / "first.nii.gz").read_bytes()
    assert main(["upsample", other, "-o", second, *TINY, *twice, first]) == 2
    assert "is the result of another input" in capsys.readouterr().err
    assert (tmp_path / "first.nii.gz").read_bytes() == before
    assert main(["upsample", one, "-o", first, *TINY, *twice, str(tmp_path / "spread.nii.gz")]) == 0
    assert main(["upsample", other, "-o", str(tmp_path / "spread.nii.gz"), *TINY]) == 2


def test_companions_of_an_earlier_image_go_with_it(tmp_path):
    path, out = a_volume(tmp_path / "t2.nii.gz", 0), tmp_path / "out"
    words = ["batch", str(path), "-o", str(out), "--model", "tiny", "--device", "cpu"]
    assert main([*words, "--samples", "2", "--steps", "3"]) == 0
    assert (out / "t2_SRx2_uncertainty.nii.gz").exists()
    assert main([*words, "--steps", "1"]) == 0
    assert not (out / "t2_SRx2_uncertainty.nii.gz").exists()


def test_images_of_two_cases_that_were_exchanged_are_not_kept(tmp_path):
    for number, name in enumerate("ab"):
        a_volume(tmp_path / "in" / f"{name}.nii.gz", number)
    out = tmp_path / "out"
    assert batch(tmp_path / "in", "-o", out, "--suffix", ".nii") == 0
    one, other = (out / f"{name}_SRx2.nii" for name in "ab")
    right = one.read_bytes()
    one.rename(out / "x"), other.rename(one), (out / "x").rename(other)
    assert batch(tmp_path / "in", "-o", out, "--suffix", ".nii") == 0
    assert {row["status"] for row in rows(out)} == {"done"} and one.read_bytes() == right


def test_formats_have_rows_of_their_own_and_know_their_inputs(tmp_path):
    path, out = a_volume(tmp_path / "p1" / "t2.nii.gz", 0), tmp_path / "out"
    assert batch(path, "-o", out) == 0 and batch(path, "-o", out, "--suffix", ".nrrd") == 0
    assert len(rows(out)) == 2
    first = (out / "t2_SRx2.nii.gz").read_bytes()
    (out / "t2_SRx2.nrrd").unlink()
    assert batch(a_volume(tmp_path / "p2" / "t2.nii.gz", 1), "-o", out) == 1
    assert (out / "t2_SRx2.nii.gz").read_bytes() == first


def test_zones_that_were_corrected_by_hand_are_not_lost(zone_zoo, tmp_path, capsys):
    random = np.random.default_rng(0)
    path = write_volume(Volume(100 * random.random((8, 48, 48)), np.diag([1, 1, 3, 1])), tmp_path / "scan.nii.gz")
    out = tmp_path / "out"
    assert batch(path, "-o", out, "--zones") == 0 and batch(path, "-o", out, "--zones") == 0
    assert [row["status"] for row in rows(out)] == ["kept"]
    zones = out / "scan_SRx2_zones.seg.nrrd"
    zones.write_bytes(zones.read_bytes() + b"corrected")
    edited = zones.read_bytes()
    for words in (["--zones"], ["--zones", "--seed", "3"], ["--seed", "3"]):
        assert batch(path, "-o", out, *words) == 1 and zones.read_bytes() == edited
        assert "changed after it was written" in capsys.readouterr().err
    zones.rename(out / "mine.seg.nrrd")
    assert batch(path, "-o", out, "--zones") == 0 and zones.exists()
