"""`pdm-sr upsample --dicom` and `pdm.write_dicom`: from a series to a derived series, and what is refused before any work."""

import json
from dataclasses import replace

import numpy as np
import pytest

import pdm_core as pdm
from pdm_core.cli.main import main

pydicom = pytest.importorskip("pydicom")
pytestmark = pytest.mark.usefixtures("both_zoo")


def upsample(source, folder, *arguments):
    words = ["upsample", str(source), "-o", str(source.with_name("out.nii.gz")), "--dicom", str(folder), "--steps", "1"]
    return main([*words, *arguments])


def headers(folder):
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


def test_a_derived_series_comes_out_beside_the_image(a_dicom_series, tmp_path, capsys):
    source, folder = a_dicom_series("in"), tmp_path / "derived"
    assert upsample(source, folder, "--seed", "7", "--progress", "json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[-1]["dicom"] == str(folder)
    image, series = pdm.read_volume(tmp_path / "out.nii.gz"), pdm.read_volume(folder)
    np.testing.assert_allclose(series.ijk_to_ras, image.ijk_to_ras, atol=1e-4)
    assert np.abs(series.array - image.array).max() <= 0.501
    record = json.loads((tmp_path / "out.provenance.json").read_text())
    for header in headers(folder):
        told = header.DerivationDescription
        for words in ("Mode in-plane, factor 2.", "Model tiny version 0, method pdm", record["model"]["sha256"][:12],
                      "sampler ddim, steps 1", "Samples 1, seed 7", "not for diagnosis"):  # fmt: skip
            assert words in told
        assert len(told) <= 1024 and str(folder) not in str(record)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "derived", "out.nii.gz", "out.provenance.json"}


@pytest.mark.parametrize(
    ("arguments", "aim", "spacing"),
    [
        (("--mode", "through-plane", "--factor", "3"), "Mode through-plane, factor 3.", 1.2),
        (("--mode", "isotropic", "--factor", "2"), "Mode isotropic, factor 2, slices as fine as the pixels.", None),
    ],
)
def test_new_slices_say_how_thick_they_are_and_both_models(a_dicom_series, tmp_path, arguments, aim, spacing):
    source = a_dicom_series("in", PixelSpacing=["1", "1"])
    assert upsample(source, tmp_path / "derived", *arguments) == 0
    found = headers(tmp_path / "derived")
    assert aim in found[0].DerivationDescription and "Model thin" in found[0].DerivationDescription
    assert ("Model tiny" in found[0].DerivationDescription) == (spacing is None)
    assert found[0].SliceThickness == found[0].SpacingBetweenSlices
    assert spacing is None or float(found[0].SliceThickness) == pytest.approx(spacing)
    assert len(found[0].SourceImageSequence) == 5


def test_a_result_that_is_restored_again_is_known_as_an_estimate(a_dicom_series, tmp_path, capsys):
    assert upsample(a_dicom_series("in"), tmp_path / "once") == 0
    assert "itself a result" not in capsys.readouterr().err
    # A result of another input is not replaced.
    assert upsample(tmp_path / "once", tmp_path / "twice", "--factor", "1.5") == 2
    assert "is the result of another input" in capsys.readouterr().err
    (tmp_path / "out.nii.gz").unlink()
    assert upsample(tmp_path / "once", tmp_path / "twice", "--factor", "1.5") == 0
    assert "itself a result of super-resolution" in capsys.readouterr().err
    (told,) = {header.DerivationDescription for header in headers(tmp_path / "twice")}
    assert "factor 1.5." in told and "The source was derived before: " in told and "factor 2." in told


def test_a_series_that_the_scanner_derived_is_told_of_too(a_dicom_series, capsys):
    source = a_dicom_series("in", ImageType=["DERIVED", "PRIMARY", "MPR"])
    assert main(["upsample", str(source), "-o", str(source.with_name("out.nii.gz")), "--steps", "1"]) == 0
    assert "mark the input as a derived image" in capsys.readouterr().err


def test_what_cannot_be_is_refused_before_the_work(a_dicom_series, tmp_path, capsys, monkeypatch):
    source, other = a_dicom_series("in"), a_dicom_series("ct", Modality="CT")
    image = pdm.write_volume(pdm.read_volume(source), tmp_path / "image.nii.gz")
    monkeypatch.setattr("pdm_core.pipeline.super_resolution.super_resolve", lambda *_, **__: pytest.fail("worked"))
    for scan, folder, arguments, message in [
        (image, tmp_path / "derived", (), "is no DICOM"),
        (other, tmp_path / "derived", (), "modality CT, not MR"),
        (source, source / "derived", (), "folder of the input"),
        (source, source, (), "folder of the input"),
        (source, other, (), "is not empty"),
        (source, tmp_path / "derived", ("--series", "9"), "'9' names 0"),
        (source, tmp_path, (), "is not empty"),
    ]:
        assert upsample(scan, folder, *arguments) == 2
        assert message in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["upsample", str(source), "-o", str(tmp_path / "empty/o.nrrd"), "--dicom", str(tmp_path / "empty")]) == 2
    assert "lies in the folder of the DICOM output" in capsys.readouterr().err
    assert not (tmp_path / "derived").exists() and not (tmp_path / "out.nii.gz").exists()


def test_from_python_only_into_the_study_of_its_own_source(a_dicom_series, tmp_path):
    mine, other = a_dicom_series("mine"), a_dicom_series("other", PatientID="P-18", WindowCenter="400")
    volume = pdm.read_volume(mine)
    result = pdm.super_resolve(volume, pdm.SuperResolutionOptions(steps=1))
    assert pdm.write_dicom(result, tmp_path / "derived", source=mine) == tmp_path / "derived"
    assert {header.PatientID for header in headers(tmp_path / "derived")} == {"P-17"}
    # The same voxels in the same place, of another patient.
    with pytest.raises(pdm.InputError, match="another series UID"):
        pdm.write_dicom(result, tmp_path / "wrong", source=other)
    changed = pdm.super_resolve(replace(volume, array=volume.array + 1), pdm.SuperResolutionOptions(steps=1))
    with pytest.raises(pdm.InputError, match="voxels or their place differ"):
        pdm.write_dicom(changed, tmp_path / "wrong", source=mine)
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize("arguments", [(), ("--mode", "through-plane", "--factor", "2")], ids=["in-plane", "through-plane"])
def test_padding_of_the_source_is_padding_of_the_derived_series(a_dicom_series, tmp_path, capsys, arguments):
    source, folder = a_dicom_series("in", PixelRepresentation=1, BitsStored=16, HighBit=15), tmp_path / "derived"
    for path in source.iterdir():
        image = pydicom.dcmread(path)
        pixels = image.pixel_array.copy()
        pixels[:, :12] = -2000
        del image.PixelPaddingValue
        image.add_new("PixelPaddingValue", "SS", -2000)
        image.PixelData = pixels.astype("<i2").tobytes()
        image.save_as(path)
    assert upsample(source, folder, *arguments) == 0
    assert "33 % of the voxels hold no data but the value -2000 (its headers declare this padding)" in capsys.readouterr().err
    finer = 1 if arguments else 2
    restored = pdm.read_volume(tmp_path / "out.nii.gz").array
    for number, header in enumerate(headers(folder)):
        pixels = header.pixel_array
        assert header.PixelPaddingValue == -2000
        assert (pixels[:, : 12 * finer] == -2000).all() and pixels[:, 12 * finer :].min() > -1500
        np.testing.assert_array_equal(pixels, np.rint(restored[number]))
    record = json.loads((tmp_path / "out.provenance.json").read_text())
    assert record["consistency_db"] > 90
    assert record["input"]["padding"] == {"value": -2000.0, "share": pytest.approx(1 / 3, abs=1e-3), "from": "header"}
