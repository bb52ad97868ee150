"""What a batch takes of a folder: words, results of earlier runs, and the list of a dry run."""

import json

import numpy as np
import pytest

from pdm_core import Volume, write_volume
from pdm_core.cli.main import main

pytestmark = pytest.mark.usefixtures("tiny_zoo")
TINY = ["--model", "tiny", "--device", "cpu"]


@pytest.fixture
def a_folder(tmp_path):
    random = np.random.default_rng(0)
    for name in ("p1/T2_tra.nii.gz", "p1/adc.nii.gz", "p2/t2_sag.nrrd"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        write_volume(Volume(100 * random.random((2, 40, 36)), np.diag([1, 1, 3, 1])), tmp_path / "in" / name)
    return tmp_path / "in"


def batch(*words):
    return main(["batch", *map(str, words), *TINY])


def cases(folder):
    return [row["case"] for row in json.loads((folder / "report.json").read_text())]


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        (["--include", "t2"], ["p1/T2_tra", "p2/t2_sag"]),
        (["--include", "sag", "ADC"], ["p1/adc", "p2/t2_sag"]),
        (["--exclude", "ADC"], ["p1/T2_tra", "p2/t2_sag"]),
        (["--include", "t2", "--exclude", "sag"], ["p1/T2_tra"]),
    ],
)
def test_words_choose_and_what_is_left_out_is_said(a_folder, tmp_path, capsys, words, taken):
    assert batch(a_folder, "-o", tmp_path / "out", *words, "--steps", "1") == 0
    assert cases(tmp_path / "out") == taken
    said = capsys.readouterr().err
    assert all(name in said for name in {"p1/T2_tra", "p1/adc", "p2/t2_sag"} - set(taken))


def test_words_that_leave_nothing_are_a_mistake(a_folder, tmp_path, capsys):
    assert batch(a_folder, "-o", tmp_path / "out", "--include", "flair") == 2
    assert "None of the 3 volumes" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_series_descriptions_count(a_dicom_series, tmp_path):
    series = a_dicom_series("in")
    assert batch(series, "-o", tmp_path / "out", "--include", "tse_tra", "--steps", "1") == 0
    assert batch(series, "-o", tmp_path / "out", "--exclude", "tse_tra", "--steps", "1") == 2


def test_results_of_earlier_runs_are_left_out(a_folder, tmp_path, capsys):
    out, again = tmp_path / "out", tmp_path / "again"
    assert batch(a_folder, "-o", out, "--include", "tra", "--samples", "2", "--steps", "3") == 0
    results = sorted(path.name for path in (out / "p1").glob("*.nii.gz"))
    assert results == ["T2_tra_SRx2.nii.gz", "T2_tra_SRx2_uncertainty.nii.gz"]
    assert batch(out, "-o", again) == 2
    assert "result of an earlier run" in capsys.readouterr().err
    # Among other images they are passed over; named one by one they are taken.
    for path in (out / "p1").iterdir():
        path.rename(a_folder / "p1" / path.name)
    assert batch(a_folder, "-o", again, "--steps", "1") == 0
    assert cases(again) == ["p1/T2_tra", "p1/adc", "p2/t2_sag"]
    assert batch(a_folder / "p1" / "T2_tra_SRx2.nii.gz", "-o", tmp_path / "named", "--factor", "1.5", "--steps", "1") == 0


def test_derived_series_are_left_out(a_dicom_series, tmp_path):
    series = a_dicom_series("in")
    words = ["upsample", str(series), "-o", str(tmp_path / "o.nii.gz"), "--dicom", str(tmp_path / "derived"), "--steps", "1"]
    assert main([*words, *TINY]) == 0
    assert batch(tmp_path / "derived", "-o", tmp_path / "out") == 2
    assert batch(series, tmp_path / "derived", "-o", tmp_path / "out", "--steps", "1") == 0
    assert len(cases(tmp_path / "out")) == 1


def test_zones_of_earlier_runs_are_left_out(zone_zoo, tmp_path):
    random = np.random.default_rng(0)
    write_volume(Volume(100 * random.random((8, 48, 48)), np.diag([1, 1, 3, 1])), tmp_path / "scan.nii.gz")
    assert batch(tmp_path / "scan.nii.gz", "-o", tmp_path / "out", "--zones", "--steps", "1") == 0
    assert len(list((tmp_path / "out").glob("*.seg.nrrd"))) == 2
    assert batch(tmp_path / "out", "-o", tmp_path / "again") == 2


def test_a_dry_run_lists_and_writes_nothing(a_folder, a_dicom_series, tmp_path, capsys):
    a_dicom_series("series").rename(a_folder / "series")
    assert batch(a_folder, "-o", tmp_path / "out", "--exclude", "adc", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "p1/T2_tra: " in said and "5 slices of 36 x 40" in said and "p1/adc" not in said
    assert "3 volumes would be restored" in said and not (tmp_path / "out").exists()
    damaged = next((a_folder / "series").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:300])
    for path in list((a_folder / "series").iterdir())[1:]:
        path.unlink()
    assert batch(a_folder, "-o", tmp_path / "out", "--dry-run", "--progress", "json") == 1
    event = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert event["problems"]["series"] and len(event["cases"]) == 4
