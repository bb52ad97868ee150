"""The worker's side: one job read, done and reported."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pdm_core.atomic import replacing
from pdm_core.cli.console import JsonConsole, standard_streams
from pdm_core.cli.failures import as_user_error, report
from pdm_core.cli.signals import terminated_as_interrupted
from pdm_core.errors import CancelledError, InputError
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.progress import CancelCheck
from pdm_core.volume.checks import checked_array
from pdm_core.volume.volume import FloatArray, Volume
from pdm_core.worker.command_job import CANCEL, command_job

if TYPE_CHECKING:
    from pdm_core.pipeline.super_resolution import SuperResolutionResult
    from pdm_core.segmentation.zones import Zones

_SAME_PLACE_MM = 1e-2
_RESULT, _UNCERTAINTY, _DETAIL = "result.npy", "uncertainty.npy", "detail.npy"
_ZONES, _ZONES_INPUT = "zones.npy", "zones_input.npy"


def main(argv: Sequence[str] | None = None) -> int:
    """Do one job; everything that can go wrong becomes an error event and an exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    with standard_streams(), terminated_as_interrupted():
        try:
            path, job = _read_job(words)
            return _TASKS[job["task"]](job, path.parent, JsonConsole())
        except (Exception, KeyboardInterrupt) as error:
            if not isinstance(error, CancelledError | InputError):
                traceback.print_exc()
            return report(as_user_error(error), json_lines=True)


def super_resolve_job(job: Mapping[str, Any], folder: Path, console: JsonConsole) -> int:
    """Restore the volume of a job, and find its zones where they are wanted.

    Args:
        job: `volume` (a .npy file, `[K, J, I]`), `ijk_to_ras`, `options` (those of `SuperResolutionOptions`), and as you
            like `metadata`, `reference` with `reference_ijk_to_ras` (on the grid of the result, to measure it against), and
            `zones` (true for the zones too) with `zone_model`.
        folder: where the job lies and the results go.
        console: receives the events; the result event names `result.npy`, `uncertainty.npy` or null, `detail.npy`
            (what the model has added to the measured), `ijk_to_ras`, `provenance` and, with a reference, `quality`; with
            zones also `zones.npy` (uint8, on the grid of the result), `zones_input.npy` (on that of the volume) and
            `zone_report`, see `Zones.report`.
    """
    options = SuperResolutionOptions.from_dict(job["options"])
    volume = _volume(job, folder)
    reference = _reference(job, folder, volume, options)

    from pdm_core.pipeline.placement import measured_only

    result, zones = _restored(job, volume, options, (folder / CANCEL).exists, console)
    _write(result.volume.array, folder / _RESULT)
    _write(result.volume.array - measured_only(volume, options).array, folder / _DETAIL)
    if result.uncertainty is not None:
        _write(result.uncertainty.array, folder / _UNCERTAINTY)
    facts: dict[str, Any] = {
        "volume": _RESULT,
        "uncertainty": None if result.uncertainty is None else _UNCERTAINTY,
        "detail": _DETAIL,
        "ijk_to_ras": result.volume.ijk_to_ras.tolist(),
        "provenance": result.provenance,
    }
    if zones is not None:
        facts |= _zone_facts(zones, folder) | {"zones_input": _ZONES_INPUT}
        _write(zones.on(volume).array.astype(np.uint8), folder / _ZONES_INPUT)
    if reference is not None:
        from pdm_core.metrics.image_quality import quality_against

        facts["quality"] = quality_against(result.volume.array, reference)
    console.result("restored", facts)
    return 0


def segment_zones_job(job: Mapping[str, Any], folder: Path, console: JsonConsole) -> int:
    """Find the zones of the volume of a job.

    Args:
        job: `volume` (a .npy file, `[K, J, I]`), `ijk_to_ras`, and as you like `metadata`, `zone_model` and `device`.
        folder: where the job lies and the results go.
        console: receives the events; the result event names `zones.npy` (uint8, on the grid of the volume), `zone_report`
            (see `Zones.report`) and `provenance`.
    """
    volume = _volume(job, folder)

    from pdm_core.segmentation.zones import find_zones

    zones = find_zones(
        volume,
        model=job.get("zone_model", "auto"),
        device=job.get("device", "auto"),
        progress=console.progress,
        cancel=(folder / CANCEL).exists,
        warn=console.warning,
    )
    console.result("segmented", {**_zone_facts(zones, folder), "provenance": zones.record})
    return 0


def devices_job(job: Mapping[str, Any], folder: Path, console: JsonConsole) -> int:
    """Name the devices that torch can use here, the preferred one first."""
    from pdm_core.networks.devices import available_devices

    console.result("devices", {"devices": available_devices()})
    return 0


_TASKS: dict[str, Callable[[Mapping[str, Any], Path, JsonConsole], int]] = {
    "super-resolve": super_resolve_job,
    "segment-zones": segment_zones_job,
    "devices": devices_job,
    "command": command_job,
}


def _read_job(words: Sequence[str]) -> tuple[Path, Mapping[str, Any]]:
    if len(words) != 1:
        raise InputError("The worker takes one job file.", "Start it as: python -m pdm_core.worker JOB.json")
    path = Path(words[0])
    try:
        job = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The job {path} cannot be read: {error}.") from error
    if not isinstance(job, dict) or job.get("task") not in _TASKS:
        raise InputError(f"The job {path} has no known task.", f"Its task is one of: {', '.join(_TASKS)}.")
    return path, job


def _restored(
    job: Mapping[str, Any], volume: Volume, options: SuperResolutionOptions, cancel: CancelCheck, console: JsonConsole
) -> tuple[SuperResolutionResult, Zones | None]:
    """The result, and its zones where the job wants them."""
    from pdm_core.pipeline.chain import super_resolve_and_segment
    from pdm_core.pipeline.super_resolution import super_resolve

    progress, warn = console.progress, console.warning
    if not job.get("zones"):
        return super_resolve(volume, options, progress=progress, cancel=cancel, warn=warn), None
    model = job.get("zone_model", "auto")
    return super_resolve_and_segment(volume, options, zone_model=model, progress=progress, cancel=cancel, warn=warn)


def _volume(job: Mapping[str, Any], folder: Path) -> Volume:
    array = checked_array(np.load(folder / job["volume"], allow_pickle=False), "The volume")
    return Volume(array, np.array(job["ijk_to_ras"]), job.get("metadata", {}))


def _zone_facts(zones: Zones, folder: Path) -> dict[str, Any]:
    """Write the labels, and say where they are and what is to be said of them."""
    _write(zones.labels.array.astype(np.uint8), folder / _ZONES)
    return {"zones": _ZONES, "zone_report": zones.report}


def _reference(job: Mapping[str, Any], folder: Path, volume: Volume, options: SuperResolutionOptions) -> FloatArray | None:
    """The reference, refused before the work when it does not fit the result voxel by voxel."""
    if job.get("reference") is None:
        return None
    from pdm_core.pipeline.placement import output_lattice

    reference = checked_array(np.load(folder / job["reference"], allow_pickle=False), "The reference")
    expected = output_lattice(volume, options)
    if reference.shape != expected.shape:
        raise InputError(
            f"The reference has {reference.shape[::-1]} voxels (I, J, K), the result will have {expected.shape[::-1]}.",
            "Choose a reference on the grid of the result, or none.",
        )
    apart = np.abs(np.array(job["reference_ijk_to_ras"]) - expected.ijk_to_ras).max()
    if apart > _SAME_PLACE_MM:
        raise InputError(
            f"The reference does not lie where the result will lie: their matrices differ by up to {apart:.3g} mm.",
            "Choose a reference on the grid of the result, or none.",
        )
    return reference


def _write(array: np.ndarray[Any, Any], path: Path) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)
