"""Many volumes, one after another: a failed case does not stop the others, a second run goes on where the first stopped."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pdm_core.errors import CancelledError, PdmError
from pdm_core.pipeline.batch_report import BatchReport, CaseReport
from pdm_core.pipeline.case_files import CaseFiles
from pdm_core.pipeline.chain import segment_restored, super_resolve_and_segment
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.pipeline.outputs import is_unchanged, provenance_path, read_record, tells_of, write_provenance, write_result
from pdm_core.pipeline.super_resolution import super_resolve
from pdm_core.pipeline.zone_outputs import write_zone_files
from pdm_core.progress import CancelCheck, ProgressCallback, ProgressEvent
from pdm_core.segmentation.files import on_the_input
from pdm_core.segmentation.segmenter import find_segmenter
from pdm_core.segmentation.zones import check_zones
from pdm_core.volume.identity import volume_sha256
from pdm_core.volume.images import data_files, read_image
from pdm_core.volume.sources import VolumeSource
from pdm_core.volume.volume import Volume
from pdm_core.volume.write import checked_output
from pdm_core.zoo import find_models

Explain = Callable[[BaseException], PdmError]
Finished = Literal["done", "kept", "segmented"]


def run_batch(
    sources: Sequence[VolumeSource],
    folder: Path,
    options: SuperResolutionOptions,
    *,
    suffix: str = ".nii.gz",
    dtype: str = "float32",
    zone_model: str | None = None,
    explain: Explain,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
) -> list[CaseReport]:
    """Restore every source into `folder`, whose `report.csv` and `report.json` tell of all results that it holds.

    Other processes may work into the same folder at the same time; a case that one of them works on is left until last, and
    then kept.

    Args:
        sources: what to restore.
        folder: made when missing, best apart from the inputs; earlier results of the same options and input are kept.
        options: the same for all; checked before the first case.
        suffix: ending of the outputs, which decides their format.
        dtype: number format of the outputs.
        zone_model: see `find_segmenter`; where it is given, the zones are found too: NAME_zones.seg.nrrd on the grid of the
            result and NAME_zones_input.seg.nrrd on that of the input. Earlier results get theirs without being restored again.
        explain: says what an unexpected exception of one case means to a user.
        progress: receives every case's own events, named after it.
        cancel: asked between steps; the report of what is done stays.

    Returns:
        A report for each of `sources`, in the order in which they were finished.

    Raises:
        InputError: the options cannot be.
        CancelledError: the caller asked to stop.
    """
    options.validate()
    find_models(options.mode, options.model, options.factor)
    zone_sha256 = None if zone_model is None else find_segmenter(zone_model).record["sha256"]
    folder.mkdir(parents=True, exist_ok=True)
    report, reports = BatchReport(folder), list[CaseReport]()
    inputs = frozenset(os.path.realpath(path) for source in sources for path in (source.path, *data_files(source.path)))
    task = _Task(options, dtype, zone_model, zone_sha256, inputs, report)
    try:
        for finished in _in_turn(sources, folder, suffix, task, explain, progress, cancel):
            reports.append(finished)
    except (CancelledError, KeyboardInterrupt):
        raise CancelledError(
            f"Cancelled after {len(reports)} of {len(sources)} cases.", "Run the same command again to resume."
        ) from None
    finally:
        report.write_tables()
    return reports


@dataclass(frozen=True)
class _Task:
    """What is done to every case, and what all cases share.

    Attributes:
        options, dtype, zone_model: see `run_batch`.
        zone_sha256: checksum of the zone model's weights.
        inputs: the files of all sources, which no output may replace.
        report: hears how each case ended.
    """

    options: SuperResolutionOptions
    dtype: str
    zone_model: str | None
    zone_sha256: str | None
    inputs: frozenset[str]
    report: BatchReport


def _in_turn(
    sources: Sequence[VolumeSource],
    folder: Path,
    suffix: str,
    task: _Task,
    explain: Explain,
    progress: ProgressCallback | None,
    cancel: CancelCheck | None,
) -> Iterator[CaseReport]:
    """Work on every case that no other process has claimed, then wait for those that one has; see `run_batch`."""
    waiting = deque((number, source, False) for number, source in enumerate(sources, start=1))
    while waiting:
        number, source, wait = waiting.popleft()
        name = f"{source.name}_{task.options.label}"
        told = None if progress is None else _named(progress, f"{source.name} ({number} of {len(sources)})")
        with task.report.claim(name, wait=wait, cancel=cancel) as claimed:
            if claimed:
                yield _reported(source, folder / f"{name}{suffix}", task, explain, told, cancel)
            else:
                waiting.append((number, source, True))


def _reported(
    source: VolumeSource,
    output: Path,
    task: _Task,
    explain: Explain,
    progress: ProgressCallback | None,
    cancel: CancelCheck | None,
) -> CaseReport:
    """Work on one case, and report how it ended; only a wish to stop passes as an exception."""
    begun, made_from = time.monotonic(), None
    try:
        status, record = _one(source, output, task, progress, cancel)
    except CancelledError:
        raise
    except Exception as error:
        report = _failed(source, explain(error), time.monotonic() - begun)
    else:
        report = _finished(source, output, status, record, time.monotonic() - begun)
        made_from = record["input"]["sha256"]
    task.report.add(report, task.options.label, made_from)
    return report


def _one(
    source: VolumeSource, output: Path, task: _Task, progress: ProgressCallback | None, cancel: CancelCheck | None
) -> tuple[Finished, dict[str, Any]]:
    volume, files = source.read(), CaseFiles(output)
    record = _earlier(files, volume, task)
    if record is not None and (task.zone_model is None or _has_zones(files, record, task)):
        return "kept", record
    output.parent.mkdir(parents=True, exist_ok=True)
    checked_output(output)
    files.refuse_replacing(os.path.abspath(source.path), volume, task.inputs, task.report)
    if record is not None:
        return "segmented", _segmented(volume, files, record, task, progress, cancel)
    zones = None
    if task.zone_model is None:
        result = super_resolve(volume, task.options, progress=progress, cancel=cancel)
    else:
        result, zones = super_resolve_and_segment(
            volume, task.options, zone_model=task.zone_model, progress=progress, cancel=cancel
        )
    files.remove_superseded()
    if zones is not None:
        # Before the image, whose record vouches for all when the batch goes on.
        write_zone_files(zones, files.zones, source=volume)
    write_result(result, output, dtype=task.dtype, uncertainty=files.uncertainty if task.options.samples > 1 else None)
    return "done", result.provenance


def _earlier(files: CaseFiles, volume: Volume, task: _Task) -> dict[str, Any] | None:
    """The record of an image that is just what this case would give again, or None; its zones may be others or missing."""
    try:
        record: dict[str, Any] = json.loads(provenance_path(files.image).read_text(encoding="utf-8"))
        stages = [record["in_plane"], record] if "in_plane" in record else [record]
        models = find_models(task.options.mode, task.options.model, task.options.factor)
        same = (
            tells_of(record, files.image, task.dtype)
            and (task.options.samples == 1 or is_unchanged(record, files.uncertainty))
            and record["options"] == task.options.as_dict()
            and record["input"]["sha256"] == volume_sha256(volume)
            # Results of versions that took padding for data are not kept.
            and "padding" in record["input"]
            and [stage["model"]["sha256"] for stage in stages] == [card.sha256 for card in models]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Whatever lies there is no record of ours.
        return None
    return record if same else None


def _has_zones(files: CaseFiles, record: Mapping[str, Any], task: _Task) -> bool:
    """Whether the zones that lie beside an image are those that the model would find again."""
    told = read_record(provenance_path(files.zones))
    whole = told is not None and all(is_unchanged(told, path) for path in (files.zones, on_the_input(files.zones)))
    return whole and "zones" in record and record["zones"]["model"]["sha256"] == task.zone_sha256


def _segmented(
    volume: Volume,
    files: CaseFiles,
    record: Mapping[str, Any],
    task: _Task,
    progress: ProgressCallback | None,
    cancel: CancelCheck | None,
) -> dict[str, Any]:
    """Find the zones on an image that an earlier run has left, write them, and return its record with them."""
    assert task.zone_model is not None
    device = task.options.device
    check_zones(volume, task.zone_model, device)
    image = read_image(files.image)
    # An image file holds neither what the scanner said of the input, which may forbid or question zones, nor its padding.
    padding = None if volume.padding is None else volume.padding.on(volume.ijk_to_ras, image.shape, image.ijk_to_ras)
    restored = Volume(image.array, image.ijk_to_ras, volume.metadata, padding)
    plain = {name: value for name, value in record.items() if name != "zones"}
    told, zones = segment_restored(
        restored, plain, zone_model=task.zone_model, device=device, progress=progress, cancel=cancel
    )
    if "zones" in record:
        # It must not vouch for files of another model, should this be killed while they are written.
        write_provenance(plain, files.image)
    write_zone_files(zones, files.zones, source=volume)
    write_provenance(told, files.image)
    return told


def _named(progress: ProgressCallback, name: str) -> ProgressCallback:
    return lambda event: progress(ProgressEvent(name, event.step, event.of, event.eta_s))


def _finished(source: VolumeSource, output: Path, status: Finished, record: dict[str, Any], seconds: float) -> CaseReport:
    zones = record.get("zones", {"volumes_ml": {}, "flags": [], "warnings": []})
    notes = " ".join(dict.fromkeys([*record["warnings"], *zones["warnings"]]))
    return CaseReport(
        source.name,
        os.path.abspath(source.path),
        status,
        str(output),
        notes,
        round(seconds, 1),
        record["consistency_db"],
        **{f"{name}_ml": volume for name, volume in zones["volumes_ml"].items()},
        zone_flags=" ".join(zones["flags"]),
    )


def _failed(source: VolumeSource, error: PdmError, seconds: float) -> CaseReport:
    return CaseReport(source.name, os.path.abspath(source.path), "failed", "", str(error), round(seconds, 1), None)
