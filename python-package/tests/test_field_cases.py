"""Small inputs from the field, each of a kind that was once read wrong: every one gives what its CASE.md calls right."""

import csv
import json
import locale
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from pdm_core import InputError, read_volume
from pdm_core.cli.main import main

REPOSITORY = Path(__file__).resolve().parents[2]
TINY = ["--model", "tiny", "--device", "cpu", "--steps", "1"]
# The intensities of the series that most cases were made of.
INTACT = (11.0, 592.0)

pytestmark = pytest.mark.usefixtures("tiny_zoo")


@pytest.fixture
def case(tmp_path):
    """Copies a case to a folder of the test, for some commands write beside their inputs."""
    folder = Path(os.environ.get("PDM_SHARED", REPOSITORY.parent / "shared")) / "cases"
    if not folder.is_dir():
        pytest.skip(f"the cases are absent: there is no folder {folder} (set PDM_SHARED)")

    def copy(number):
        found = next(folder.glob(f"{number}_*"))
        target = tmp_path / number
        shutil.copytree(found, target)
        for path in (target, *target.rglob("*")):
            path.chmod(0o755)
        return target

    return copy


def upsample(source, output, *words):
    return main(["upsample", str(source), "-o", str(output), *TINY, *map(str, words)])


def batch(source, output, *words):
    return main(["batch", str(source), "-o", str(output), *TINY, *map(str, words)])


def report(folder):
    with (folder / "report.csv").open(encoding="utf-8", newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


def extremes(volume):
    return float(volume.array.min()), float(volume.array.max())


@pytest.mark.parametrize(
    ("number", "name", "reason"),
    [
        ("F01", "hole.mha", "damaged"),
        ("F03", "zero_byte", "I00005"),
        ("F03", "uid_names_cut", "damaged"),
        ("F09", "comma_spacing", "PixelSpacing"),
        ("F09", "one_spacing", "PixelSpacing"),
        ("F14", "in", "distance"),
        ("F17", "in", "PALETTE COLOR"),
    ],
)
def test_what_cannot_be_read_right_is_refused_by_name(case, tmp_path, capsys, number, name, reason):
    assert upsample(case(number) / name, tmp_path / "out.nii.gz") == 2
    message = capsys.readouterr().err
    assert reason in message and len(message.strip().splitlines()) == 1
    assert not (tmp_path / "out.nii.gz").exists()


@pytest.mark.parametrize(
    ("number", "name", "values", "slices"),
    [
        ("F01", "intact.mha", INTACT, 5),
        ("F07", "signed12", (-289, 292), 5),
        ("F07", "jpeg2000", INTACT, 5),
        ("F09", "no_preamble", INTACT, 5),
        ("F09", "no_transfer_syntax", INTACT, 5),
        ("F09", "comma_thickness", INTACT, 5),
        ("F10", "qform_only.nii.gz", INTACT, 5),
        ("F23", "nifti2.nii.gz", INTACT, 5),
        ("F23", "pair.hdr", INTACT, 5),
        ("F23", "plain.nii.gz", INTACT, 5),
        ("F25", "in.nii.gz", INTACT, 5),
        ("F25", "tiny_slope.nii.gz", (1.1e-16, 5.92e-15), 5),
    ],
)
def test_what_other_readers_take_is_read_with_their_values(case, tmp_path, number, name, values, slices):
    path = case(number) / name
    volume = read_volume(path)
    assert extremes(volume) == pytest.approx(values, rel=1e-2) and volume.shape[0] == slices
    assert upsample(path, tmp_path / "out.nii.gz") == 0
    assert read_volume(tmp_path / "out.nii.gz").shape[0] == slices


def test_a_compressed_file_without_its_size_is_refused(case, tmp_path):
    text = (case("F01") / "intact.mha").read_bytes()
    start = text.index(b"CompressedDataSize")
    (tmp_path / "no_size.mha").write_bytes(text[:start] + text[text.index(b"\n", start) + 1 :])
    with pytest.raises(InputError, match="CompressedDataSize"):
        read_volume(tmp_path / "no_size.mha")


def test_padding_is_no_signal_and_comes_back(case, tmp_path, capsys):
    folder = case("F02") / "pad_-32768"
    assert upsample(folder, tmp_path / "out.nii.gz", "--dicom", tmp_path / "derived") == 0
    assert "-32768" in capsys.readouterr().err
    result = read_volume(tmp_path / "out.nii.gz").array
    measured = result[result != -32768]
    assert 0.6 < measured.size / result.size < 0.75 and measured.min() > -60 and measured.max() < 700
    derived = read_volume(tmp_path / "derived").array
    assert np.array_equal(derived == -32768, result == -32768)


def test_a_dangling_link_refuses_its_series(case, tmp_path, capsys):
    folder = case("F03") / "zero_byte"
    (folder / "I00005").unlink()
    (folder / "I00005").symlink_to("../.git/annex/objects/none")
    assert upsample(folder, tmp_path / "out.nii.gz") == 2
    assert "I00005" in capsys.readouterr().err


def test_a_derived_series_looks_as_its_source_did(case, tmp_path):
    import pydicom

    folder = case("F04") / "in"
    assert upsample(folder, tmp_path / "out.nii.gz", "--dicom", tmp_path / "derived") == 0

    def shown(path):
        files = sorted(
            (pydicom.dcmread(file) for file in path.iterdir()), key=lambda file: float(file.ImagePositionPatient[2])
        )
        middle = files[len(files) // 2]
        pixels = middle.pixel_array.astype(float)
        return -pixels if middle.PhotometricInterpretation == "MONOCHROME1" else pixels

    source, derived = shown(folder), shown(tmp_path / "derived")
    assert np.corrcoef(source.ravel(), derived[::2, ::2].ravel())[0, 1] > 0.9


@pytest.mark.parametrize(("name", "slices"), [("two_folders", 8), ("imagetype_alternates", 6)])
def test_a_series_in_parts_is_one_volume(case, tmp_path, name, slices):
    folder = case("F05") / name
    assert batch(folder, tmp_path / "results") == 0
    (row,) = report(tmp_path / "results").values()
    assert read_volume(row["output"]).shape[0] == slices == read_volume(folder).shape[0]


def test_a_decimal_comma_of_the_process_changes_nothing(case):
    path = case("F06") / "in.nrrd"
    try:
        before = locale.setlocale(locale.LC_ALL)
        locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
    except locale.Error:
        pytest.skip("the locale de_DE.UTF-8 is not installed")
    try:
        volume = read_volume(path)
    finally:
        locale.setlocale(locale.LC_ALL, before)
    assert volume.spacing == pytest.approx((1.25, 1.5, 3.6))
    assert volume.ijk_to_ras[:3, 3] == pytest.approx([-40.75, -30.5, 12.25])


def test_one_bad_header_is_one_failed_case(case, tmp_path, capsys):
    import pydicom

    tree = case("F08") / "tree"
    assert batch(tree, tmp_path / "results") == 1
    rows = report(tmp_path / "results")
    assert sorted(row["status"] for row in rows.values()) == ["done", "done", "failed"]
    (failed,) = (row for row in rows.values() if row["status"] == "failed")
    assert "b_bad" in failed["message"] and "PixelSpacing" in failed["message"]
    for path in (tree / "c_good").iterdir():
        # A dataset needs two patients.
        slice_ = pydicom.dcmread(path)
        slice_.PatientID = "another"
        slice_.save_as(path)
    assert main(["prepare", str(tree), "-o", str(tmp_path / "DS"), "--min-matrix", "16"]) == 0
    index = json.loads((tmp_path / "DS" / "dataset.json").read_text())
    assert len(index["volumes"]) == 2 and "PixelSpacing" in index["refused"][0]["reason"]


def test_a_missing_sform_is_refused_or_replaced_by_the_qform(case, tmp_path, capsys):
    code = upsample(case("F09") / "sform_nan.nii.gz", tmp_path / "out.nii.gz")
    message = capsys.readouterr().err
    assert code in (0, 2) and "Unexpected" not in message and "sform" in message


def test_a_negative_pixdim_lies_where_nibabel_has_it(case):
    import nibabel

    path = case("F10") / "qform_only.nii.gz"
    assert read_volume(path).ijk_to_ras == pytest.approx(nibabel.load(path).affine, abs=1e-3)


def test_centimeters_become_millimeters(case):
    assert read_volume(case("F11") / "cm.nrrd").spacing[:2] == pytest.approx((0.625, 0.625))


def test_label_maps_are_failed_cases(case, tmp_path):
    assert batch(case("F12") / "tree", tmp_path / "results") == 1
    rows = report(tmp_path / "results").values()
    assert [row["status"] for row in rows] == ["failed"] * 3
    assert all("label" in row["message"] or "segmentation" in row["message"].lower() for row in rows)


def test_slices_along_the_first_axis_are_found(case, tmp_path):
    folder = case("F15")
    assert upsample(folder / "in.nii.gz", tmp_path / "out.nii.gz") == 0
    assert read_volume(tmp_path / "out.nii.gz").spacing == pytest.approx((3.6, 0.3125, 0.3125), rel=1e-3)


def test_links_are_followed_and_dangling_ones_named(case, tmp_path):
    folder = case("F16")
    (folder / "tree" / "patient2").symlink_to("../archive/patient2")
    (folder / "tree" / "b.nii.gz").symlink_to("../.git/annex/objects/none.nii.gz")
    assert batch(folder / "tree", tmp_path / "results") == 1
    rows = report(tmp_path / "results")
    assert sorted(row["status"] for row in rows.values()) == ["done", "done", "failed"]
    assert rows["b"]["status"] == "failed" and "b.nii.gz" in rows["b"]["message"]


def test_companions_of_macos_are_passed_over(case, tmp_path):
    folder = case("F22")
    assert batch(folder / "tree", tmp_path / "results") == 0
    assert list(report(tmp_path / "results")) == ["t2"]
    assert batch(folder / "dcm", tmp_path / "more") == 0


def test_every_image_of_a_folder_is_read_or_named(case, tmp_path):
    folder = case("F23")
    (folder / "scan.mnc").write_bytes(b"CDF\x01" + bytes(100))
    assert batch(folder, tmp_path / "results") == 1
    rows = report(tmp_path / "results")
    assert {name: row["status"] for name, row in rows.items()} == {
        "nifti2": "done", "pair": "done", "plain": "done", "scan.mnc": "failed",
    }  # fmt: skip
    assert "MINC" in rows["scan.mnc"]["message"]
