"""`pdm-sr batch`: failed cases beside good ones, resuming, the report, and what is refused before the first case."""

import csv
import json
import os
import shutil

import numpy as np
import pytest

from pdm_core import Volume, read_volume, write_volume
from pdm_core.cli.main import main

TINY = ["--model", "tiny", "--device", "cpu", "--steps", "1"]


@pytest.fixture
def a_study(tmp_path, tiny_zoo):
    """Ten volumes in two folders, the fourth of them damaged."""
    random = np.random.default_rng(0)
    for number in range(10):
        folder = tmp_path / "in" / ("a" if number < 5 else "b Ω")
        folder.mkdir(parents=True, exist_ok=True)
        volume = Volume(random.random((2, 40, 36)) * 300, np.diag([1.0, 1.0, 3.0, 1.0]))
        write_volume(volume, folder / f"case{number}.nii.gz")
    broken = tmp_path / "in" / "a" / "case3.nii.gz"
    broken.write_bytes(broken.read_bytes()[:200])
    return tmp_path / "in"


def run(*arguments):
    return main([str(word) for word in ("batch", *arguments, *TINY)])


def rows(folder):
    with (folder / "report.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_nine_of_ten_cases_and_a_report_that_names_the_tenth(a_study, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(a_study, "-o", out, "--samples", "1") == 1
    assert len(list(out.rglob("*_SRx2.nii.gz"))) == 9 == len(list(out.rglob("*.provenance.json")))
    assert (out / "b Ω" / "case7_SRx2.nii.gz").exists()
    failed = [row for row in rows(out) if row["status"] == "failed"]
    assert [row["case"] for row in failed] == ["a/case3"] and "case3.nii.gz" in failed[0]["message"]
    assert [row["status"] for row in json.loads((out / "report.json").read_text())].count("done") == 9
    printed = capsys.readouterr()
    assert "9 done, 1 failed" in printed.out and "a/case3 failed" in printed.err
    assert not [path for path in out.rglob("*") if ".part" in path.name]


def test_a_second_run_keeps_what_is_there_and_mends_the_rest(a_study, tmp_path):
    out = tmp_path / "out"
    run(a_study, "-o", out)
    kept = out / "a" / "case0_SRx2.nii.gz"
    before = kept.stat().st_mtime_ns
    shutil.copy(a_study / "a" / "case0.nii.gz", a_study / "a" / "case3.nii.gz")
    os.remove(out / "a" / "case1_SRx2.nii.gz")
    assert run(a_study, "-o", out) == 0
    assert kept.stat().st_mtime_ns == before
    assert {row["case"]: row["status"] for row in rows(out)} == {
        f"{folder}/case{number}": "done" if number in (1, 3) else "kept"
        for folder, numbers in (("a", range(5)), ("b Ω", range(5, 10)))
        for number in numbers
    }
    assert run(a_study / "a" / "case0.nii.gz", "-o", out, "--seed", "7") == 0
    assert [row["status"] for row in rows(out)] == ["done"]


def test_a_changed_input_is_restored_again(a_study, tmp_path):
    out, one = tmp_path / "out", a_study / "a" / "case0.nii.gz"
    run(one, "-o", out)
    volume = read_volume(one)
    write_volume(volume.with_array(volume.array + 5), one)
    run(one, "-o", out)
    assert [row["status"] for row in rows(out)] == ["done"]


def test_samples_bring_their_uncertainty_and_formats_are_chosen(a_study, tmp_path):
    out = tmp_path / "out"
    assert main(["batch", str(a_study / "b Ω"), "-o", str(out), "--model", "tiny", "--device", "cpu", "--steps", "3",
                 "--samples", "2", "--suffix", ".nrrd", "--factor", "1.5"]) == 0  # fmt: skip
    assert (out / "case5_SRx1.5.nrrd").exists() and (out / "case5_SRx1.5_uncertainty.nrrd").exists()


def test_cancelling_keeps_the_report_of_what_is_done(a_study, tmp_path):
    from pdm_core import CancelledError, SuperResolutionOptions
    from pdm_core.cli.failures import as_user_error
    from pdm_core.pipeline.batch import run_batch
    from pdm_core.volume.sources import find_sources

    seen = []
    with pytest.raises(CancelledError, match="after 2 of 10"):
        run_batch(
            find_sources([a_study]), tmp_path / "out", SuperResolutionOptions(model="tiny", device="cpu", steps=1),
            explain=as_user_error, progress=lambda event: seen.append(event.stage), cancel=lambda: "case2" in seen[-1],
        )  # fmt: skip
    assert [row["case"] for row in rows(tmp_path / "out")] == ["a/case0", "a/case1"]
    assert seen[0] == "a/case0 (1 of 10)"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nowhere", "-o", "out"], "does not exist"),
        (["{empty}", "-o", "out"], "no image"),
        (["{study}", "-o", "{study}/out"], "inside the input folder"),
        (["{study}", "-o", "out", "--suffix", ".jpg"], "no format"),
        (["{study}", "-o", "out", "--factor", "9"], "outside the range"),
        (["{study}", "-o", "out", "--dtype", "int3"], "no output format"),
        (["{study}", "-o", "{study}/a/case0.nii.gz"], "is a file"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_case(a_study, tmp_path, monkeypatch, capsys, words, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    words = [word.format(study=a_study, empty=tmp_path / "empty") for word in words]
    assert main(["batch", *words, *(TINY if "--factor" not in words else TINY[:4])]) == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_every_series_of_a_dicom_folder_is_a_case(shared_data, tmp_path):
    from pdm_core.volume.sources import find_sources

    sources = find_sources([shared_data / "dicom"])
    assert len(sources) > 10 and len({source.name for source in sources}) == len(sources)
    readable = 0
    for source in sources:
        try:
            readable += source.read().array.size > 0
        except Exception as error:
            from pdm_core import InputError

            assert isinstance(error, InputError), (source.name, error)
    assert readable > 5
