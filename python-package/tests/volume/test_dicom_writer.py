"""A derived series: the same patient and place, marked as derived, nothing untrue copied, nothing clipped."""

import numpy as np
import pytest

from pdm_core.errors import InputError, PdmError
from pdm_core.volume import Volume, read_volume
from pdm_core.volume.dicom.derivation import Derivation
from pdm_core.volume.dicom.encoding import Encoding, decimal_string
from pdm_core.volume.dicom.geometry import planes_of
from pdm_core.volume.dicom.source_series import open_series
from pdm_core.volume.dicom.writer import check_series_folder, write_series
from pdm_core.volume.padding import Padding

pydicom = pytest.importorskip("pydicom")
IN_PLANE = Derivation("SRx2", "Estimated by a test, seed 7.", "1.0")
THIN = Derivation("SR-through-plane", "Estimated by a test.", "1.0", thickness_mm=1.2)
# What the standard requires of MR Image Storage: with a value (type 1), and at least empty (type 2).
WITH_VALUE = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "FrameOfReferenceUID", "ImageType",
    "InstanceNumber", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "SamplesPerPixel", "Rows", "Columns",
    "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
    "ScanningSequence", "SequenceVariant",
)  # fmt: skip
PRESENT = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName",
    "StudyID", "AccessionNumber", "SeriesNumber", "PatientPosition", "PositionReferenceIndicator", "Manufacturer",
    "SliceThickness", "ScanOptions", "MRAcquisitionType", "EchoTime", "EchoTrainLength", "RepetitionTime",
)  # fmt: skip
UNTRUE = (
    "PixelPaddingValue", "SmallestImagePixelValue", "AcquisitionTime", "BurnedInAnnotation", "LossyImageCompression",
    "ImageComments", "PerformedProcedureStepID",
)  # fmt: skip


def finer(volume, factors):
    """Made-up voxels on a grid `factors` (i, j, k) times finer, some of them below zero."""
    i, j, k = (round(n * factor) for n, factor in zip(volume.shape[::-1], factors, strict=True))
    array = np.random.default_rng(2).uniform(-40, 1100, (k, j, i))
    return Volume(array, volume.ijk_to_ras @ np.diag([*(1 / factor for factor in factors), 1]), volume.metadata)


def headers(folder):
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("factors", [(2, 2, 1), (1, 1, 3), (2, 2, 7.2)], ids=["in-plane", "through-plane", "isotropic"])
@pytest.mark.parametrize("plane", ["axial", "sagittal", "coronal", "oblique"])
def test_place_and_values_are_read_back_by_us_and_by_itk(a_dicom_series, tmp_path, plane, factors):
    sitk = pytest.importorskip("SimpleITK")
    source = open_series(a_dicom_series("in", plane))
    volume = finer(source.read(), factors)
    folder = write_series(volume, tmp_path / "out", source, IN_PLANE)
    found = read_volume(folder)
    np.testing.assert_allclose(found.ijk_to_ras, volume.ijk_to_ras, atol=1e-9)
    assert np.abs(found.array - volume.array).max() <= 0.5 + 1e-4
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), np.rint(volume.array))
    size = np.array(volume.shape[::-1]) - 1
    for index in ((0, 0, 0), tuple(map(int, size)), (int(size[0]), 0, int(size[2]))):
        ras = (volume.ijk_to_ras @ (*index, 1))[:3]
        np.testing.assert_allclose(image.TransformIndexToPhysicalPoint(index), ras * [-1, -1, 1], atol=1e-6)


def test_slices_follow_the_normal_whatever_the_handedness(a_dicom_series, tmp_path):
    source = open_series(a_dicom_series("in"))
    volume = source.read()
    flip = np.diag([1.0, 1.0, -1.0, 1.0])
    flip[2, 3] = volume.shape[0] - 1
    left_handed = Volume(volume.array[::-1], volume.ijk_to_ras @ flip)
    assert np.linalg.det(left_handed.ijk_to_ras) < 0
    assert [plane.k for plane in planes_of(left_handed.ijk_to_ras, 5)] == [4, 3, 2, 1, 0]
    found = headers(write_series(left_handed, tmp_path / "out", source, IN_PLANE))
    places = [float(image.ImagePositionPatient[2]) for image in found]
    assert places == sorted(places) and [image.InstanceNumber for image in found] == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(read_volume(tmp_path / "out").array, volume.array)


def test_the_patient_stays_and_the_series_is_new(a_dicom_series, tmp_path):
    folder = a_dicom_series("in")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    source = open_series(folder)
    found = headers(write_series(finer(source.read(), (2, 2, 1)), tmp_path / "out", source, IN_PLANE))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    original = headers(folder)
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "FrameOfReferenceUID", "AccessionNumber",
                    "PatientPosition", "RepetitionTime", "EchoTime", "MagneticFieldStrength", "BodyPartExamined"):  # fmt: skip
        assert {str(image[keyword].value) for image in found} == {str(original[0][keyword].value)}
    assert str(found[0].PatientName) == "Müller^Zoë"
    assert len({image.SeriesInstanceUID for image in found}) == 1
    assert found[0].SeriesInstanceUID != original[0].SeriesInstanceUID
    uids = {image.SOPInstanceUID for image in found}
    assert len(uids) == 5 and not uids & {image.SOPInstanceUID for image in original}
    assert all(image.file_meta.MediaStorageSOPInstanceUID == image.SOPInstanceUID for image in found)
    assert found[0].SeriesNumber != original[0].SeriesNumber


def test_every_image_says_that_it_was_derived_and_from_what(a_dicom_series, tmp_path):
    source = open_series(a_dicom_series("in"))
    found = headers(write_series(finer(source.read(), (2, 2, 1)), tmp_path / "out", source, IN_PLANE))
    for image, original in zip(found, source.headers, strict=True):
        assert list(image.ImageType) == ["DERIVED", "SECONDARY", "OTHER", "SUPER_RESOLUTION"]
        assert image.SeriesDescription == "Estimated, not for diagnosis: SRx2 t2_tse_tra"
        assert image.DerivationDescription == IN_PLANE.description
        assert [item.CodeValue for item in image.DerivationCodeSequence] == ["113085"]
        (reference,) = image.SourceImageSequence
        assert reference.ReferencedSOPInstanceUID == original.dataset.SOPInstanceUID
        assert image.ContributingEquipmentSequence[-1].Manufacturer == "PartialDiffusionSR"
        assert list(image.SoftwareVersions) == ["syngo X", "PartialDiffusionSR 1.0"]


def test_required_elements_are_there_and_untrue_ones_are_not(a_dicom_series, tmp_path):
    source = open_series(a_dicom_series("in"))
    for image in headers(write_series(finer(source.read(), (2, 2, 1)), tmp_path / "out", source, IN_PLANE)):
        assert [keyword for keyword in WITH_VALUE if keyword not in image or image[keyword].is_empty] == []
        assert [keyword for keyword in PRESENT if keyword not in image] == []
        assert [keyword for keyword in UNTRUE if keyword in image] == []
        assert not any(element.tag.is_private for element in image.iterall())
        assert not any(element.tag.group == 0x6000 for element in image)
        assert len(image.SeriesDescription) <= 64


def test_thickness_and_distance_are_those_of_the_new_slices(a_dicom_series, tmp_path):
    source = open_series(a_dicom_series("in"))
    within = headers(write_series(finer(source.read(), (2, 2, 1)), tmp_path / "a", source, IN_PLANE))[0]
    assert (within.SliceThickness, within.SpacingBetweenSlices) == (3, pytest.approx(3.6))
    assert [float(value) for value in within.PixelSpacing] == [0.25, 0.3125]
    between = headers(write_series(finer(source.read(), (1, 1, 3)), tmp_path / "b", source, THIN))[0]
    assert (between.SliceThickness, between.SpacingBetweenSlices) == (pytest.approx(1.2), pytest.approx(1.2))
    assert len(between.SourceImageSequence) == 5


@pytest.mark.parametrize(
    ("low", "high", "step", "rescaled", "signed"),
    [
        (0, 4000, 1, False, False), (-35.2, 1200, 1, False, True), (0, 65535.4, 1, False, False), (-5, 40000, 1, True, False),
        (0, 1e6, 1, True, False), (-1e-3, 2e-3, 1e-6, True, False), (0, 900, 0.37, True, False), (3e5, 3.1e5, 1, True, False),
        (0, 0.004, 0.0, True, False), (0, 900, 2.4, False, False),
    ],
)  # fmt: skip
def test_nothing_is_clipped_and_a_rounding_is_half_a_step_at_most(low, high, step, rescaled, signed):
    array = np.random.default_rng(3).uniform(low, high, (4, 50, 50)).astype(np.float32)
    array.flat[:2] = low, high
    encoding = Encoding.of(array, [step])
    assert (encoding.rescaled, encoding.signed) == (rescaled, signed)
    assert float(decimal_string(encoding.slope)) == encoding.slope
    stored = encoding.stored(array)
    back = stored.astype(np.float64) * encoding.slope + encoding.intercept
    allowed = max(step, (high - low) / 65535) / 2
    assert np.abs(back - array).max() <= allowed * (1 + 1e-6) + 1e-7 * abs(high)


def test_padding_within_the_range_is_stored_as_a_number_that_means_it():
    array = np.random.default_rng(0).uniform(-537, 300, (4, 64, 64)).astype(np.float32)
    array[:, :, :20] = -0.12
    padding = Padding(array == np.float32(-0.12), -0.12, "detected")
    encoding = Encoding.of(array, [0.5], padding)
    stored = encoding.stored(array, padding.mask)
    assert np.abs(stored * encoding.slope + encoding.intercept - array).max() <= 0.25
    np.testing.assert_array_equal(stored == encoding.padding, padding.mask)


def test_padding_within_the_range_gets_a_number_of_its_own_where_the_data_have_all():
    array = np.linspace(-500, 300, 2**18, dtype=np.float32).reshape(4, 256, 256)
    array[:, :, 0] = 0.125
    padding = Padding(array == np.float32(0.125), 0.125, "detected")
    encoding = Encoding.of(array, [0.01], padding)
    assert encoding.padding == 0
    np.testing.assert_array_equal(encoding.stored(array, padding.mask) == 0, padding.mask)


def test_a_rescaled_series_is_read_back_by_us_and_by_itk(a_dicom_series, tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    source = open_series(a_dicom_series("in", RescaleSlope="0.01", RescaleIntercept="-2"))
    volume = source.read()
    volume = volume.with_array(volume.array - 0.003)
    folder = write_series(volume, tmp_path / "out", source, IN_PLANE)
    assert np.abs(read_volume(folder).array - volume.array).max() <= 0.0051
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    assert np.abs(sitk.GetArrayFromImage(reader.Execute()) - volume.array).max() <= 0.0051


def test_a_window_is_kept_only_where_all_slices_share_it_and_it_shows_the_image(a_dicom_series, tmp_path):
    source = open_series(a_dicom_series("in"))
    kept = headers(write_series(finer(source.read(), (2, 2, 1)), tmp_path / "a", source, IN_PLANE))[0]
    assert (kept.WindowCenter, kept.WindowWidth) == (500, 1000)
    other = open_series(a_dicom_series("far", WindowCenter="9000", WindowWidth="100"))
    made = headers(write_series(finer(other.read(), (2, 2, 1)), tmp_path / "b", other, IN_PLANE))[0]
    assert 400 < made.WindowCenter < 700 and 900 < made.WindowWidth < 1200


def test_a_series_that_was_derived_before_says_both_steps(a_dicom_series, tmp_path):
    source = open_series(a_dicom_series("in"))
    first = write_series(finer(source.read(), (2, 2, 1)), tmp_path / "once", source, IN_PLANE)
    again = open_series(first)
    assert again.stack.facts["image_type"] == "DERIVED/SECONDARY/OTHER/SUPER_RESOLUTION"
    image = headers(write_series(again.read(), tmp_path / "twice", again, THIN))[0]
    assert THIN.description in image.DerivationDescription and IN_PLANE.description in image.DerivationDescription
    assert len(image.DerivationCodeSequence) == len(image.ContributingEquipmentSequence) == 2
    assert image.SeriesDescription == "Estimated, not for diagnosis: SR-through-plane SRx2 t2_tse_tra"
    assert image.StudyInstanceUID == source.common("StudyInstanceUID")


def test_a_lossy_past_is_not_forgotten(a_dicom_series, tmp_path):
    source = open_series(a_dicom_series("in", LossyImageCompression="01", LossyImageCompressionRatio="8"))
    image = headers(write_series(source.read(), tmp_path / "out", source, IN_PLANE))[0]
    assert (image.LossyImageCompression, image.LossyImageCompressionRatio) == ("01", 8)


def test_a_damaged_element_is_left_out(a_dicom_series, tmp_path):
    folder = a_dicom_series("in", AcquisitionMatrix=[320, 0, 0, 310])
    whole = b"\x18\x00\x10\x13US\x08\x00" + np.array([320, 0, 0, 310], "<u2").tobytes()
    for path in folder.iterdir():
        content = path.read_bytes()
        assert content.count(whole) == 1
        # Three bytes cannot be numbers of two.
        path.write_bytes(content.replace(whole, whole[:6] + b"\x03\x00abc"))
    source = open_series(folder)
    image = headers(write_series(source.read(), tmp_path / "out", source, IN_PLANE))[0]
    assert "AcquisitionMatrix" not in image and image.EchoTime == 101


def test_long_words_are_cut_where_the_standard_ends(a_dicom_series, tmp_path):
    source = open_series(a_dicom_series("in", SeriesDescription="x" * 60, DerivationDescription="y" * 1000))
    image = headers(write_series(source.read(), tmp_path / "out", source, IN_PLANE))[0]
    assert len(image.SeriesDescription) == 64 and len(image.DerivationDescription) == 1024
    assert image.DerivationDescription.startswith(IN_PLANE.description)


@pytest.mark.parametrize(
    ("folder", "series", "slices"),
    [
        ("dicom2nifti_multivendor/philips_enhanced/anatomical/001", None, 8),
        ("brain_siemens_xa30_enhanced", "5", 96),
        ("knee_ge_multiecho_bigendian", "8.3", 6),
        ("slicetracker_siemens_verio/t2_needle_guidance_oblique_gap", None, 20),
        ("prostatex_siemens/ProstateX-0218/t2_sag", None, 23),
    ],
)
def test_real_series_classic_enhanced_and_big_endian(shared_data, tmp_path, folder, series, slices):
    source = open_series(shared_data / "dicom" / folder, series)
    volume = source.read()
    found = headers(write_series(volume, tmp_path / "out", source, IN_PLANE))
    assert len(found) == slices
    for image in (found[0], found[-1]):
        assert [keyword for keyword in WITH_VALUE if keyword not in image or image[keyword].is_empty] == []
        assert [keyword for keyword in PRESENT if keyword not in image] == []
        assert image.SourceImageSequence[0].get("ReferencedFrameNumber") == (
            None if source.headers[0].frame is None else source.headers[image.InstanceNumber - 1].frame + 1
        )
    back = read_volume(tmp_path / "out")
    np.testing.assert_allclose(back.ijk_to_ras, volume.ijk_to_ras, atol=1e-6)
    np.testing.assert_allclose(back.array, volume.array, atol=max(source.steps) / 2)


@pytest.mark.parametrize(("enhanced", "classic"), [("COLUMN", "COL"), ("ROW", "ROW"), ("OTHER", None)])
def test_the_phase_direction_gets_its_classic_name(a_dicom_series, tmp_path, enhanced, classic):
    folder = a_dicom_series("in", InPlanePhaseEncodingDirection=enhanced)
    source = open_series(folder)
    image = headers(write_series(source.read(), tmp_path / "out", source, IN_PLANE))[0]
    assert image.get("InPlanePhaseEncodingDirection") == classic


def test_an_enhanced_source_gives_its_facts_from_the_groups(shared_data, tmp_path):
    source = open_series(shared_data / "dicom/brain_siemens_xa30_enhanced", "5")
    image = headers(write_series(source.read(), tmp_path / "out", source, IN_PLANE))[0]
    groups = source.headers[0].dataset.SharedFunctionalGroupsSequence[0]
    timing = groups.MRTimingAndRelatedParametersSequence[0]
    assert image.RepetitionTime == timing.RepetitionTime and image.FlipAngle == timing.FlipAngle
    assert float(image.EchoTime) > 0
    assert image.PatientID == source.headers[0].dataset.PatientID


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Modality": "CT"}, "the modality CT, not MR"),
        ({"StudyInstanceUID": ""}, "hold no StudyInstanceUID"),
    ],
)
def test_a_series_that_cannot_be_served_is_refused(a_dicom_series, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        open_series(a_dicom_series("in", **changes))


def test_two_patients_in_one_series_are_refused(a_dicom_series, tmp_path):
    folder = a_dicom_series("in")
    path = next(folder.iterdir())
    image = pydicom.dcmread(path)
    image.PatientID = "P-18"
    image.save_as(path)
    with pytest.raises(InputError, match="do not agree in PatientID"):
        open_series(folder)


def test_a_folder_that_is_taken_or_the_sources_is_refused(a_dicom_series, tmp_path):
    source = a_dicom_series("in")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("keep")
    for folder, message in [
        (source, "folder of the input"), (source / "new", "folder of the input"), (tmp_path / "full", "not empty"),
        (tmp_path / "no" / "way", "does not exist"), (tmp_path / "full" / "note.txt", "is a file"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=message):
            check_series_folder(folder, source)
    with pytest.raises(InputError, match="folder of the input"):
        check_series_folder(source, source / "1.dcm")


def test_nothing_half_written_stays(a_dicom_series, tmp_path, monkeypatch):
    source = open_series(a_dicom_series("in"))
    (tmp_path / "out").mkdir()

    def full(image, path, transfer_syntax):
        path.write_bytes(b"x")
        if image.InstanceNumber == 3:
            raise OSError("No space left on device")

    monkeypatch.setattr("pdm_core.volume.dicom.writer.save_dataset", full)
    with pytest.raises(PdmError, match="No space left") as raised:
        write_series(source.read(), tmp_path / "out", source, IN_PLANE)
    assert raised.value.exit_code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"] and not list((tmp_path / "out").iterdir())
    monkeypatch.undo()
    assert len(headers(write_series(source.read(), tmp_path / "out", source, IN_PLANE))) == 5
