"""No value of a header, absent or odd, ends in anything but the right volume or a refusal that names the file."""

from shutil import rmtree

import numpy as np
import pytest

from pdm_core.errors import InputError
from pdm_core.volume import Volume, read_volume
from pdm_core.volume.dicom.derivation import Derivation
from pdm_core.volume.dicom.source_series import open_series
from pdm_core.volume.dicom.writer import write_series
from pdm_core.volume.sources import find_sources

NUMBERS = {
    "SeriesNumber": "IS", "InstanceNumber": "IS", "MagneticFieldStrength": "DS", "RepetitionTime": "DS", "EchoTime": "DS",
    "ImagePositionPatient": "DS", "ImageOrientationPatient": "DS", "PixelSpacing": "DS", "SliceThickness": "DS",
    "SpacingBetweenSlices": "DS", "RescaleSlope": "DS", "RescaleIntercept": "DS", "NumberOfFrames": "IS", "Rows": "US",
    "Columns": "US", "SamplesPerPixel": "US", "BitsAllocated": "US", "BitsStored": "US", "HighBit": "US",
    "PixelRepresentation": "US", "ImagesInAcquisition": "IS", "TemporalPositionIdentifier": "IS",
    "EffectiveEchoTime": "FD", "DiffusionBValue": "FD", "TemporalPositionIndex": "UL", "InConcatenationNumber": "US",
    "AcquisitionNumber": "IS", "WindowCenter": "DS", "WindowWidth": "DS", "FlipAngle": "DS", "EchoTrainLength": "IS",
}  # fmt: skip
TEXTS = {
    "ImageType": "CS", "SOPClassUID": "UI", "SOPInstanceUID": "UI", "Modality": "CS", "Manufacturer": "LO",
    "ManufacturerModelName": "LO", "SeriesDescription": "LO", "PatientName": "PN", "PatientID": "LO",
    "StudyInstanceUID": "UI", "SeriesInstanceUID": "UI", "FrameOfReferenceUID": "UI", "BodyPartExamined": "CS",
    "PhotometricInterpretation": "CS", "FrameType": "CS", "ComplexImageComponent": "CS", "SoftwareVersions": "LO",
    "SpecificCharacterSet": "CS", "PatientPosition": "CS",
}  # fmt: skip
SEQUENCES = (
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "PlanePositionSequence", "PlaneOrientationSequence",
    "PixelMeasuresSequence", "PixelValueTransformationSequence", "MREchoSequence", "MRDiffusionSequence",
    "MRImageFrameTypeSequence", "FrameContentSequence",
)  # fmt: skip
KINDS = {**NUMBERS, **TEXTS, **dict.fromkeys(SEQUENCES, "SQ")}
BINARY = ("US", "UL", "FD", "SQ")
ODD_TEXTS = {
    "several": b"2\\3\\4", "comma": b"0,7\\0,7", "text": b"abc", "infinite": b"inf", "not a number": b"nan",
    "huge": b"1e300", "negative": b"-1", "not ASCII": b"\xff\xfe\x80\xe4", "underscore": b"1_0",
}  # fmt: skip
# Values that are odd for a scanner and still mean what they say.
MEANT = {(keyword, name) for keyword in ("RescaleSlope", "RescaleIntercept") for name in ("negative", "of one byte")}


def oddities(keyword, made, valid):
    """Name of an oddity to the bytes of the element; `valid` is the text that belongs there."""
    vr = KINDS[keyword]
    carrier = "LO" if vr in BINARY else vr
    yield "absent", b""
    yield "empty", made.element(keyword, vr, b"")
    yield "of one byte", made.element(keyword, vr, b"7")
    for name, text in ODD_TEXTS.items():
        yield name, made.element(keyword, carrier, text)
    for other in ("UT", "UN", "LO"):
        yield f"as {other}", made.element(keyword, other, valid)
    yield "a sequence", made.element(keyword, "SQ", b"")
    yield "a sequence of one", made.element(keyword, "SQ", b"\xfe\xff\x00\xe0\0\0\0\0")


def valid_text(dataset, keyword):
    """What a header says in place of the odd value, as text."""
    value = dataset.get(keyword, "1")
    return ("\\".join(map(str, value)) if not isinstance(value, str) and hasattr(value, "__iter__") else str(value)).encode()


def expect_the_volume_or_a_refusal(folder, expected, keyword, meant):
    """Of the ways to read a folder, and of a derived series."""
    for source in find_sources([folder]):
        try:
            volume = source.read()
        except InputError as error:
            assert str(folder) in error.message and len(error.message) < 1000
            continue
        if volume.shape[0] == 1 and keyword == "SeriesInstanceUID":
            continue
        assert volume.shape == expected.shape
        if not meant:
            np.testing.assert_array_equal(volume.array, expected.array)
            np.testing.assert_allclose(volume.ijk_to_ras, expected.ijk_to_ras)
        try:
            series = open_series(folder)
            first = Volume(volume.array[:1], volume.ijk_to_ras)
            write_series(first, folder.parent / "derived", series, Derivation("SRx2", "Test.", "0"))
        except InputError as error:
            assert str(folder) in error.message
        else:
            rmtree(folder.parent / "derived")


@pytest.mark.parametrize("keyword", [name for name in KINDS if name not in SEQUENCES])
def test_odd_values_in_one_classic_slice(tmp_path, made, keyword):
    folder = made.a_series(tmp_path / "series", count=4)
    expected = read_volume(folder)
    for name, odd in oddities(keyword, made, valid_text(made.a_slice(2), keyword)):
        dataset = made.a_slice(2)
        if keyword not in dataset:
            setattr(dataset, keyword, "1" if keyword in TEXTS else 1)
        made.save_odd(dataset, folder / "IM0003.dcm", {keyword: odd})
        expect_the_volume_or_a_refusal(folder, expected, keyword, (keyword, name) in MEANT)


@pytest.mark.parametrize("keyword", KINDS)
def test_odd_values_in_an_enhanced_object(tmp_path, made, keyword):
    expected = read_volume(made.save(made.an_enhanced_image(), tmp_path / "whole" / "frames.dcm"))
    np.testing.assert_array_equal(expected.array, made.values)
    for name, odd in oddities(keyword, made, valid_text(made.a_slice(2), keyword)):
        made.save_odd(made.an_enhanced_image(), tmp_path / "series" / "frames.dcm", {keyword: odd})
        expect_the_volume_or_a_refusal(tmp_path / "series", expected, keyword, (keyword, name) in MEANT)


@pytest.mark.parametrize("vr", ["UT", "UN", "LO"])
@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "SliceThickness"])
def test_values_in_another_representation_are_read(tmp_path, made, keyword, vr):
    for number in range(6):
        dataset = made.a_slice(number)
        odd = made.element(keyword, vr, valid_text(dataset, keyword))
        made.save_odd(dataset, tmp_path / f"{number}.dcm", {keyword: odd})
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, made.values)
    assert volume.spacing == pytest.approx((0.7, 0.8, 3.0))
    assert volume.metadata["slice_thickness_mm"] == 2.5


@pytest.mark.parametrize(
    ("keyword", "text", "fact", "value"),
    [
        ("SliceThickness", b"2,5", "slice_thickness_mm", None),
        ("SliceThickness", b"2.5\\2.5", "slice_thickness_mm", 2.5),
        ("EchoTime", b"101,0", "echo_time_ms", None),
        ("MagneticFieldStrength", b"3 T", "field_strength_t", None),
    ],
)
def test_a_fact_that_is_not_needed_is_left_out_where_it_cannot_be_understood(tmp_path, made, keyword, text, fact, value):
    for number in range(6):
        made.save_odd(made.a_slice(number), tmp_path / f"{number}.dcm", {keyword: made.element(keyword, "DS", text)})
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, made.values)
    assert volume.metadata.get(fact) == value


@pytest.mark.parametrize(
    ("keyword", "text", "named"),
    [
        ("PixelSpacing", b"0,8\\0,7", r"PixelSpacing \(0028,0030\) is '0,8\\\\0,7'"),
        ("PixelSpacing", b"0.8", r"PixelSpacing \(0028,0030\) is '0.8', which is not 2 numbers"),
        ("ImagePositionPatient", b"1\\nan\\2", r"ImagePositionPatient \(0020,0032\) is '1\\\\nan\\\\2'"),
        ("RescaleSlope", b"1\\2", r"RescaleSlope \(0028,1053\) is '1\\\\2', which is not a number"),
    ],
)
def test_a_needed_value_is_refused_with_file_tag_and_value(tmp_path, made, keyword, text, named):
    folder = made.a_series(tmp_path / "series")
    made.save_odd(made.a_slice(5), folder / "IM0006.dcm", {keyword: made.element(keyword, "DS", text)})
    with pytest.raises(InputError, match=rf"IM0006\.dcm: {named}") as refusal:
        read_volume(folder)
    assert refusal.value.hint
