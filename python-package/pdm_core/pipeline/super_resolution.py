"""`super_resolve`: a volume in, a sharper one in the same place out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pdm_core.degradation.bandwidth import true_bandwidth
from pdm_core.errors import InputError
from pdm_core.networks.devices import choose_device, device_name, number_format
from pdm_core.pipeline.complex_values import check_phase
from pdm_core.pipeline.intensity import IntensityMap
from pdm_core.pipeline.lattice import Lattice
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.pipeline.placement import stages_of
from pdm_core.pipeline.provenance import provenance_record
from pdm_core.pipeline.stages import STAGES, Stage, StageResult, ThroughPlaneStage
from pdm_core.pipeline.suitability import notes_on_source
from pdm_core.progress import CancelCheck, Progress, ProgressCallback, WarningCallback, collecting
from pdm_core.volume.checks import refuse_labels
from pdm_core.volume.identity import volume_record
from pdm_core.volume.scan import Scan
from pdm_core.volume.volume import Volume
from pdm_core.zoo import find_models


@dataclass(frozen=True)
class SuperResolutionResult:
    """What a run gives.

    Attributes:
        volume: the restored volume, intensities as in the input.
        uncertainty: voxel-wise standard deviation over the samples in the input's intensities; None for one sample.
        provenance: JSON-able record of the run.
        phase: of the restored volume in radians, where the phase of the input was given; else None.
    """

    volume: Volume
    uncertainty: Volume | None
    provenance: dict[str, Any]
    phase: Volume | None = None


def super_resolve(
    volume: Volume,
    options: SuperResolutionOptions | None = None,
    *,
    phase: Volume | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    warn: WarningCallback | None = None,
) -> SuperResolutionResult:
    """Restore the resolution of `volume` within its slices, between them, or both.

    Args:
        volume: the low-resolution volume; it is not changed.
        options: mode, factor, model, sampler, device and the rest.
        phase: of `volume` in radians, for a model of complex images, which takes it as zero where none is given.
        progress: receives steps of slices or planes with an ETA.
        cancel: asked after every step, through-plane after every batch of planes.
        warn: receives what the user should know; the same lines stand in the provenance.

    Raises:
        InputError: the options, the model and the volume do not fit together.
        MissingDependencyError: the device or the weights are not there.
        CancelledError: the caller asked to stop.
    """
    options = options or SuperResolutionOptions()
    options.validate()
    refuse_labels(volume)
    scan = Scan.of(volume)
    lattice = Lattice.of(scan.work)
    stages = _planned(lattice, options)
    phase = None if phase is None else _checked_phase(scan, phase, stages)
    IntensityMap.of(scan.work.array)
    device = choose_device(options.device)
    begun = time.monotonic()
    warnings, say = collecting(warn)
    bandwidth = true_bandwidth(scan.work.array)
    on_stages = (line for stage in stages for line in stage.notes(bandwidth))
    for line in (*scan.notes(), *on_stages, *notes_on_source(lattice)):
        say(line)

    meter = Progress("restoring", sum(stage.units for stage in stages), progress, cancel)
    results: list[StageResult] = []
    for stage in stages:
        results.append(stage.run(results[-1].volume if results else scan.work, device, meter, say, phase))
    run = {
        "device": device_name(device),
        "numbers": str(number_format(device, options.precision)).removeprefix("torch."),
        "seconds": round(time.monotonic() - begun, 3),
        "slices_at_a_time": results[-1].batch,
        "megapixels": round(sum(stage.megapixels for stage in stages), 3),
    }
    source = {**volume_record(volume), **scan.record}
    record = provenance_record(source, options, [result.record for result in results], bandwidth, warnings, run)
    spread, restored_phase = _uncertainty(stages, results), results[-1].phase
    return SuperResolutionResult(
        scan.given_back(results[-1].volume),
        None if spread is None else scan.given_back(spread, 0.0),
        record,
        None if restored_phase is None else scan.given_back(restored_phase, 0.0),
    )


def _planned(lattice: Lattice, options: SuperResolutionOptions) -> list[Stage]:
    """The stages, checked against each other before any of them works."""
    stages: list[Stage] = []
    cards = find_models(options.mode, options.model, options.factor)
    for stage_options, card in zip(stages_of(options), cards, strict=True):
        stages.append(STAGES[stage_options.mode](lattice, stage_options, card))
        lattice = stages[-1].after
    return stages


def _checked_phase(scan: Scan, phase: Volume, stages: Sequence[Stage]) -> Volume:
    """The phase on the grid that the stages work on; refused where it is not that of the scan or no stage has a use for it."""
    phase = scan.companion(phase)
    check_phase(scan.work, phase)
    for stage in stages:
        if not stage.card.complex_images:
            raise InputError(
                f"The model {stage.card.name} restores magnitudes: it has no use for a phase.",
                "Leave out the phase, or choose a model of complex images and the mode in-plane.",
            )
    return phase


def _uncertainty(stages: Sequence[Stage], results: Sequence[StageResult]) -> Volume | None:
    """Spread of the last stage, with that of the stage before carried along its slices, as if they were independent."""
    last = results[-1].spread
    if last is None or len(results) == 1:
        return last
    before = results[0].spread
    assert before is not None
    through = stages[-1]
    assert isinstance(through, ThroughPlaneStage)
    carried = through.grid.interpolated(before.array)
    return replace(last, array=np.hypot(last.array, carried))
