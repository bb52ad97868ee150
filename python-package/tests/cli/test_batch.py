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
    # The report tells of the whole folder.
    assert len(rows(out)) == 11 and [row["status"] for row in rows(out) if row["case"] == "case0"] == ["done"]


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


def test_no_two_studies_are_written_to_one_file(a_study, tmp_path):
    """A number that tells two names apart must not make the name of a third; capitals do not count on every disk."""
    source = tmp_path / "same"
    for name in ("v.nii.gz", "v.nrrd", "v_2.nii.gz", "other/V.nii.gz"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(len(name))
        write_volume(Volume(random.random((2, 40, 36)), np.eye(4)), source / name)
    out = tmp_path / "out"
    assert run(source, source / "other" / "V.nii.gz", "-o", out) == 0
    outputs = [row["output"].casefold() for row in rows(out)]
    assert len(set(outputs)) == 5 == len(list(out.rglob("*_SRx2.nii.gz")))
    assert run(source, source / "other" / "V.nii.gz", "-o", out) == 0
    assert {row["status"] for row in rows(out)} == {"kept"}


def a_case(a_study, tmp_path, *words):
    """One case restored with `words`; returns its folder and the status of a second run of the same words."""
    out = tmp_path / "out"

    def again(*other):
        words_now = other or words
        assert run(a_study / "a" / "case0.nii.gz", "-o", out, *words_now) == 0
        ending = ".nrrd" if ".nrrd" in words_now else ".nii.gz"
        (status,) = (row["status"] for row in rows(out) if row["output"].endswith(ending))
        return status

    assert again() == "done" and again() == "kept"
    return out, again


def test_another_number_format_is_written_anew(a_study, tmp_path):
    _, again = a_case(a_study, tmp_path)
    assert again("--dtype", "int16") == "done" and again("--dtype", "int16") == "kept"
    assert again("--suffix", ".nrrd") == "done"
    # Its record stands where that of the NIfTI file stood.
    assert again() == "done"


def test_a_part_of_a_result_is_not_kept(a_study, tmp_path):
    out, again = a_case(a_study, tmp_path, "--samples", "2")
    image, spread = out / "case0_SRx2.nii.gz", out / "case0_SRx2_uncertainty.nii.gz"
    image.write_bytes(image.read_bytes()[:1000])
    assert again() == "done" and read_volume(image).shape == (2, 80, 72)
    spread.unlink()
    assert again() == "done" and spread.exists()


@pytest.mark.parametrize("text", ["[]", "null", '{"output": 1}', '{"in_plane": 1, "model": []}', "\\"])
def test_a_record_that_is_none_of_ours_is_replaced(a_study, tmp_path, text):
    out, again = a_case(a_study, tmp_path)
    (out / "case0_SRx2.provenance.json").write_text(text)
    assert again() == "done"


@pytest.mark.skipif(os.name == "nt", reason="names there are always text")
def test_a_name_that_is_no_text_fails_alone_and_stands_in_the_report(a_study, tmp_path):
    name = os.fsdecode(b"bad\xff.nii.gz")
    try:
        (a_study / "a" / "case1.nii.gz").rename(a_study / "a" / name)
    except OSError:
        pytest.skip("this disk takes no such name")
    out = tmp_path / "out"
    assert run(a_study / "a", "-o", out) == 1
    assert [row["status"] for row in rows(out)].count("done") == 3
    assert "bad\\udcff" in (out / "report.csv").read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_opened_is_not_passed_over(a_study, tmp_path, monkeypatch, capsys):
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("a"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert run(a_study, "-o", tmp_path / "out") == 2
    assert "cannot be opened: Permission denied" in capsys.readouterr().err
