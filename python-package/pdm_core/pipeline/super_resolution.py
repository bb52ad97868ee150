"""`super_resolve`: a volume in, a sharper one in the same place out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pdm_core.degradation.bandwidth import true_bandwidth
from pdm_core.diffusion.sampling import SamplingPlan
from pdm_core.pipeline.devices import choose_device, default_batch, device_name, prepared
from pdm_core.pipeline.grid import Align, InPlaneGrid, to_tensor
from pdm_core.pipeline.intensity import IntensityMap
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.pipeline.provenance import provenance_record
from pdm_core.pipeline.restoration import Restorer
from pdm_core.pipeline.suitability import refuse_unworkable, warnings_for
from pdm_core.progress import CancelCheck, Progress, ProgressCallback, WarningCallback
from pdm_core.volume.volume import FloatArray, Volume
from pdm_core.zoo import ModelCard, find_model, load_model


@dataclass(frozen=True)
class SuperResolutionResult:
    """What a run gives.

    Attributes:
        volume: the restored volume, intensities as in the input.
        uncertainty: voxel-wise standard deviation over the samples in the input's intensities; None for one sample.
        provenance: JSON-able record of the run.
    """

    volume: Volume
    uncertainty: Volume | None
    provenance: dict[str, Any]


def super_resolve(
    volume: Volume,
    options: SuperResolutionOptions | None = None,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    warn: WarningCallback | None = None,
) -> SuperResolutionResult:
    """Restore the in-plane resolution of `volume`.

    Args:
        volume: the low-resolution volume; it is not changed.
        options: factor, model, sampler, device and the rest.
        progress: receives slice-steps with an ETA.
        cancel: asked after every step.
        warn: receives what the user should know; the same lines stand in the provenance.

    Raises:
        InputError: the options, the model and the volume do not fit together.
        MissingDependencyError: the device or the weights are not there.
        CancelledError: the caller asked to stop.
    """
    options = options or SuperResolutionOptions()
    options.validate()
    card = find_model(options.model, options.factor)
    plan = sampling_plan(options, card)
    refuse_unworkable(volume, card, options.factor)
    device = choose_device(options.device)
    begun = time.monotonic()
    warnings, say = _collecting(warn)
    bandwidth = true_bandwidth(volume.array)
    for line in warnings_for(volume, card, options, plan, bandwidth):
        say(line)

    intensity = IntensityMap.of(volume.array)
    unit = intensity.to_unit(volume.array)
    grid = InPlaneGrid.of(unit, options.factor, options.align, options.pad)
    denoiser = prepared(load_model(card, device), device)
    restorer = Restorer(denoiser, grid, plan, options.samples, options.seed, options.project, device)
    batch = options.batch or default_batch(device, grid.padded_high[0] * grid.padded_high[1], len(unit))
    meter = Progress("restoring", restorer.work_units(len(unit)), progress, cancel)
    restored = restorer.restore(unit, batch, meter, say)
    seconds = time.monotonic() - begun
    record = provenance_record(volume, options, card, plan, grid, restored, bandwidth, warnings, device_name(device), seconds)
    return SuperResolutionResult(
        _placed(volume, grid, intensity.from_unit(restored.mean)),
        None if restored.spread is None else _placed(volume, grid, restored.spread * np.float32(intensity.scale)),
        record,
    )


@torch.inference_mode()
def zero_filled(volume: Volume, factor: float, align: Align = "index0") -> Volume:
    """The volume on the grid of its restoration with nothing added: what was measured, interpolated by zero filling.

    The restoration less this is what the model has inferred.
    """
    grid = InPlaneGrid.of(volume.array, factor, align, pad=False)
    array = np.empty((volume.shape[0], *grid.high), dtype=np.float32)
    for number, measured in enumerate(volume.array):
        tensor = to_tensor(measured[None], torch.device("cpu"))
        array[number] = grid.placed(grid.interpolated(tensor), tensor, project=True)[0, 0].numpy()
    return _placed(volume, grid, array)


def sampling_plan(options: SuperResolutionOptions, card: ModelCard) -> SamplingPlan:
    """The options' sampler, and the card's defaults where the options leave the choice."""
    defaults = card.sampler
    if options.sampler != "auto":
        defaults = {**defaults, "sampler": options.sampler, "eta": options.eta, "grid": options.grid}
    return SamplingPlan(
        sampler=defaults["sampler"],
        steps=options.steps or defaults["steps" if options.samples == 1 else "sample_steps"],
        grid=defaults["grid"],
        eta=defaults["eta"],
        rule=defaults["rule"],
    )


def _placed(source: Volume, grid: InPlaneGrid, array: FloatArray) -> Volume:
    return Volume(array, grid.matrix(source.ijk_to_ras), source.metadata)


def _collecting(warn: WarningCallback | None) -> tuple[list[str], Callable[[str], None]]:
    """A list of warnings and the function that adds to it and tells the caller."""
    warnings: list[str] = []

    def say(line: str) -> None:
        warnings.append(line)
        if warn is not None:
            warn(line)

    return warnings, say
