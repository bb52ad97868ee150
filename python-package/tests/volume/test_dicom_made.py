"""DICOM that real folders seldom show: joined stacks, damaged files, reversed grey values, compressed frames with slopes."""

import numpy as np
import pytest
import SimpleITK as sitk

from pdm_core.errors import InputError
from pdm_core.volume import read_volume
from pdm_core.volume.dicom.saving import save_dataset
from pdm_core.volume.sources import find_sources

pydicom = pytest.importorskip("pydicom")

VALUES = (np.random.default_rng(0).random((6, 20, 24)) * 1000).astype(np.uint16)
ENHANCED = "1.2.840.10008.5.1.4.1.1.4.1"


def a_slice(number, **tags):
    """A header and its pixels; slices lie 3 mm apart."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = pydicom.uid.MRImageStorage, pydicom.uid.generate_uid()
    dataset.Modality, dataset.SeriesInstanceUID, dataset.SeriesNumber = "MR", "1.2.3", 1
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [10, -20, 30 + 3 * number], [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness = [0.8, 0.7], 3.0
    dataset.Rows, dataset.Columns = VALUES.shape[1:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelData = VALUES[number].tobytes()
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


def a_series(folder, change=lambda dataset, number: None):
    """Six slices, each after `change`."""
    for number in range(len(VALUES)):
        dataset = a_slice(number)
        change(dataset, number)
        save_dataset(dataset, folder / f"{number}.dcm", dataset.file_meta.TransferSyntaxUID)
    return folder


def group(keyword, **values):
    """A functional group."""
    inner, outer = pydicom.Dataset(), pydicom.Dataset()
    for name, value in values.items():
        setattr(inner, name, value)
    setattr(outer, keyword, [inner])
    return outer


def compressed(dataset, folder, compressor):
    """The same image with its pixels as `compressor` writes them."""
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(folder / "pixels.dcm"))
    writer.UseCompressionOn()
    writer.SetCompressor(compressor)
    writer.Execute(sitk.GetImageFromArray(dataset.pixel_array))
    donor = pydicom.dcmread(folder / "pixels.dcm")
    (folder / "pixels.dcm").unlink()
    dataset.PixelData = donor.PixelData
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    dataset.file_meta.TransferSyntaxUID = donor.file_meta.TransferSyntaxUID
    return dataset


def an_enhanced_image(slopes):
    """Six frames whose slopes stand in their functional groups."""
    dataset = a_slice(0, SOPClassUID=ENHANCED, NumberOfFrames=len(VALUES), PixelData=VALUES.tobytes())
    del dataset.ImagePositionPatient
    frames = []
    for number, slope in enumerate(slopes):
        frame = group("PlanePositionSequence", ImagePositionPatient=[10, -20, 30 + 3 * number])
        frame.update(group("PixelValueTransformationSequence", RescaleSlope=slope, RescaleIntercept=-100.0))
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = frames
    return dataset


@pytest.mark.parametrize("compressor", [None, "JPEG", "JPEG2000"])
@pytest.mark.parametrize("slopes", [[2.5] * 6, [1.0, 1.5, 2.0, 2.5, 3.0, 3.5]])
def test_frames_are_rescaled_once_and_each_by_its_own_slope(tmp_path, compressor, slopes):
    dataset = an_enhanced_image(slopes)
    if compressor:
        compressed(dataset, tmp_path, compressor)
    save_dataset(dataset, tmp_path / "frames.dcm", dataset.file_meta.TransferSyntaxUID)
    np.testing.assert_allclose(read_volume(tmp_path).array, VALUES * np.reshape(slopes, (-1, 1, 1)) - 100.0)


@pytest.mark.parametrize("compressor", [None, "JPEG2000"])
def test_where_low_values_are_white_they_are_turned_over_as_in_slicer(tmp_path, compressor):
    def reverse(dataset, number):
        if compressor:
            compressed(dataset, tmp_path, compressor)
        dataset.PhotometricInterpretation = "MONOCHROME1"
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0

    volume = read_volume(a_series(tmp_path, reverse))
    np.testing.assert_array_equal(volume.array, 65535.0 - VALUES)
    slicer = sitk.GetArrayFromImage(sitk.ReadImage([str(tmp_path / f"{number}.dcm") for number in range(6)]))
    np.testing.assert_array_equal(volume.array, slicer)


@pytest.mark.parametrize("shifted", [[3], [2, 3, 4]])
def test_slices_beside_the_others_are_refused(tmp_path, shifted):
    def shift(dataset, number):
        dataset.ImagePositionPatient = [10 + 5 * (number in shifted), -20, 30 + 3 * number]

    with pytest.raises(InputError, match=r"lies 5\.00 mm beside"):
        read_volume(a_series(tmp_path, shift))


def test_adjoining_slices_of_other_pixels_are_refused(tmp_path):
    """Neither part is the volume that was acquired."""

    def shrink(dataset, number):
        dataset.PixelSpacing = [0.8, 0.7] if number < 4 else [0.4, 0.35]

    with pytest.raises(
        InputError, match=r"in 2 parts .*4 slices, pixel spacing 0\.8 x 0\.7; 2 slices, pixel spacing 0\.4 x 0\.35"
    ):
        read_volume(a_series(tmp_path, shrink))


@pytest.mark.parametrize("size", [0, 200, 400, 600, -VALUES[0].nbytes - 2])
def test_a_damaged_last_slice_is_not_passed_over(tmp_path, size):
    """Its absence would not show: the others form a regular stack."""
    last = a_series(tmp_path) / "5.dcm"
    last.write_bytes(last.read_bytes()[:size])
    with pytest.raises(InputError, match=r"5\.dcm is damaged"):
        read_volume(tmp_path)
    (source,) = find_sources([tmp_path])
    with pytest.raises(InputError, match=r"5\.dcm is damaged"):
        source.read()


def test_a_last_slice_without_a_place_is_not_passed_over(tmp_path):
    def forget(dataset, number):
        if number == 5:
            del dataset.ImagePositionPatient

    with pytest.raises(InputError, match=r"5\.dcm does not say where"):
        read_volume(a_series(tmp_path, forget))


def test_a_slice_that_cannot_be_opened_is_not_passed_over(tmp_path, monkeypatch):
    a_series(tmp_path)
    read = pydicom.dcmread

    def refusing(path, **settings):
        if str(path).endswith("5.dcm"):
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, **settings)

    monkeypatch.setattr(pydicom, "dcmread", refusing)
    with pytest.raises(InputError, match=r"5\.dcm cannot be opened: Permission denied"):
        read_volume(tmp_path)


def test_files_that_are_no_images_are_passed_over(tmp_path):
    a_series(tmp_path)
    (tmp_path / "._5.dcm").write_bytes(b"macOS")
    (tmp_path / "readme").write_text("hello")
    report = pydicom.Dataset()
    report.file_meta = pydicom.dataset.FileMetaDataset()
    report.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    report.SOPClassUID, report.SOPInstanceUID = pydicom.uid.BasicTextSRStorage, pydicom.uid.generate_uid()
    report.SeriesInstanceUID = "1.2.4"
    save_dataset(report, tmp_path / "report.dcm", report.file_meta.TransferSyntaxUID)
    assert read_volume(tmp_path).shape == VALUES.shape
