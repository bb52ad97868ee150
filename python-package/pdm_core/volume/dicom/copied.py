"""What a derived image takes over from its source: a list of what stays true, and only where all slices agree."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from pdm_core.volume.dicom.encoding import decimal_string
from pdm_core.volume.dicom.source_series import SourceSeries

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PATIENT = (
    "SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
    "OtherPatientIDs", "PatientAge", "PatientSize", "PatientWeight", "PatientIdentityRemoved", "DeidentificationMethod",
    "DeidentificationMethodCodeSequence", "LongitudinalTemporalInformationModified",
)  # fmt: skip
_STUDY = (
    "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "StudyDescription", "AccessionNumber",
    "IssuerOfAccessionNumberSequence", "ReferringPhysicianName", "ProcedureCodeSequence",
)  # fmt: skip
_PLACE = ("FrameOfReferenceUID", "PositionReferenceIndicator", "PatientPosition", "BodyPartExamined", "Laterality",
          "AnatomicRegionSequence")  # fmt: skip
# The scanner stays the equipment: its field strength and model are facts of what was measured.
_EQUIPMENT = (
    "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "StationName", "InstitutionName",
    "InstitutionalDepartmentName", "SoftwareVersions",
)  # fmt: skip
_ACQUISITION = (
    "Modality", "ProtocolName", "AcquisitionNumber", "AcquisitionDate", "AcquisitionTime", "ScanningSequence",
    "SequenceVariant", "ScanOptions", "MRAcquisitionType", "SequenceName", "AngioFlag", "RepetitionTime", "EchoTime",
    "InversionTime", "EchoNumbers", "EchoTrainLength", "FlipAngle", "VariableFlipAngleFlag", "NumberOfAverages",
    "ImagingFrequency", "ImagedNucleus", "MagneticFieldStrength", "PixelBandwidth", "NumberOfPhaseEncodingSteps",
    "PercentSampling", "PercentPhaseFieldOfView", "InPlanePhaseEncodingDirection", "AcquisitionMatrix", "ReceiveCoilName",
    "TransmitCoilName", "DiffusionBValue", "ContrastBolusAgent",
)  # fmt: skip
# How pixels are coded and shown is not among them: that is the writer's to say.
_COPIED = (*_PATIENT, *_STUDY, *_PLACE, *_EQUIPMENT, *_ACQUISITION)
# MR Image Storage asks for these even where nobody knows them (type 2).
_EMPTY_WHERE_UNKNOWN = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
    "ReferringPhysicianName", "PositionReferenceIndicator", "PatientPosition", "Manufacturer", "AcquisitionNumber",
    "ScanOptions", "MRAcquisitionType", "RepetitionTime", "EchoTime", "EchoTrainLength", "SliceThickness",
)  # fmt: skip
# Type 1: a value that claims nothing where the source is silent.
_DEFAULTS = {"ScanningSequence": "RM", "SequenceVariant": "NONE"}
_ECHO_PULSES = {"SPIN": "SE", "GRADIENT": "GR", "BOTH": ["SE", "GR"]}
# Enhanced MR also knows "OTHER", for which classic MR has no word.
_PHASE_DIRECTIONS = {"ROW": "ROW", "COLUMN": "COL", "COL": "COL"}
_LOSSY_SYNTAXES = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81")


def copied_header(source: SourceSeries) -> Dataset:
    """A header with the patient, the study, the frame of reference and the acquisition of `source`, and no more."""
    from pydicom.dataset import Dataset
    from pydicom.uid import generate_uid

    header = Dataset()
    for keyword in _COPIED:
        _copy(source, keyword, header)
    pulses = _ECHO_PULSES.get(str(source.common("EchoPulseSequence")))
    if "ScanningSequence" not in header and pulses:
        header.ScanningSequence = pulses
    _make_phase_direction_classic(header)
    for keyword, value in _DEFAULTS.items():
        if keyword not in header:
            setattr(header, keyword, value)
    for keyword in _EMPTY_WHERE_UNKNOWN:
        if keyword not in header:
            setattr(header, keyword, None)
    if "FrameOfReferenceUID" not in header:
        header.FrameOfReferenceUID = generate_uid(prefix=None)
    _copy_loss(source, header)
    header.remove_private_tags()
    return header


def _copy(source: SourceSeries, keyword: str, header: Dataset) -> None:
    """Take over one element as it is, or under its classic name from an enhanced source."""
    value = source.common(keyword)
    if value is None:
        return
    element = source.headers[0].element(keyword)
    if element is not None:
        header.add(deepcopy(element))
    else:
        setattr(header, keyword, decimal_string(value) if isinstance(value, float) else value)


def _make_phase_direction_classic(header: Dataset) -> None:
    """Translate the direction from the words of enhanced MR, or leave it out where classic MR has no word for it."""
    direction = _PHASE_DIRECTIONS.get(str(header.get("InPlanePhaseEncodingDirection")))
    if direction is not None:
        header.InPlanePhaseEncodingDirection = direction
    elif "InPlanePhaseEncodingDirection" in header:
        del header.InPlanePhaseEncodingDirection


def _copy_loss(source: SourceSeries, header: Dataset) -> None:
    """Once lossy, always lossy; nothing is claimed of a source that does not say."""
    flags = {str(item.value("LossyImageCompression")) for item in source.headers}
    syntaxes = {str(item.dataset.file_meta.get("TransferSyntaxUID")) for item in source.headers}
    if "01" in flags or syntaxes & set(_LOSSY_SYNTAXES):
        header.LossyImageCompression = "01"
        for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
            _copy(source, keyword, header)
