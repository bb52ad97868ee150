"""DICOM objects made for a test, and the bytes of odd elements that no writer would write."""

import struct
from types import SimpleNamespace

import numpy as np
import pytest

from pdm_core.volume.dicom.saving import save_dataset

EXPLICIT = "1.2.840.10008.1.2.1"
VALUES = (np.random.default_rng(0).random((6, 20, 24)) * 1000).astype("<u2")
_LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT")


def a_slice(number, **tags):
    """One of six classic slices, 3 mm apart, each with 2.5 mm of thickness."""
    import pydicom

    dataset = pydicom.Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = pydicom.uid.MRImageStorage, f"1.2.3.4.{number + 1}"
    dataset.ImageType, dataset.Modality, dataset.BodyPartExamined = ["ORIGINAL", "PRIMARY", "M", "ND"], "MR", "PROSTATE"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = "1.2.3", "1.2.3.4", "1.2.3.5"
    dataset.PatientID, dataset.PatientName = "P1", "Doe^Jane"
    dataset.SeriesNumber, dataset.SeriesDescription, dataset.InstanceNumber = 5, "t2 tra", number + 1
    dataset.Manufacturer, dataset.ManufacturerModelName, dataset.MagneticFieldStrength = "Maker", "Model", 3
    dataset.RepetitionTime, dataset.EchoTime = 4000, 101
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [10, -20, 30 + 3 * number], [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness, dataset.SpacingBetweenSlices = [0.8, 0.7], 2.5, 3
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.Rows, dataset.Columns = VALUES.shape[1:]
    dataset.NumberOfFrames, dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = VALUES[number].tobytes()
    for name, value in tags.items():
        setattr(dataset, name, value)
    dataset["PixelData"].VR = "OW"
    return dataset


def group(keyword, **values):
    """A functional group."""
    import pydicom

    inner, outer = pydicom.Dataset(), pydicom.Dataset()
    for name, value in values.items():
        setattr(inner, name, value)
    setattr(outer, keyword, [inner])
    return outer


def an_enhanced_image(numbers=range(6), **tags):
    """Slices of the same series as frames of one enhanced object."""
    numbers = list(numbers)
    dataset = a_slice(numbers[0], NumberOfFrames=len(numbers), PixelData=VALUES[numbers].tobytes())
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    moved = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices",
             "RescaleSlope", "RescaleIntercept", "EchoTime")  # fmt: skip
    for keyword in moved:
        delattr(dataset, keyword)
    shared = group("PlaneOrientationSequence", ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    shared.update(group("PixelMeasuresSequence", PixelSpacing=[0.8, 0.7], SliceThickness=2.5, SpacingBetweenSlices=3))
    shared.update(group("PixelValueTransformationSequence", RescaleSlope=1, RescaleIntercept=0))
    shared.update(group("MREchoSequence", EffectiveEchoTime=101.0))
    shared.update(group("MRDiffusionSequence", DiffusionBValue=0.0))
    shared.update(
        group("MRImageFrameTypeSequence", FrameType=["ORIGINAL", "PRIMARY", "M", "ND"], ComplexImageComponent="MAGNITUDE")
    )
    dataset.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for number in numbers:
        frame = group("PlanePositionSequence", ImagePositionPatient=[10, -20, 30 + 3 * number])
        frame.update(group("FrameContentSequence", TemporalPositionIndex=1))
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = frames
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


def save(dataset, path, syntax=EXPLICIT):
    """Write `dataset`, whose pixels are in `syntax` already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_dataset(dataset, path, syntax)
    return path


def a_series(folder, change=lambda dataset, number: None, count=6):
    """A folder of classic slices, each after `change`."""
    for number in range(count):
        dataset = a_slice(number)
        change(dataset, number)
        save(dataset, folder / f"IM{number + 1:04}.dcm")
    return folder


def element(keyword, vr, value):
    """The bytes of one element, explicit VR in little endian; `value` are its bytes, whatever its VR says."""
    from pydicom.tag import Tag

    tag, kind = Tag(keyword), vr.encode()
    value += b"" if len(value) % 2 == 0 else (b"\0" if kind in (b"UI", b"OB", b"UN") else b" ")
    length = struct.pack("<HI", 0, len(value)) if kind in _LONG else struct.pack("<H", len(value))
    return struct.pack("<HH", tag.group, tag.element) + kind + length + value


def encoded(dataset, odd):
    """A data set in explicit VR and little endian, with the bytes that `odd` has for a keyword wherever that stands."""
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_data_element

    parts = []
    for item in dataset:
        if item.keyword in odd:
            parts.append(odd[item.keyword])
        elif item.VR == "SQ":
            inner = [encoded(child, odd) for child in item.value]
            items = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(child)) + child for child in inner)
            parts.append(element(item.keyword, "SQ", items))
        else:
            buffer = DicomBytesIO()
            buffer.is_little_endian, buffer.is_implicit_VR = True, False
            write_data_element(buffer, item)
            parts.append(buffer.getvalue())
    return b"".join(parts)


def save_odd(dataset, path, odd):
    """Write `dataset` with odd elements; see `encoded`."""
    meta = element("MediaStorageSOPClassUID", "UI", str(dataset.SOPClassUID).encode())
    meta += element("TransferSyntaxUID", "UI", EXPLICIT.encode())
    meta = element("FileMetaInformationGroupLength", "UL", struct.pack("<I", len(meta))) + meta
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(128) + b"DICM" + meta + encoded(dataset, odd))
    return path


@pytest.fixture(scope="session")
def made():
    """What makes DICOM files; see the functions of this module."""
    pytest.importorskip("pydicom")
    return SimpleNamespace(
        a_series=a_series, a_slice=a_slice, an_enhanced_image=an_enhanced_image, element=element, group=group, save=save,
        save_odd=save_odd, values=VALUES,
    )  # fmt: skip
