"""A result as a derived DICOM series of its source's study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.errors import InputError
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.volume.dicom.derivation import SOFTWARE, Derivation
from pdm_core.volume.dicom.source_series import SourceSeries, open_series
from pdm_core.volume.dicom.writer import write_series
from pdm_core.volume.identity import volume_sha256

if TYPE_CHECKING:
    from pdm_core.pipeline.super_resolution import SuperResolutionResult

_CHECKSUM_START = 12


def write_dicom(
    result: SuperResolutionResult, folder: str | Path, *, source: str | Path | SourceSeries, series: str | None = None
) -> Path:
    """Write the restored volume of `result` as a new DICOM series, one MR image a slice, in the study of its source.

    Patient, study, frame of reference and acquisition are those of the source; all images are marked as derived, with how
    they were made and the images they were made from. The source is not changed.

    Args:
        result: of `super_resolve`, for a volume that was read from `source` and not changed in between.
        folder: does not exist yet or is empty; it appears when it is complete.
        source: the DICOM file or folder that was read.
        series: which of its series, as for `read_volume`.

    Returns:
        The folder.

    Raises:
        InputError: the source is no DICOM series of MR images or not the one of the result, or the folder cannot be used.
    """
    found = source if isinstance(source, SourceSeries) else open_series(source, series)
    _check_same(found, result.provenance["input"])
    return write_series(result.volume, folder, found, derivation_of(result))


def _check_same(source: SourceSeries, restored: Mapping[str, Any]) -> None:
    """Refuse to put a result into the study of another patient: neither the name of a series nor its voxels suffice alone."""
    differing = None
    if restored["source"].get("series_uid") != source.stack.facts["series_uid"]:
        differing = "that has another series UID"
    elif volume_sha256(source.read()) != restored["sha256"]:
        differing = "its voxels or their place differ"
    if differing is not None:
        raise InputError(
            f"The result was not made from {source.path}, series {source.stack.id}: {differing}.",
            "Give the DICOM series that was read, and restore it unchanged.",
        )


def derivation_of(result: SuperResolutionResult) -> Derivation:
    """The record of a run in the words of DICOM."""
    record = result.provenance
    options = SuperResolutionOptions.from_dict(record["options"])
    version = record["versions"]["pdm_core"]
    thickness = None if options.mode == "in-plane" else result.volume.spacing[2]
    projected = "on" if options.project else "off"
    text = (
        f"Super-resolution by {SOFTWARE} (pdm_core {version}): detail is estimated by a model, not measured. "
        f"Research use, not for diagnosis. Mode {options.mode}, {_aim(options)}. {' '.join(_stages(record))} "
        f"Samples {options.samples}, seed {options.seed}, projection on the measured data {projected}."
    )
    return Derivation(options.label, text, version, thickness)


def _aim(options: SuperResolutionOptions) -> str:
    pixels = "" if options.factor is None else f"factor {options.factor:g}"
    if options.mode == "in-plane" or (pixels and options.mode == "through-plane"):
        return pixels
    return f"{pixels}, slices as fine as the pixels".removeprefix(", ")


def _stages(record: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each stage, in the order of the work."""
    for stage in (record.get("in_plane"), record):
        if stage is not None:
            model, sampling = stage["model"], stage["sampling"]
            yield (
                f"Model {model['name']} version {model['version']}, method {model['method']}, "
                f"SHA-256 {model['sha256'][:_CHECKSUM_START]}..., sampler {sampling['sampler']}, steps {sampling['steps']}."
            )
